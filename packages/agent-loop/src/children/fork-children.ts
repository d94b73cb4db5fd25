import { freeChildId } from './child-id.ts';
import { foldOf } from '../session/fold-session.ts';
import type { ChildRecord } from './child-records.ts';
import type { ForkEvent } from '../journal/events.ts';
import { copyInto } from '../session/fork-journal.ts';
import { isEmpty, type Journal, JournalError, type JournalStore } from '../journal/journal.ts';
import type { Seams } from '../seams.ts';

type Copies = NonNullable<ForkEvent['children']>;

/**
 * Copies the sessions of a session's unfinished children, at any depth, for a fork of it: two owners share none. Each copy
 * goes on from where the original is now, under the fork. Returns which session became which.
 */
export async function forkChildren(
  store: JournalStore,
  unfinished: readonly ChildRecord[],
  fork: string,
  seams: Seams,
): Promise<Copies> {
  const copies: Copies[number][] = [];
  try {
    for (const record of unfinished) copies.push(...(await forkChild(store, record, fork, seams)));
    return copies;
  } catch (error) {
    await dropCopies(store, copies);
    throw error;
  }
}

/** Deletes copies that turned out to be of no use. */
export async function dropCopies(store: JournalStore, copies: Copies): Promise<void> {
  for (const { to } of copies) await store.delete(to);
}

async function forkChild(
  store: JournalStore,
  { session, callId, child }: ChildRecord,
  parent: string,
  seams: Seams,
): Promise<Copies> {
  const to = await freeChildId(parent, callId, store, () => false);
  const original = await openToRead(store, session);
  // It was killed before it wrote anything: the fork begins it anew.
  if (!original) return [{ from: session, to }];
  let children: Copies = [];
  try {
    const state = await foldOf(original.read());
    children = await forkChildren(store, state.children.unfinished, to, seams);
    const stamp = { runId: seams.id('run'), agent: child, at: seams.now() };
    const last = (seq: number): ForkEvent => ({
      type: 'fork',
      from: session,
      entries: seq,
      ...(children.length > 0 && { children }),
      parent: { session: parent, callId },
      ...stamp,
      seq,
    });
    await (await copyInto(store, to, original.read(), last)).close();
    return [{ from: session, to }, ...children];
  } catch (error) {
    await dropCopies(store, children);
    throw error;
  } finally {
    await original.close();
  }
}

/** Null where nothing was ever written. */
async function openToRead(store: JournalStore, session: string): Promise<Journal | null> {
  try {
    const journal = await store.open(session, { readonly: true });
    if (!(await isEmpty(journal))) return journal;
    await journal.close();
    return null;
  } catch (error) {
    if (error instanceof JournalError && error.code === 'not-found') return null;
    throw error;
  }
}
