import type { Gate } from './admission.ts';
import type { ChildRecord } from './child-records.ts';
import { lossOf } from './close-child.ts';
import { foldOf } from './fold-session.ts';
import { JournalError } from './journal.ts';
import type { RunState } from './run-state.ts';
import type { RunRecord, SessionState } from './session-state.ts';

/**
 * What an earlier process has used and reserved for a run, and for all that it had started, is counted before anything
 * else is: the first of them to go on must not spend what another has used. Gates of the run above know it already.
 */
export async function recall(run: RunState, record: RunRecord, resumed: boolean): Promise<void> {
  const { parent } = run;
  const known = new Set(parent?.recalled ? parent.gates : []);
  const gates = run.gates.filter((gate) => gate.recall && !known.has(gate));
  if (gates.length === 0) return;
  for (const gate of gates) await gate.recall?.(run, record, resumed);
  if (!resumed) return;
  const left = run.state.children.unfinished.filter(({ parentRunId }) => parentRunId === run.runId);
  for (const child of left) await recallChild(run, gates, child);
}

async function recallChild(run: RunState, gates: readonly Gate[], { session }: ChildRecord): Promise<void> {
  const state = await read(run, session);
  if (!state?.run) return;
  const { inFlight, runId } = state.run;
  // What was under way may have been answered, and billed.
  if (inFlight) state.apply({ ...lossOf(run, inFlight), runId, agent: '', at: run.seams.now(), seq: -1 });
  for (const gate of gates) await gate.recall?.(run, state.run, true);
  for (const child of state.children.unfinished) await recallChild(run, gates, child);
}

async function read({ store }: RunState, session: string): Promise<SessionState | null> {
  if (!store) return null;
  try {
    const journal = await store.open(session, { readonly: true });
    try {
      return await foldOf(journal.read());
    } finally {
      await journal.close();
    }
  } catch (error) {
    // It was never written, or can not be gone on with: whoever tries says so.
    if (error instanceof JournalError && (error.code === 'not-found' || error.code === 'corrupt'))
      return null;
    throw error;
  }
}
