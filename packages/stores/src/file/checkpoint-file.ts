import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Checkpoint } from '@pawl/agent-loop/store';
import { createAnew, openIfThere } from './blob-folder.ts';
import { ContentPlaces } from './content-places.ts';
import type { SavedPlaces } from './content-places.ts';
import type { FileSystem } from './file-system.ts';
import { checkpointPath } from './layout.ts';
import { readFully, writeFully } from './line-scanner.ts';
import type { Extent } from './segment.ts';

/** What comes behind the header is compressed by the level that costs least. */
const LEVEL = 1;
const VERSION = 1;
const CRC_DIGITS = 8;

/** How much of a segment a checkpoint covers, and where contents are in there. */
export interface Cover extends Extent {
  readonly epoch: number;
  readonly contents: ContentPlaces;
}

/** A checkpoint as it is in its file. Whether it fits the segments is for the reader to see. */
export interface FoundCheckpoint extends Omit<Checkpoint, 'steps' | 'contents'> {
  /** All that hold the entries before `seq`. */
  readonly covers: readonly Cover[];
  readonly steps: () => string;
}

/** The first line of the file. */
interface Header {
  readonly format: 'pawl-checkpoint';
  readonly version: number;
  readonly seq: number;
  readonly segments: readonly (Extent & { readonly epoch: number })[];
  /** How many bytes follow of each: places of contents, state, steps. */
  readonly parts: readonly number[];
}

/** Reads the checkpoint of a session. Null where there is none, or none that this version can read. */
export async function readCheckpoint(fs: FileSystem, directory: string): Promise<FoundCheckpoint | null> {
  const bytes = await readWhole(fs, checkpointPath(directory));
  const lineEnd = bytes?.indexOf('\n') ?? -1;
  if (!bytes || lineEnd < 0 || !isWhole(bytes)) return null;
  const header = JSON.parse(bytes.toString('utf8', CRC_DIGITS + 1, lineEnd)) as Header;
  if (header.format !== 'pawl-checkpoint' || header.version !== VERSION) return null;
  const parts = cut(bytes.subarray(lineEnd + 1), header.parts);
  const text = (index: number): string => inflateRawSync(parts[index] ?? Buffer.alloc(0)).toString('utf8');
  const places = JSON.parse(text(0)) as readonly SavedPlaces[];
  const covers = header.segments.map((segment, index) => {
    const saved = places[index];
    return { ...segment, contents: saved ? ContentPlaces.restore(saved) : new ContentPlaces() };
  });
  return { seq: header.seq, covers, state: text(1), steps: () => text(2) };
}

/** Keeps a checkpoint that covers so much of the segments, in place of the one before. `isOwner` is asked last. */
export async function writeCheckpoint(
  { fs, directory, epoch }: { readonly fs: FileSystem; readonly directory: string; readonly epoch: number },
  checkpoint: Checkpoint,
  covers: readonly Cover[],
  isOwner: () => Promise<boolean>,
): Promise<void> {
  const bytes = bytesOf(checkpoint, covers);
  const temporary = `${checkpointPath(directory)}.${epoch}.part`;
  const file = await createAnew(fs, temporary);
  try {
    await writeFully(file, bytes);
  } finally {
    await file.close();
  }
  // Nothing depends on it, so it need not survive a loss of power. One that is found cut off is left alone.
  if (await isOwner()) await fs.rename(temporary, checkpointPath(directory));
  else await fs.unlink(temporary);
}

function bytesOf({ seq, state, steps, contents }: Checkpoint, covers: readonly Cover[]): Buffer {
  const wanted = new Set(contents);
  const places = JSON.stringify(covers.map((cover) => cover.contents.save(wanted)));
  const parts = [places, state, steps].map((text) => deflateRawSync(text, { level: LEVEL }));
  const header: Header = {
    format: 'pawl-checkpoint',
    version: VERSION,
    seq,
    segments: covers.map(({ contents: _, ...segment }) => segment),
    parts: parts.map(({ length }) => length),
  };
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...parts]);
  return Buffer.concat([Buffer.from(`${checksum(rest)} `), rest]);
}

function isWhole(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, CRC_DIGITS) === checksum(bytes.subarray(CRC_DIGITS + 1));
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CRC_DIGITS, '0');
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
