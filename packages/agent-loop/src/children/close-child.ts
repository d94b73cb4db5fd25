import { NOTHING } from '../money/budget-book.ts';
import { type ChildEnd, type ChildRecord, givenUp } from './child-records.ts';
import { stateOf } from '../session/fold-session.ts';
import type { Entry, NewEntry, RequestEvent } from '../journal/events.ts';
import { type Journal, JournalError, type JournalStore } from '../journal/journal.ts';
import { worstFields } from '../money/reply-price.ts';
import type { RunState } from '../loop/run-state.ts';
import type { SessionState } from '../journal/session-state.ts';

/**
 * Closes the session of a child that was left unfinished and that nobody goes on with: its own children first, then what
 * it had asked for, then its run. Returns its end for the parent's journal, with all that it has used.
 */
export async function closeChild(run: RunState, record: ChildRecord): Promise<ChildEnd> {
  const { store, seams } = run;
  const { childRunId, child, session, parentRunId } = record;
  const end = givenUp(record, `The background subagent "${child}" was given up before it had ended.`);
  const opened = await openOwn(store, session);
  if (!opened) return end;
  const { journal, state } = opened;
  try {
    const stamp = { runId: state.run?.runId ?? childRunId, agent: child, at: seams.now(), parentRunId };
    const keep = async (entry: NewEntry): Promise<void> => {
      const stamped: Entry = { ...entry, ...stamp, seq: state.length };
      await journal.append([stamped], stamped.seq, { sync: entry.type === 'run-end' });
      state.apply(stamped);
    };
    for (const grandchild of state.children.unfinished) await keep(await closeChild(run, grandchild));
    if (state.run?.inFlight) await keep(lossOf(run, state.run.inFlight));
    if (state.run && (state.run.ended === null || state.run.ended === 'awaiting-approval'))
      await keep({ type: 'run-end', outcome: 'stopped', turns: state.run.tally.turns, reason: 'given up' });
    const { runId, spend } = state.run ?? { runId: childRunId, spend: state.spend };
    const left = { runId, spend, resumed: false, inherited: true, ofChildren: async () => NOTHING };
    for (const gate of run.gates) await gate.recall?.(left);
    return {
      ...end,
      steps: [...state.total.steps],
      lostUsd: state.total.lostUsd,
      ...(state.spend.told && { counted: state.spend.told }),
      children: state.children.startedBy(stamp.runId),
    };
  } finally {
    await journal.close();
  }
}

/** Opens it for writing, which ends whatever still writes to it. Null where it was never written, or can not be. */
async function openOwn(
  store: JournalStore | null,
  session: string,
): Promise<{ journal: Journal; state: SessionState } | null> {
  if (!store) return null;
  try {
    const journal = await store.open(session);
    return { journal, state: await stateOf(journal) };
  } catch (error) {
    if (error instanceof JournalError && (error.code === 'corrupt' || error.code === 'not-found'))
      return null;
    throw error;
  }
}

/** The process ended while a request was under way: the server may have answered, and billed, what nobody received. */
export function lossOf(run: RunState, request: RequestEvent): Extract<NewEntry, { type: 'reply-lost' }> {
  const { turn, attempt, model } = request;
  return {
    type: 'reply-lost',
    turn,
    attempt,
    code: 'interrupted',
    message: 'The process ended while this request was under way.',
    text: '',
    model,
    durationMs: 0,
    ...worstFields(run, request),
  };
}
