import type { ToolResultContent, ToolUseBlock } from '../api.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { ToolOutcome } from '../journal/events.ts';
import type { ApprovalDecision, ToolCall } from '../agent/hooks.ts';
import type { RunState } from '../loop/run-state.ts';
import { refuseUnknown, shownFields } from '../option-checks.ts';
import { scrubText } from '../scrub.ts';
import { copyJson } from './json-copy.ts';
import { shapeOutput, textAlone } from './tool-content.ts';
import type { Tool, ToolAccess, ToolContext } from './tool.ts';

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
  /** The input as the model, or the person who changed it, gave it. */
  readonly given: unknown;
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
    // A schema may hand on parts of what it checks: tools and hooks get those of a copy, and the transcript stays as it is.
    const checked = await tool.check(copyJson(call.input));
    if (checked.ok) {
      const { value } = checked;
      const access = tool.access && checkedAccess(await tool.access(value));
      return { state: 'ready', tool, given: call.input, input: value, access };
    }
    return settle(
      'error',
      `The input does not fit the tool's schema. Nothing was run. Problems:\n${checked.message}`,
    );
  } catch (error) {
    return settle('error', `The input could not be checked. Nothing was run: ${publicMessage(error)}`);
  }
}

/** What is no list of keys would keep nothing apart. */
function checkedAccess(access: ToolAccess | undefined): ToolAccess | undefined {
  const isKeys = (keys: unknown): boolean =>
    keys === undefined || (Array.isArray(keys) && keys.every((key) => typeof key === 'string'));
  if (access === undefined) return undefined;
  const { reads, writes, ...others } = Object(access) as Record<string, unknown>;
  if (typeof access === 'object' && isKeys(reads) && isKeys(writes) && Object.keys(others).length === 0)
    return access;
  throw new TypeError(`access returned ${shownFields(access)}, not { reads, writes } with lists of texts`);
}

/** Asks the hook and, where the tool needs it, for a decision. */
export async function decideCall(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
): Promise<Ready | Settled | Undecided> {
  const { tool } = ready;
  try {
    const given = await run.permissions.beforeTool?.(describe(run, call, ready.input));
    const verdict = verdictOf(given, ['deny', 'result'], '{ deny: reason }, { result }');
    if (verdict && 'deny' in verdict) return settle('denied', denial(verdict.deny));
    if (verdict) return settle('ok', shapeOutput(verdict.result, tool.maxResultBytes));
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
  // As the model sent it: what a person changes is checked like it, and it is JSON, which what the schema makes of it need not be.
  await run.record({ type: 'approval-request', callId: call.id, tool: tool.name, input: call.input });
  if (!run.permissions.approve) return { state: 'undecided', input: call.input };
  return askForDecision(run, call, ready);
}

/**
 * What a hook decided, or undefined for nothing: `condition && { deny }` may be false. What looks like a verdict and is none
 * must not wave a call through, or away what it gave.
 */
function verdictOf<V>(given: V, keys: readonly string[], expected: string): Exclude<V, void> | undefined {
  if (given === undefined || given === null || given === false) return undefined;
  if (typeof given === 'object' && keys.some((key) => key in given)) return given as Exclude<V, void>;
  throw new TypeError(`it returned ${shownFields(given)}, not ${expected} or nothing`);
}

async function needsApproval(run: RunState, call: ToolUseBlock, { tool, input }: Ready): Promise<boolean> {
  if (tool.approval !== 'depends') return tool.approval === 'always';
  const needed = await tool.needsApproval(input, {
    callId: call.id,
    runId: run.runId,
    agent: run.spec.name,
  });
  // A function that forgets to answer must not wave calls through.
  return needed !== false;
}

/** Asks the agent's callback and keeps its answer. Where somebody else decides on the call first, that counts. */
export async function askForDecision(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
): Promise<Ready | Settled> {
  const elsewhere = run.decisionOn(call.id);
  let given: ApprovalDecision | undefined;
  try {
    const answer = (async () => ({
      given: await run.permissions.approve?.(describe(run, call, copyJson(call.input))),
    }))();
    const first = await Promise.race([elsewhere.decision, answer]);
    if ('seq' in first) return await applyDecision(run, call, ready, first);
    given = first.given;
  } catch (error) {
    return settle('error', `The call was not run: the approval failed: ${publicMessage(error)}`);
  } finally {
    elsewhere.forget();
  }
  if (run.halt.reason) return settle('cancelled', 'The run was stopped before this call was decided on.');
  const decision = toDecision(given);
  await run.record({ type: 'approval', callId: call.id, tool: call.name, ...decision });
  return applyDecision(run, call, ready, run.state.callOf(call).decided ?? decision);
}

/** What a decision makes of a call. A changed input is checked like the model's own. */
export async function applyDecision(
  run: RunState,
  call: ToolUseBlock,
  ready: Ready,
  { allow, input, reason }: Decision,
): Promise<Ready | Settled> {
  if (!allow) return settle('denied', denial(reason));
  if (input === undefined) return ready;
  return findAndCheck(run, { ...call, input }, undefined);
}

/** A decision, checked. */
export interface Decision {
  readonly allow: boolean;
  readonly input?: unknown;
  readonly reason?: string;
}

/** Throws a ConfigError for what is no decision: the first one counts, so a slip could never be mended. */
export function checkDecision(given: unknown, what = 'decision'): void {
  if (typeof given === 'boolean') return;
  if (typeof (Object(given) as { allow?: unknown }).allow === 'boolean')
    return refuseUnknown(what, given as object, ['allow', 'input', 'reason']);
  throw new ConfigError(
    what,
    `expected true, false or { allow: true | false, input?, reason? }, got ${shownFields(given)}.`,
  );
}

/** Anything but a clear yes is a no. */
export function toDecision(given: unknown): Decision {
  if (typeof given !== 'object' || given === null) return { allow: given === true };
  const { allow, input, reason } = given as { allow?: unknown; input?: unknown; reason?: unknown };
  return {
    allow: allow === true,
    ...(input !== undefined && { input }),
    ...(typeof reason === 'string' && { reason }),
  };
}

function denial(reason: string | undefined): string {
  return reason === undefined || reason === '' ? 'This call was denied.' : `This call was denied: ${reason}`;
}

/** Thrown by a tool whose work goes on later: it waits for decisions, or was left with its run. The call stays open. */
export class LeftOpen extends Error {
  override readonly name = 'LeftOpen';
}

/** Thrown by a tool that knows how the call ended: a replay, or a subagent. */
export class ServedEnd extends Error {
  override readonly name = 'ServedEnd';
  readonly end: Settled;

  constructor(outcome: ToolOutcome, content: ToolResultContent) {
    super('The call ended as it is recorded.');
    this.end = settle(outcome, content);
  }
}

/** Runs a tool. Everything it throws becomes a result. */
export async function execute({ tool, input }: Ready, ctx: ToolContext): Promise<Settled | Undecided> {
  try {
    return settle('ok', shapeOutput(await tool.run(input, ctx), tool.maxResultBytes));
  } catch (error) {
    if (error instanceof ServedEnd) return error.end;
    if (error instanceof LeftOpen) return { state: 'undecided', input };
    return settle('error', errorContent(error, tool));
  }
}

/** Shows a call that has run to the `afterTool` hook, which may replace what the model reads. */
export async function review(
  run: RunState,
  call: ToolUseBlock,
  { tool, input }: Ready,
  ended: Settled,
): Promise<Settled> {
  if (!run.spec.hooks.afterTool) return ended;
  try {
    const { outcome, content } = ended;
    const given = await run.spec.hooks.afterTool({ ...describe(run, call, input), outcome, content });
    const verdict = verdictOf(given, ['result'], '{ result }');
    if (!verdict) return ended;
    const replaced = shapeOutput(verdict.result, tool.maxResultBytes);
    return settle(outcome, outcome === 'ok' ? replaced : textAlone(replaced));
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
  if (isToolError(error)) {
    try {
      return textAlone(shapeOutput(error.content, tool.maxResultBytes));
    } catch {
      // Content that is no content: the message has to do.
    }
  }
  return shapeOutput(`Error: ${publicMessage(error)}`, tool.maxResultBytes);
}

/** By name along its classes, so that a ToolError of another copy of the SDK, or a class made from it, is one too. */
function isToolError(error: unknown): error is Error & { readonly content: unknown } {
  if (!(error instanceof Error) || !('content' in error)) return false;
  for (let part: unknown = error; part instanceof Error; part = Object.getPrototypeOf(part)) {
    if (part.constructor.name === 'ToolError') return true;
  }
  return false;
}

/** The message of an error, safe to show: no stack, no credentials, no endless text. */
export function publicMessage(error: unknown): string {
  const message = scrubText(messageOf(error));
  return message.length > MAX_ERROR_LENGTH
    ? `${message.slice(0, MAX_ERROR_LENGTH).toWellFormed()} [cut]`
    : message.toWellFormed();
}
