import type { AgentSpec } from '../agent/agent-spec.ts';
import type { Entry } from '../journal/events.ts';
import { foldOf } from './fold-session.ts';
import { dropCopies, forkChildren } from '../children/fork-children.ts';
import { copyInto, discard } from './fork-journal.ts';
import type { Journal, JournalStore } from '../journal/journal.ts';
import type { SessionLog } from './session-log.ts';

/** A copy of a session, and how to take it back. */
export interface Branch {
  readonly journal: Journal;
  discard(): Promise<void>;
}

/** Where a session is copied to. */
export interface BranchTarget {
  readonly store: JournalStore;
  readonly spec: AgentSpec;
  /** The session that is copied, and the id of the copy. */
  readonly from: string;
  readonly id: string;
  /** How many entries are copied. */
  readonly at: number;
}

/** Copies the first entries of a session, and with them the sessions of children that are unfinished by then. */
export async function branchSession(log: SessionLog, target: BranchTarget): Promise<Branch> {
  const { store, spec, from, id, at } = target;
  const stamp = { runId: spec.seams.id('run'), agent: spec.name, at: spec.seams.now() };
  const { unfinished } = (await foldOf(log.first(at))).children;
  const children = await forkChildren(store, unfinished, id, spec.seams);
  const last = (seq: number): Entry => ({
    type: 'fork',
    from,
    entries: at,
    ...(children.length > 0 && { children }),
    seq,
    ...stamp,
  });
  try {
    const journal = await copyInto(store, id, log.first(at), last);
    return {
      journal,
      async discard() {
        await discard(store, id, journal);
        await dropCopies(store, children);
      },
    };
  } catch (error) {
    await dropCopies(store, children);
    throw error;
  }
}
