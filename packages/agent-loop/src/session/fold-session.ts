import type { ApprovalEvent, Entry } from '../journal/events.ts';
import { JournalError, type JournalStore } from '../journal/journal.ts';
import { SessionState } from '../journal/session-state.ts';

/** The state that entries fold into. */
export async function foldOf(entries: AsyncIterable<Entry>): Promise<SessionState> {
  const state = new SessionState();
  for await (const entry of entries) state.apply(entry);
  return state;
}

/** Keeps a decision in a session that no run has open, once. */
export async function decideInSession(
  store: JournalStore,
  id: string,
  decision: Omit<ApprovalEvent, 'runId' | 'seq'>,
): Promise<void> {
  const journal = await store.open(id);
  try {
    if (journal.length === 0)
      throw new JournalError('not-found', `There is no session ${JSON.stringify(id)}.`);
    const state = await foldOf(journal.read());
    if (state.wasDecided(decision.callId)) return;
    const entry: ApprovalEvent = { ...decision, runId: state.run?.runId ?? '', seq: journal.length };
    await journal.append([entry], entry.seq, { sync: true });
  } finally {
    await journal.close();
  }
}
