import type { AgentSpec } from '../agent/agent-spec.ts';
import { RunError } from '../errors.ts';
import { checkOutput } from '../agent/output.ts';
import type { PartialRunResult, RunResult } from '../loop/result.ts';
import type { SessionState } from '../journal/session-state.ts';
import { textOf } from '../money/tally.ts';

/**
 * The result of the latest run of a session, from its journal alone: nothing is run for it. Rejects with the RunError
 * of a run that failed.
 */
export async function recordedResult(state: SessionState, spec: AgentSpec): Promise<RunResult> {
  const { run } = state;
  const end = run?.end;
  if (!run || !end) throw new Error('The run has not ended: there is no result to read.');
  const { turns, usage, cost, steps } = run.tally;
  // A fork counts from its beginning, and goes on from the reply it was made at.
  const reply = run.tally.reply ?? run.unanswered?.message ?? null;
  const text = run.tally.text || (reply ? textOf(reply) : '');
  const known: PartialRunResult = {
    runId: run.runId,
    text,
    turns,
    messages: state.transcript.closed(),
    usage,
    cost,
    steps: [...steps],
  };
  if (end.outcome === 'failed') {
    const error = new RunError(end.code ?? 'config', end.reason ?? 'The run failed.');
    error.result = known;
    throw error;
  }
  const { outcome, reason } = end;
  const checked =
    spec.output && reply && outcome === 'completed' ? await checkOutput(spec.output, reply) : null;
  const output = checked?.ok ? checked.value : null;
  return { ...known, outcome, output, reason, reply, pending: null };
}
