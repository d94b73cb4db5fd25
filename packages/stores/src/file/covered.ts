import { crc32 } from 'node:zlib';
import { JournalError } from '@pawl/agent-loop/store';
import type { KeptCheckpoint } from '@pawl/agent-loop/store';
import { Assembly, placesIn } from './assembly.ts';
import type { SavedAssembly } from './assembly.ts';
import { readBlobBytes } from './blob-folder.ts';
import type { Cover, FoundCheckpoint } from './checkpoint-file.ts';
import type { FileSystem } from './file-system.ts';
import { readFully } from './line-scanner.ts';
import { segmentFrom } from './segment.ts';
import type { Segment } from './segment.ts';

/** A checkpoint that fits its session. */
export interface Covered {
  readonly checkpoint: KeptCheckpoint;
  /** The segments as far as it covers them: they need not be looked at line by line. */
  readonly segments: readonly Segment[];
}

/**
 * The segments as far as a checkpoint covers them. Null where they are not, byte by byte, what it was made of: then every
 * line is looked at, which tells what is wrong. `links` are all that count, in their order. They are read once: what the
 * checkpoint refers to is taken out of their bytes as these are checked.
 */
export async function coveredBy(
  fs: FileSystem,
  directory: string,
  links: readonly Segment[],
  found: FoundCheckpoint,
): Promise<Covered | null> {
  const { seq, covers, state, steps } = found;
  if (!covers.every((cover, index) => fits(cover, links, index, covers.length))) return null;
  const assembly = new Assembly(found.assembly, found.text);
  const places = placesIn(found.assembly);
  const segments: Segment[] = [];
  for (const [index, cover] of covers.entries()) {
    const [link, contents] = [links[index], places[index]];
    if (!link || !contents) return null;
    const take = assembly.taker(index);
    if (!(await readCovered(fs, link.path, cover, assembly.chunk, take))) return null;
    segments.push({ ...segmentFrom(link, cover), contents });
  }
  const { bytes, ends } = assembly;
  if (!(await addApart(fs, directory, segments, found.assembly.apart, bytes))) return null;
  return { checkpoint: { seq, state, steps, bytes, ends }, segments };
}

/** Whether the segment is there, and counts as far as it is covered. */
function fits(cover: Cover, links: readonly Segment[], index: number, count: number): boolean {
  const next = links[index + 1]?.header.after;
  if (links[index]?.header.epoch !== cover.epoch) return false;
  if (!next) return true;
  return index === count - 1 ? cover.bytes <= next.bytes : cover.bytes === next.bytes;
}

/** Reads a segment as far as it is covered, one part after the other into `memory`. Says whether all of it is what it was. */
async function readCovered(
  fs: FileSystem,
  path: string,
  { bytes: size, sum }: Cover,
  memory: Buffer,
  seen: (start: number, length: number) => void,
): Promise<boolean> {
  const file = await fs.open(path, 'read');
  let crc = 0;
  try {
    for (let at = 0; at < size; at += memory.length) {
      const chunk = memory.subarray(0, Math.min(memory.length, size - at));
      if ((await readFully(file, chunk, at)) < chunk.length) return false;
      crc = crc32(chunk, crc);
      seen(at, chunk.length);
    }
    return crc === sum;
  } finally {
    await file.close();
  }
}

/** Adds the contents that have files of their own. False where one, wanted or not, is not what was written. */
async function addApart(
  fs: FileSystem,
  directory: string,
  segments: readonly Segment[],
  apart: SavedAssembly['apart'],
  bytes: Buffer,
): Promise<boolean> {
  try {
    for (const { contents } of segments)
      for (const [seq, blob] of contents.blobs) {
        const content = await readBlobBytes(fs, directory, blob);
        for (const [wanted, at] of apart) if (wanted === seq) bytes.set(content, at);
      }
    return true;
  } catch (error) {
    if (error instanceof JournalError && error.code === 'corrupt') return false;
    throw error;
  }
}
