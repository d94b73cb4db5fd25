import type { ToolUseBlock } from '../api.ts';
import type { RunState } from '../loop/run-state.ts';
import { hasExpired, mustNotRepeat } from '../session/session-pending.ts';
import type { CallRecord } from '../journal/call-records.ts';
import {
  applyDecision,
  askForDecision,
  decideCall,
  publicMessage,
  type Ready,
  ServedEnd,
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
  const { started, asked, decided, used } = record;
  if (started) {
    // What it was started with may be what a person made of it.
    const before = used ? await applyDecision(run, call, ready, used) : ready;
    return before.state === 'ready' ? settleStarted(run, call, before, record, ctx) : before;
  }
  if (asked && hasExpired(run.spec, asked.at, decided?.at ?? run.seams.now()))
    return settle('denied', 'This call was not run: nobody decided on it in time.');
  if (decided) return applyDecision(run, call, ready, decided);
  if (!asked) return decideCall(run, call, ready);
  if (!run.permissions.approve) return { state: 'undecided', input: asked.input };
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
  if (!mustNotRepeat(record, tool)) return ready;
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
    if (error instanceof ServedEnd) return error.end;
    return settle(
      'unknown',
      `This call was interrupted, and whether it took effect could not be found out (${publicMessage(error)}). Check before repeating it.`,
    );
  }
}
