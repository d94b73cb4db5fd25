import type { RunLogger } from '../agent/logger.ts';
import type { ApprovalEvent, Entry } from '../journal/events.ts';
import { type Journal, JournalError, type JournalStore } from '../journal/journal.ts';
import { SessionState } from '../journal/session-state.ts';

/** The state that entries fold into. */
export async function foldOf(entries: AsyncIterable<Entry>): Promise<SessionState> {
  const state = new SessionState();
  for await (const entry of entries) state.apply(entry);
  return state;
}

/** The state that a journal folds into: its checkpoint, where it has one, and the entries since. */
export async function stateOf(journal: Journal): Promise<SessionState> {
  const state = (await checkpointOf(journal)) ?? new SessionState();
  for await (const entry of journal.read(state.length)) state.apply(entry);
  return state;
}

/** The state of a session that is only looked at; an empty one where it is not there. */
export async function lookInto(store: JournalStore | null, id: string): Promise<SessionState> {
  const journal = await store?.open(id, { readonly: true }).catch((error: unknown) => {
    if (!(error instanceof JournalError && error.code === 'not-found')) throw error;
  });
  if (!journal) return new SessionState();
  try {
    return await stateOf(journal);
  } finally {
    await journal.close();
  }
}

/** The state of a journal's latest checkpoint. Null where there is none that can be used: then the entries tell it all. */
export async function checkpointOf({ checkpoints }: Journal): Promise<SessionState | null> {
  try {
    const kept = await checkpoints?.latest();
    return kept ? SessionState.restore(kept) : null;
  } catch {
    // Reading entry by entry tells what is wrong, and what can be read before it.
    return null;
  }
}

/**
 * Keeps a checkpoint of a journal and what it has folded into, where one is due. What hinders that is only told in the log:
 * it costs nothing but time when the journal is opened next.
 */
export async function checkpointIfDue(
  journal: Journal,
  state: SessionState,
  logger: () => RunLogger | Promise<RunLogger>,
): Promise<void> {
  const { checkpoints, length } = journal;
  if (!isCheckpointDue(journal) || state.length !== (length ?? state.length)) return;
  try {
    await checkpoints?.keep(state.checkpoint());
  } catch (error) {
    const message = 'no checkpoint was kept: opening the session will take longer';
    // Nor does a logger that fails harm the session.
    await Promise.resolve(logger())
      .then((log) => log.warn({ err: error }, message))
      .catch(() => {});
  }
}

/** Whether a checkpoint of a journal is due. One that can not tell needs none. */
export function isCheckpointDue({ checkpoints }: Journal): boolean {
  try {
    return checkpoints?.due === true;
  } catch {
    return false;
  }
}

/** Keeps a decision in a session that no run has open, once. */
export async function decideInSession(
  store: JournalStore,
  id: string,
  decision: Omit<ApprovalEvent, 'runId' | 'seq'>,
): Promise<void> {
  const journal = await store.open(id);
  try {
    const state = await stateOf(journal);
    if (state.length === 0) throw new JournalError('not-found', `There is no session ${JSON.stringify(id)}.`);
    if (state.wasDecided(decision.callId)) return;
    const entry: ApprovalEvent = { ...decision, runId: state.run?.runId ?? '', seq: state.length };
    await journal.append([entry], entry.seq, { sync: true });
  } finally {
    await journal.close();
  }
}
