import { ConfigError } from './errors.ts';
import type { Entry } from './events.ts';
import type { Journal, JournalStore } from './journal.ts';

const BATCH = 256;

/** Opens a journal that must not exist yet, and copies entries into it. Only the last append waits for the disk. */
export async function copyInto(
  store: JournalStore,
  id: string,
  entries: AsyncIterable<Entry>,
  last?: (seq: number) => Entry,
): Promise<Journal> {
  const journal = await store.open(id);
  if (journal.length > 0) {
    await journal.close();
    throw new ConfigError('id', `there is a session "${id}" already. Choose another id or delete it first.`);
  }
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
  return journal;
}
