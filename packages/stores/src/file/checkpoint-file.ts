import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Checkpoint } from '@pawl/agent-loop/store';
import { saveAssembly } from './assembly.ts';
import type { SavedAssembly } from './assembly.ts';
import { createAnew, openIfThere } from './blob-folder.ts';
import type { ContentPlaces } from './content-places.ts';
import type { FileSystem } from './file-system.ts';
import { checkpointPartPath, checkpointPartsIn, checkpointPath } from './layout.ts';
import { readFully, writeFully } from './line-scanner.ts';
import type { Extent } from './segment.ts';

/** What comes behind the header is compressed by the level that costs least. */
const LEVEL = 1;
const VERSION = 1;
/** The checksum in hexadecimal digits, and a space. */
const SUM_BYTES = 9;

/** How much of a segment a checkpoint covers. */
export interface Cover extends Extent {
  readonly epoch: number;
  /** Position of its first entry. */
  readonly seq: number;
}

/** The same for whoever makes the checkpoint. */
export interface CoveredContents extends Cover {
  readonly contents: ContentPlaces;
}

/** A checkpoint as it is in its file. Whether it fits the segments is for the reader to see. */
export interface FoundCheckpoint {
  readonly seq: number;
  /** All that hold the entries before `seq`. */
  readonly covers: readonly Cover[];
  readonly state: string;
  readonly steps: () => string;
  readonly assembly: SavedAssembly;
  /** The texts among its pieces, one behind the other. */
  readonly text: Buffer;
}

/** The first line of the file. */
interface Header {
  readonly format: 'pawl-checkpoint';
  readonly version: number;
  readonly seq: number;
  readonly segments: readonly Cover[];
  /** How many bytes follow of each: assembly, texts, state, steps. */
  readonly parts: readonly number[];
}

/** Reads the checkpoint of a session. Null where there is none, or none that this version can read. */
export async function readCheckpoint(fs: FileSystem, directory: string): Promise<FoundCheckpoint | null> {
  const bytes = await readWhole(fs, checkpointPath(directory));
  const lineEnd = bytes?.indexOf('\n') ?? -1;
  if (!bytes || lineEnd < 0 || !isWhole(bytes)) return null;
  const { format, version, seq, segments, parts } = headerIn(bytes, lineEnd);
  if (format !== 'pawl-checkpoint' || version !== VERSION) return null;
  const [assembly, text, state, steps] = cut(bytes.subarray(lineEnd + 1), parts).map(
    (part) => () => inflateRawSync(part),
  );
  if (!assembly || !text || !state || !steps) return null;
  return {
    seq,
    covers: segments,
    state: state().toString(),
    steps: () => steps().toString(),
    assembly: JSON.parse(assembly().toString()) as SavedAssembly,
    text: text(),
  };
}

/** Keeps a checkpoint that covers so much of the segments, in place of the one before. `isOwner` is asked last. */
export async function writeCheckpoint(
  { fs, directory, epoch }: { readonly fs: FileSystem; readonly directory: string; readonly epoch: number },
  checkpoint: Checkpoint,
  covers: readonly CoveredContents[],
  isOwner: () => Promise<boolean>,
): Promise<void> {
  const bytes = bytesOf(checkpoint, covers);
  await removeLeftovers(fs, directory, epoch);
  const temporary = checkpointPartPath(directory, epoch);
  try {
    const file = await createAnew(fs, temporary);
    try {
      await writeFully(file, bytes);
    } finally {
      await file.close();
    }
    // Nothing depends on it, so it need not survive a loss of power. One that is found cut off is left alone.
    if (await isOwner()) return await fs.rename(temporary, checkpointPath(directory));
  } catch (error) {
    await unlinkIfPossible(fs, temporary);
    throw error;
  }
  await fs.unlink(temporary);
}

/** Removes what earlier owners have left that died while they wrote one. */
async function removeLeftovers(fs: FileSystem, directory: string, epoch: number): Promise<void> {
  for (const earlier of checkpointPartsIn(await fs.list(directory)))
    if (earlier < epoch) await unlinkIfPossible(fs, checkpointPartPath(directory, earlier));
}

async function unlinkIfPossible(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch {
    // It is in nobody's way.
  }
}

function bytesOf(
  { seq, state, steps, pieces, free }: Checkpoint,
  covers: readonly CoveredContents[],
): Buffer {
  const assembly = JSON.stringify(saveAssembly(pieces, free, covers));
  const text = pieces.filter((piece) => typeof piece === 'string').join('');
  const parts = [assembly, text, state, steps].map((part) => deflateRawSync(part, { level: LEVEL }));
  const header: Header = {
    format: 'pawl-checkpoint',
    version: VERSION,
    seq,
    segments: covers.map(({ contents: _, ...segment }) => segment),
    parts: parts.map(({ length }) => length),
  };
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...parts]);
  return Buffer.concat([Buffer.from(checksum(rest)), rest]);
}

function headerIn(bytes: Buffer, lineEnd: number): Header {
  return JSON.parse(bytes.toString('utf8', SUM_BYTES, lineEnd)) as Header;
}

function isWhole(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, SUM_BYTES) === checksum(bytes.subarray(SUM_BYTES));
}

function checksum(bytes: Buffer): string {
  return `${crc32(bytes).toString(16)} `.padStart(SUM_BYTES, '0');
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  let at = 0;
  return sizes.map((size) => bytes.subarray(at, (at += size)));
}

async function readWhole(fs: FileSystem, path: string): Promise<Buffer | undefined> {
  const file = await openIfThere(fs, path);
  if (!file) return undefined;
  try {
    const bytes = Buffer.allocUnsafe((await file.stat()).size);
    return bytes.subarray(0, await readFully(file, bytes, 0));
  } finally {
    await file.close();
  }
}
