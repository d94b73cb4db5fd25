import { crc32 } from 'node:zlib';
import { JournalError } from '@pawl/agent-loop/store';
import { makeDirectory } from './blob-folder.ts';
import { readChainAgain, readChainFrom } from './chain.ts';
import type { Chain } from './chain.ts';
import { FileJournal, ownerOf } from './file-journal.ts';
import type { OwnSegment } from './file-journal.ts';
import { codeOf } from './file-system.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { FORMAT_VERSION, headerText, segmentPath } from './layout.ts';
import type { Seal } from './layout.ts';
import { writeLine } from './line.ts';
import { writeFully } from './line-scanner.ts';
import { readRange } from './segment.ts';
import type { Segment } from './segment.ts';
import { refuseOccupied } from './session-folder.ts';
import { fenced } from './journal-errors.ts';

/** Where a session is. */
export interface Place {
  readonly fs: FileSystem;
  /** The folder of all sessions, and that of this one. */
  readonly root: string;
  readonly directory: string;
  readonly id: string;
  readonly blobBytes: number;
  readonly checkpointBytes: number;
}

/** How often owners may come in between before opening gives up. Each time one of them gets further. */
const MAX_TRIES = 100;

/** Opens a session for reading. Writes nothing. */
export async function openForReading(place: Place): Promise<FileJournal> {
  const { fs, directory, id } = place;
  let chain: Chain;
  try {
    chain = await readChainFrom(fs, directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw notFound(id);
    throw error;
  }
  if (chain.segments.length === 0 && !chain.damage) throw notFound(id);
  checkName(chain, id);
  return journalOf(place, chain, null);
}

/** Opens a session for writing, or makes it. Fences every earlier owner, unless the session is damaged. */
export async function openForWriting(place: Place): Promise<FileJournal> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const journal = await tryToOpen(place);
    if (journal) return journal;
  }
  throw fenced();
}

async function tryToOpen(place: Place): Promise<FileJournal | undefined> {
  const { fs, root, directory, id } = place;
  const isNew = await makeDirectory(fs, directory);
  const before = await ifThere(() => readChainFrom(fs, directory));
  if (!before) return undefined;
  if (!isNew && before.segments.length === 0 && !before.damage) await refuseOccupied(place);
  checkName(before, id);
  if (before.damage) return journalOf(place, before, null);
  // Whoever made the folder may have died before this.
  if (before.length === 0) await fs.syncDirectory(root);
  const epoch = before.lastEpoch + 1;
  const file = await createSegment(fs, segmentPath(directory, epoch));
  if (!file) return undefined;
  try {
    // From here on no earlier owner acknowledges anything, so what is found now is all there is.
    const chain = await readChainAgain(fs, directory, before);
    if (chain.damage) {
      await file.close();
      return journalOf(place, chain, null);
    }
    const own = await writeHeader(place, file, epoch, chain);
    return journalOf(place, chain, own);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function writeHeader(
  { fs, directory, id }: Place,
  file: OpenFile,
  epoch: number,
  chain: Chain,
): Promise<OwnSegment> {
  const last = chain.segments.at(-1);
  const after = last ? sealOf(last) : null;
  if (last && after?.epoch === last.header.epoch) await makeSafe(fs, last);
  const text = headerText({ version: FORMAT_VERSION, session: id, epoch, seq: chain.length, after });
  const line = writeLine({ text, contentAt: -1, blob: null, afterSync: false }, 0);
  await writeFully(file, line.bytes);
  await file.sync();
  await fs.syncDirectory(directory);
  const { ino } = await file.stat();
  const owner = await ownerOf(fs, directory, epoch, ino);
  if (owner !== 'self') throw fenced(owner);
  const sum = crc32(line.bytes);
  return { file, epoch, ino, bytes: line.bytes.byteLength, crc: line.crc, sum };
}

/** A segment without entries says nothing that the one before it does not. */
function sealOf({ header, entries, bytes, crc }: Segment): Seal | null {
  return entries === 0 ? header.after : { epoch: header.epoch, bytes, crc };
}

/**
 * Makes the end of the last segment safe from a loss of power. Its writer may have died before its sync, or seen the
 * sync fail: then the cache may hold it as written although the disk does not, and another sync would do nothing. So the
 * same bytes are written again.
 */
async function makeSafe(fs: FileSystem, { path, safe, bytes }: Segment): Promise<void> {
  const file = await fs.open(path, 'overwrite');
  try {
    await writeFully(file, await readRange(file, safe, bytes), safe);
    await file.sync();
  } finally {
    await file.close();
  }
}

function journalOf(place: Place, chain: Chain, own: OwnSegment | null): FileJournal {
  return new FileJournal({ place, chain, own });
}

/** Some file systems take `Review` and `review` for one name; a session must not continue another. */
function checkName({ segments }: Chain, id: string): void {
  const name = segments[0]?.header.session;
  if (name === undefined || name === id || name.toLowerCase() !== id.toLowerCase()) return;
  throw new JournalError(
    'bad-id',
    `This file system takes ${JSON.stringify(id)} for the session ${JSON.stringify(name)}.`,
  );
}

function notFound(id: string): JournalError {
  return new JournalError('not-found', `There is no session ${JSON.stringify(id)}.`);
}

/** Undefined where another owner was faster, or the session was deleted meanwhile. */
async function createSegment(fs: FileSystem, path: string): Promise<OpenFile | undefined> {
  try {
    return await fs.open(path, 'create');
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
