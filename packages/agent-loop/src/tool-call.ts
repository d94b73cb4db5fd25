import type { ToolResultContent, ToolUseBlock } from './api.ts';
import { messageOf } from './errors.ts';
import type { ToolOutcome } from './events.ts';
import type { ApprovalDecision, ToolCall } from './hooks.ts';
import type { RunState } from './run-state.ts';
import { scrubText } from './scrub.ts';
import { shapeOutput } from './tool-content.ts';
import type { Tool, ToolAccess } from './tool.ts';

/** A call that ended, however it did. */
export interface Settled {
  readonly state: 'settled';
  readonly outcome: ToolOutcome;
  readonly content: ToolResultContent;
}
/** A call that may run. */
export interface Ready {
  readonly state: 'ready';
  readonly tool: Tool;
  readonly input: unknown;
  readonly access: ToolAccess | undefined;
}
/** A call nobody has decided on. */
export interface Undecided {
  readonly state: 'undecided';
  readonly input: unknown;
}

const MAX_ERROR_LENGTH = 4000;

/** An end that the model reads as an error. */
export function settle(outcome: ToolOutcome, content: ToolResultContent): Settled {
  return { state: 'settled', outcome, content };
}

/** Finds the tool and checks the input. What is wrong becomes an error the model can act on. */
export async function findAndCheck(
  run: RunState,
  call: ToolUseBlock,
  brokenInput: string | undefined,
): Promise<Ready | Settled> {
  const tool = run.spec.tools.get(call.name);
  if (!tool) {
    const known = [...run.spec.tools.keys()].join(', ') || 'none';
    return settle('error', `There is no tool named "${call.name}". Available tools: ${known}.`);
  }
  if (brokenInput !== undefined) {
    return settle(
      'error',
      `The input of this call is not valid JSON (${brokenInput}). Nothing was run. Send the call again with complete, valid JSON.`,
    );
  }
  try {
    const checked = await tool.check(call.input);
    if (checked.ok)
      return { state: 'ready', tool, input: checked.value, access: tool.access?.(checked.value) };
    return settle(
      'error',
      `The input does not fit the tool's schema. Nothing was run. Problems:\n${checked.message}`,
    );
  } catch (error) {
    return settle('error', `The input could not be checked: ${publicMessage(error)}`);
  }
}

/** Asks the hook and, where the tool needs it, for a decision. */
export async function decideCall(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
): Promise<Ready | Settled | Undecided> {
  const { tool } = ready;
  try {
    const verdict = await run.spec.hooks.beforeTool?.(describe(run, call, ready.input));
    if (verdict && 'deny' in verdict) return settle('denied', `This call was denied: ${verdict.deny}`);
    if (verdict && 'result' in verdict) return settle('ok', shapeOutput(verdict.result, tool.maxResultBytes));
  } catch (error) {
    return settle('error', `The call was not run: the beforeTool hook failed: ${publicMessage(error)}`);
  }
  try {
    if (!(await needsApproval(run, call, ready))) return ready;
  } catch (error) {
    return settle(
      'error',
      `The call was not run: whether it needs approval could not be told: ${publicMessage(error)}`,
    );
  }
  await run.record({ type: 'approval-request', callId: call.id, tool: tool.name, input: ready.input });
  if (!run.spec.approve) return { state: 'undecided', input: ready.input };
  return askForDecision(run, call, ready);
}

async function needsApproval(run: RunState, call: ToolUseBlock, { tool, input }: Ready): Promise<boolean> {
  if (tool.approval !== 'depends') return tool.approval === 'always';
  return tool.needsApproval(input, { callId: call.id, runId: run.runId, agent: run.spec.name });
}

async function askForDecision(run: RunState, call: ToolUseBlock, ready: Ready): Promise<Ready | Settled> {
  let decision: ApprovalDecision | undefined;
  try {
    decision = await run.spec.approve?.(describe(run, call, ready.input));
  } catch (error) {
    return settle('error', `The call was not run: the approval failed: ${publicMessage(error)}`);
  }
  const { allow, input, reason } = typeof decision === 'object' ? decision : { allow: decision === true };
  await run.record({
    type: 'approval',
    callId: call.id,
    tool: call.name,
    allow,
    ...(input !== undefined && { input }),
    ...(reason !== undefined && { reason }),
  });
  if (!allow)
    return settle(
      'denied',
      reason === undefined ? 'This call was denied.' : `This call was denied: ${reason}`,
    );
  if (input === undefined) return ready;
  return findAndCheck(run, { ...call, input }, undefined);
}

/** Runs a call: at most `timeoutMs`, and never waited for once `signal` is aborted. Everything thrown becomes a result. */
export async function execute(
  run: RunState,
  call: ToolUseBlock,
  { tool, input }: Ready,
  signal: AbortSignal,
  idempotencyKey: string,
): Promise<Settled> {
  const work = async (): Promise<Settled> => {
    const output = await tool.run(input, {
      signal,
      callId: call.id,
      idempotencyKey,
      attempt: 1,
      runId: run.runId,
      sessionId: null,
      agent: run.spec.name,
      logger: run.logger,
      progress: (message) =>
        run.tell({ type: 'tool-progress', callId: call.id, tool: tool.name, message: String(message) }),
    });
    return settle('ok', shapeOutput(output, tool.maxResultBytes));
  };
  const ended = await work().catch((error: unknown) => settle('error', errorContent(error, tool)));
  return afterTool(run, call, tool, input, ended);
}

async function afterTool(
  run: RunState,
  call: ToolUseBlock,
  tool: Tool,
  input: unknown,
  ended: Settled,
): Promise<Settled> {
  if (!run.spec.hooks.afterTool) return ended;
  try {
    const { outcome, content } = ended;
    const verdict = await run.spec.hooks.afterTool({ ...describe(run, call, input), outcome, content });
    return verdict ? settle(outcome, shapeOutput(verdict.result, tool.maxResultBytes)) : ended;
  } catch (error) {
    return settle(
      'error',
      `The tool has run, but the afterTool hook failed, so its result is not shown: ${publicMessage(error)}`,
    );
  }
}

function describe(run: RunState, call: ToolUseBlock, input: unknown): ToolCall {
  return { callId: call.id, tool: call.name, input, agent: run.spec.name, runId: run.runId };
}

/** What the model reads of a failed tool: a ToolError's own content, otherwise the message without stack or secrets. */
function errorContent(error: unknown, tool: Tool): ToolResultContent {
  if (error instanceof Error && error.name === 'ToolError' && 'content' in error) {
    return shapeOutput(error.content, tool.maxResultBytes);
  }
  return `Error: ${publicMessage(error)}`;
}

/** The message of an error, safe to show: no stack, no credentials, no endless text. */
export function publicMessage(error: unknown): string {
  const message = scrubText(messageOf(error));
  return message.length > MAX_ERROR_LENGTH ? `${message.slice(0, MAX_ERROR_LENGTH)} [cut]` : message;
}
