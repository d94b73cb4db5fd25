import type { ToolUseBlock } from './api.ts';
import type { RunState } from './run-state.ts';
import type { CallRecord } from './session-state.ts';
import {
  applyDecision,
  askForDecision,
  decideCall,
  publicMessage,
  type Ready,
  type Settled,
  settle,
  type Undecided,
} from './tool-call.ts';
import { shapeOutput } from './tool-content.ts';
import type { ToolContext } from './tool.ts';

/**
 * Decides on a call that an earlier process left open. A finished call never gets here; one that was started is repeated
 * only where its tool declares that this is safe, or where somebody said so.
 */
export async function decideInterrupted(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
  record: CallRecord,
  ctx: ToolContext,
): Promise<Ready | Settled | Undecided> {
  if (record.started) return settleStarted(run, call, ready, record, ctx);
  if (record.decided) return applyDecision(run, call, ready, record.decided);
  if (!record.asked) return decideCall(run, call, ready);
  if (isExpired(run, record)) return settle('denied', 'This call was not run: nobody decided on it in time.');
  if (!run.spec.approve) return { state: 'undecided', input: record.asked.input };
  return askForDecision(run, call, ready);
}

async function settleStarted(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
  record: CallRecord,
  ctx: ToolContext,
): Promise<Ready | Settled> {
  const { tool } = ready;
  if (tool.effect !== 'once') return ready;
  if (tool.reconcile) return reconcile(ready, ctx);
  if (record.decided?.allow) return applyDecision(run, call, ready, record.decided);
  const why =
    record.decided?.reason === undefined
      ? ''
      : ` A person decided not to repeat it: ${record.decided.reason}`;
  return settle(
    'unknown',
    `This call was interrupted: it may or may not have taken effect. Check before repeating it.${why}`,
  );
}

/** Asks the outside world. Not knowing is an answer too: then the model is told so, and nothing is repeated. */
async function reconcile(ready: Ready, ctx: ToolContext): Promise<Ready | Settled> {
  const { tool, input } = ready;
  try {
    const found = await tool.reconcile?.(input, ctx);
    return found === undefined ? ready : settle('ok', shapeOutput(found, tool.maxResultBytes));
  } catch (error) {
    return settle(
      'unknown',
      `This call was interrupted, and whether it took effect could not be found out (${publicMessage(error)}). Check before repeating it.`,
    );
  }
}

function isExpired(run: RunState, { asked }: CallRecord): boolean {
  const { approvalExpiryMs } = run.spec;
  return (
    approvalExpiryMs !== undefined && asked !== undefined && run.seams.now() - asked.at > approvalExpiryMs
  );
}
