import { crc32 } from 'node:zlib';
import type { Cover, FoundCheckpoint } from './checkpoint-file.ts';
import type { FileSystem } from './file-system.ts';
import { readFully } from './line-scanner.ts';
import { segmentFrom } from './segment.ts';
import type { Segment } from './segment.ts';

/** A checkpoint that fits its session, and the bytes that it covers. */
export interface Covered {
  readonly checkpoint: FoundCheckpoint;
  /** As far as they need not be looked at line by line. */
  readonly segments: readonly Segment[];
  /** The bytes of each, by its epoch. */
  readonly bytes: ReadonlyMap<number, Buffer>;
}

/**
 * The segments as far as a checkpoint covers them. Null where they are not, byte by byte, what it was made of: then every
 * line is looked at, which tells what is wrong. `links` are all that count, in their order.
 */
export async function coveredBy(
  fs: FileSystem,
  links: readonly Segment[],
  checkpoint: FoundCheckpoint,
): Promise<Covered | null> {
  const segments: Segment[] = [];
  const bytes = new Map<number, Buffer>();
  for (const [index, cover] of checkpoint.covers.entries()) {
    const link = links[index];
    const next = links[index + 1]?.header.after;
    const isLast = index === checkpoint.covers.length - 1;
    if (link?.header.epoch !== cover.epoch) return null;
    if (next && (isLast ? cover.bytes > next.bytes : cover.bytes !== next.bytes)) return null;
    const read = await readCovered(fs, link.path, cover);
    if (!read) return null;
    segments.push({ ...segmentFrom(link, cover), contents: cover.contents });
    bytes.set(cover.epoch, read);
  }
  return { checkpoint, segments, bytes };
}

async function readCovered(
  fs: FileSystem,
  path: string,
  { bytes: size, sum }: Cover,
): Promise<Buffer | null> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafe(size);
    const got = await readFully(file, bytes, 0);
    return got === size && crc32(bytes) === sum ? bytes : null;
  } finally {
    await file.close();
  }
}
