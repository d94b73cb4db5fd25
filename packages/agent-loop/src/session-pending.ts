import type { AgentSpec } from './agent-spec.ts';
import type { ToolUseBlock } from './api.ts';
import type { Pending, PendingApproval } from './result.ts';
import type { CallRecord, SessionState } from './session-state.ts';

/**
 * What a session waits for, or null. A run that has no end was interrupted; one that ended as `awaiting-approval` waits
 * for decisions. Listed are the calls that a decision can be given on: those that need approval, and those that were
 * started, may have happened, and can neither be repeated nor be asked about.
 */
export function pendingOf(state: SessionState, spec: AgentSpec): Pending | null {
  const { run } = state;
  if (!run || (run.ended !== null && run.ended !== 'awaiting-approval')) return null;
  // A run that was cut off before its input was kept has nothing to finish: nobody was told that it had begun.
  if (!run.unanswered && state.transcript.messages.at(-1)?.role !== 'user') return null;
  const reason = run.ended === null ? 'interrupted' : 'awaiting-approval';
  const approvals: PendingApproval[] = [];
  for (const block of state.openCalls()) {
    const record = state.callOf(block);
    if (!record.decided && (waitsForApproval(record) || isInDoubt(record, block, spec))) {
      const input = record.asked?.input ?? record.started?.input ?? block.input;
      approvals.push({ callId: block.id, tool: block.name, input, agent: spec.name });
    }
  }
  return { reason, approvals };
}

function waitsForApproval(record: CallRecord): boolean {
  return record.asked !== undefined && record.started === undefined;
}

/** Started, not ended, with an effect that must not be repeated blindly, and nobody to ask. */
function isInDoubt(record: CallRecord, block: ToolUseBlock, spec: AgentSpec): boolean {
  return record.started?.effect === 'once' && spec.tools.get(block.name)?.reconcile === undefined;
}
