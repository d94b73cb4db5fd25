import { looksLikeLine } from './line.ts';

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

/**
 * Tells a torn append from damage. What a crash leaves of an append is its beginning, or blocks of zeros where the disk
 * had not got to it; it never holds a line that says that what stands before it was safe.
 */
export function judgeTail(tail: Buffer): Tail {
  const next = nextLine(tail);
  if (next?.afterSync) return { kind: 'damage', end: next.at, hasLines: true };
  const hasLines = next !== undefined;
  if (tail.includes(NUL) || !tail.includes(LINE_FEED)) return { kind: 'torn', end: tail.length, hasLines };
  return { kind: 'damage', end: next?.at ?? tail.length, hasLines };
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
