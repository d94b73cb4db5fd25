import { ConfigError } from './errors.ts';
import type { Entry } from './events.ts';
import { type Journal, JournalError, type JournalStore } from './journal.ts';

const BATCH = 256;

/**
 * Copies entries into a journal that must not exist yet. Only the last append waits for the disk. Where copying fails,
 * nothing of it is left.
 */
export async function copyInto(
  store: JournalStore,
  id: string,
  entries: AsyncIterable<Entry>,
  last?: (seq: number) => Entry,
): Promise<Journal> {
  await checkFree(store, id);
  const journal = await store.open(id);
  if (journal.length > 0 || journal.damage) {
    await journal.close();
    throw taken(id);
  }
  try {
    await copy(journal, entries, last);
    return journal;
  } catch (error) {
    await discard(store, id, journal);
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
  const isFree = found.length === 0 && !found.damage;
  await found.close();
  if (!isFree) throw taken(id);
}

async function copy(
  journal: Journal,
  entries: AsyncIterable<Entry>,
  last: ((seq: number) => Entry) | undefined,
): Promise<void> {
  let batch: Entry[] = [];
  const flush = async (sync: boolean): Promise<void> => {
    if (batch.length > 0) await journal.append(batch, journal.length, { sync });
    batch = [];
  };
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length >= BATCH) await flush(false);
  }
  if (last) batch.push(last(journal.length + batch.length));
  await flush(true);
}

function taken(id: string): ConfigError {
  return new ConfigError('id', `there is a session "${id}" already. Choose another id or delete it first.`);
}
