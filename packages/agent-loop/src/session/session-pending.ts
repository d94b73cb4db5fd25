import type { AgentSpec } from '../agent/agent-spec.ts';
import type { ToolUseBlock } from '../api.ts';
import type { Pending, PendingApproval } from '../loop/result.ts';
import type { CallRecord } from '../journal/call-records.ts';
import type { Seams } from '../seams.ts';
import type { SessionState } from '../journal/session-state.ts';
import type { Tool } from '../tools/tool.ts';

/** What is known of the agent of a session. */
export type Judge = Pick<AgentSpec, 'name' | 'tools' | 'seams' | 'approvalExpiryMs'>;

/** Of an agent that nobody here knows, such as one that a script has made: what its journal says is all there is. */
export function strangerNamed(name: string, seams: Seams): Judge {
  return { name, tools: new Map(), seams, approvalExpiryMs: undefined };
}

/**
 * What a session waits for, or null. A run that has no end was interrupted; one that ended as `awaiting-approval` waits
 * for decisions. Listed are the calls that a decision can be given on.
 */
export function pendingOf(state: SessionState, spec: Judge): Pending | null {
  const { run } = state;
  if (!run || (run.ended !== null && run.ended !== 'awaiting-approval')) return null;
  // A run that was cut off before its input was kept has nothing to finish: nobody was told that it had begun.
  const begun = run.unanswered || run.inFlight || state.paused;
  if (!begun && state.transcript.lastRole !== 'user') return null;
  const reason = run.ended === null ? 'interrupted' : 'awaiting-approval';
  const own = listed(state, spec, (call) => isUndecided(call, state, spec));
  return { reason, approvals: [...own, ...state.children.approvals] };
}

/** The calls of a run under way that wait for a decision, without those of its children. */
export function askedNow(state: SessionState, spec: Judge): readonly PendingApproval[] {
  return listed(state, spec, (call) => waitsForApproval(state.callOf(call), spec));
}

/** Whether a decision can be given on a call that no run has in hand. */
function isUndecided(block: ToolUseBlock, state: SessionState, spec: Judge): boolean {
  const record = state.callOf(block);
  return waitsForApproval(record, spec) || isInDoubt(record, spec.tools.get(block.name));
}

function listed(
  state: SessionState,
  spec: Judge,
  include: (call: ToolUseBlock) => boolean,
): PendingApproval[] {
  return state
    .openCalls()
    .filter(include)
    .map((block) => {
      const { asked, started } = state.callOf(block);
      return {
        callId: block.id,
        tool: block.name,
        input: started?.input ?? asked?.input ?? block.input,
        agent: spec.name,
      };
    });
}

function waitsForApproval({ asked, started, decided }: CallRecord, spec: Judge): boolean {
  return asked !== undefined && !started && !decided && !hasExpired(spec, asked.at, spec.seams.now());
}

/** Started, not ended, with an effect that must not be repeated blindly, and nobody to ask. */
function isInDoubt(record: CallRecord, tool: Tool | undefined): boolean {
  return !record.decided && mustNotRepeat(record, tool) && tool?.reconcile === undefined;
}

/** Whether a call that was started may only be repeated where somebody says so: its tool says it now, or said it then. */
export function mustNotRepeat({ started }: CallRecord, tool: Tool | undefined): boolean {
  return started !== undefined && (started.effect === 'once' || tool?.effect === 'once');
}

/** Whether a question of that time is too old to be answered. Times are epoch milliseconds. */
export function hasExpired(
  { approvalExpiryMs }: Pick<AgentSpec, 'approvalExpiryMs'>,
  askedAt: number,
  now: number,
): boolean {
  return approvalExpiryMs !== undefined && now - askedAt > approvalExpiryMs;
}
