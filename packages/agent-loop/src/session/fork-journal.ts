import { ConfigError } from '../errors.ts';
import type { Entry } from '../journal/events.ts';
import { isEmpty, type Journal, JournalError, type JournalStore } from '../journal/journal.ts';

/**
 * Copies entries into a journal that must not exist yet, whole or not at all: a copy that a crash cuts off never passes
 * for a session. `last` makes one more entry, for the end.
 */
export async function copyInto(
  store: JournalStore,
  id: string,
  entries: AsyncIterable<Entry>,
  last?: (seq: number) => Entry,
): Promise<Journal> {
  await checkFree(store, id);
  if (store.create) {
    try {
      await store.create(id, followedBy(entries, last));
    } catch (error) {
      if (error instanceof JournalError && error.code === 'seq-conflict') throw taken(id);
      throw error;
    }
    return store.open(id);
  }
  const all: Entry[] = [];
  for await (const entry of followedBy(entries, last)) all.push(entry);
  const journal = await store.open(id);
  try {
    await journal.append(all, 0, { sync: true });
    return journal;
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** Deletes a copy that turned out to be of no use. What went wrong is reported by whoever calls this. */
export async function discard(store: JournalStore, id: string, journal: Journal): Promise<void> {
  try {
    await journal.close();
  } finally {
    await store.delete(id);
  }
}

/** Looks without opening for writing, which would take the session from its owner. */
async function checkFree(store: JournalStore, id: string): Promise<void> {
  let found: Journal;
  try {
    found = await store.open(id, { readonly: true });
  } catch (error) {
    if (error instanceof JournalError && error.code === 'not-found') return;
    throw error;
  }
  const isFree = !found.damage && (await isEmpty(found));
  await found.close();
  if (!isFree) throw taken(id);
}

async function* followedBy(
  entries: AsyncIterable<Entry>,
  last: ((seq: number) => Entry) | undefined,
): AsyncGenerator<Entry> {
  let count = 0;
  for await (const entry of entries) {
    yield entry;
    count += 1;
  }
  if (last) yield last(count);
}

function taken(id: string): ConfigError {
  return new ConfigError('id', `there is a session "${id}" already. Choose another id or delete it first.`);
}
