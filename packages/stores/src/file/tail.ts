import { looksLikeLine, readLine } from './line.ts';

/** What the bytes behind the last good line are. */
export interface Tail {
  /** `torn`: an append that a crash cut off. `damage`: something that was whole once. */
  readonly kind: 'torn' | 'damage';
  /** The first byte behind it, counted from the beginning of the tail. */
  readonly end: number;
  /** Whether a line of the right shape follows the bad one. */
  readonly hasLines: boolean;
}

const [LINE_FEED, NUL] = [10, 0];
/** Disks write no less at a time. */
const SECTOR = 512;

/**
 * Tells a torn append from damage. What a crash leaves of an append is its beginning, or blocks of zeros where the disk
 * had not got to it; it never holds a line that says that what stands before it was safe. `from` is where the tail begins in
 * its file, `seed` the checksum of the line before it.
 */
export function judgeTail(tail: Buffer, from: number, seed: number): Tail {
  const next = nextLine(tail);
  if (next?.afterSync) return { kind: 'damage', end: next.at, hasLines: true };
  const hasLines = next !== undefined;
  const looksTorn = !tail.includes(LINE_FEED) || (tail.includes(NUL) && !isOneByteOff(tail, from, seed));
  if (looksTorn) return { kind: 'torn', end: tail.length, hasLines };
  return { kind: 'damage', end: next?.at ?? tail.length, hasLines };
}

/**
 * Whether the record is all there but for a single byte that is zero: a byte that has changed. Where a line or a sector
 * begins or ends with it, it may be all that a disk had not got to.
 */
function isOneByteOff(tail: Buffer, from: number, seed: number): boolean {
  const nul = tail.indexOf(NUL);
  if (tail.includes(NUL, nul + 1)) return false;
  const beginsThere = nul === 0 || tail[nul - 1] === LINE_FEED || (from + nul) % SECTOR === 0;
  const endsThere = nul === tail.length - 1 || (from + nul + 1) % SECTOR === 0;
  if (beginsThere || endsThere) return false;
  const mended = Buffer.from(tail);
  for (let byte = 1; byte < 256; byte += 1) {
    mended[nul] = byte;
    if (!('problem' in readLine(mended, 0, seed))) return true;
  }
  return false;
}

/** The first line of the right shape that follows the bad one, or the first of them that was written after a sync. */
function nextLine(tail: Buffer): { at: number; afterSync: boolean } | undefined {
  let first: { at: number; afterSync: boolean } | undefined;
  for (let at = tail.indexOf(LINE_FEED) + 1; at > 0; at = tail.indexOf(LINE_FEED, at) + 1) {
    const line = looksLikeLine(tail, at);
    if (!line) continue;
    first ??= { at, afterSync: line.afterSync };
    if (line.afterSync) return { at: first.at, afterSync: true };
  }
  return first;
}
