import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { JournalError } from '@pawl/agent-loop/store';
import type { Entry } from '@pawl/agent-loop/store';
import { codeOf } from './file-system.ts';
import { openForWriting } from './open-session.ts';
import type { Place } from './open-session.ts';
import { refuseOccupied } from './session-folder.ts';

/** No session begins with a dot. */
const UNFINISHED = '.new-';
/** Entries that are written at once. */
const BATCH = 256;

/**
 * Makes a session of entries in a folder of another name, and gives it its own when all of it is safe. So a crash leaves
 * the session or none.
 */
export async function createWhole(place: Place, entries: AsyncIterable<Entry>): Promise<void> {
  const { fs, root, directory, id } = place;
  if (await fs.stat(directory)) {
    await refuseOccupied(place);
    throw exists(id);
  }
  const unfinished = join(root, `${UNFINISHED}${randomUUID()}`);
  await fill({ ...place, directory: unfinished }, entries);
  try {
    await fs.rename(unfinished, directory);
  } catch (error) {
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') throw exists(id);
    throw error;
  }
  await fs.syncDirectory(root);
}

async function fill(place: Place, entries: AsyncIterable<Entry>): Promise<void> {
  const journal = await openForWriting(place);
  try {
    let batch: Entry[] = [];
    for await (const entry of entries) {
      batch.push(entry);
      if (batch.length < BATCH) continue;
      await journal.append(batch, journal.length, { sync: false });
      batch = [];
    }
    await journal.append(batch, journal.length, { sync: true });
  } finally {
    await journal.close();
  }
}

function exists(id: string): JournalError {
  return new JournalError('seq-conflict', `There is a session ${JSON.stringify(id)} already.`);
}
