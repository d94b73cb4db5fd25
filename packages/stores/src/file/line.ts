import { crc32 } from 'node:zlib';

/** A record as it stands in a segment. Positions are indices into the buffer that it was read from. */
export interface Line {
  readonly at: number;
  /** The first byte behind the line. */
  readonly end: number;
  /** Checksum of this line and, through its seed, of all before it. */
  readonly crc: number;
  /** Whether all that stands before it was safe from a loss of power when it was written. */
  readonly afterSync: boolean;
  readonly textAt: number;
  readonly textEnd: number;
  /** Where the text's content is kept when it is not in the text. */
  readonly blob: Blob | null;
}

/** A content that is kept in a file of its own. */
export interface Blob {
  readonly size: number;
  /** SHA-256, in hexadecimal. */
  readonly hash: string;
}

/** `cut`: the buffer ends before the line does; `needs` says which length it would take at least. */
export type NoLine = { readonly problem: 'bad' } | { readonly problem: 'cut'; readonly needs: number };

const CRC_DIGITS = 8;
const MAX_HEAD = 128;
const HEAD = /^(\*?)(\d{1,10})(?:@(\d{1,10})|#(\d{1,15}):([0-9a-f]{64}))?$/;
const [SPACE, LINE_FEED] = [32, 10];
const BAD: NoLine = { problem: 'bad' };

/** Reads the line that begins at `at`. `seed` is the checksum of the line before, 0 for the first. */
export function readLine(bytes: Buffer, at: number, seed: number): Line | NoLine {
  const headAt = at + CRC_DIGITS + 1;
  const headEnd = bytes.subarray(0, headAt + MAX_HEAD).indexOf(SPACE, headAt);
  if (headEnd < 0)
    return bytes.length < headAt + MAX_HEAD ? { problem: 'cut', needs: bytes.length + 1 } : BAD;
  const head = readHead(bytes, headAt, headEnd);
  if (!head || bytes[headAt - 1] !== SPACE) return BAD;
  const textAt = headEnd + 1;
  const textEnd = textAt + head.length;
  if (textEnd >= bytes.length) return { problem: 'cut', needs: textEnd + 1 };
  const crc = crc32(bytes.subarray(headAt, textEnd), seed);
  if (bytes[textEnd] !== LINE_FEED || crc !== readHex(bytes, at)) return BAD;
  return { at, end: textEnd + 1, crc, afterSync: head.afterSync, textAt, textEnd, blob: head.blob };
}

/** Whether a line with the right shape begins at `at`, whatever its checksum says. */
export function looksLikeLine(bytes: Buffer, at: number): { readonly afterSync: boolean } | null {
  const headAt = at + CRC_DIGITS + 1;
  const headEnd = bytes.subarray(0, headAt + MAX_HEAD).indexOf(SPACE, headAt);
  if (headEnd < 0 || Number.isNaN(readHex(bytes, at))) return null;
  const head = readHead(bytes, headAt, headEnd);
  return head && bytes[headEnd + 1 + head.length] === LINE_FEED ? head : null;
}

interface Head {
  readonly length: number;
  readonly afterSync: boolean;
  readonly blob: Blob | null;
}

function readHead(bytes: Buffer, at: number, end: number): Head | null {
  let from = at;
  const afterSync = bytes[at] === 42;
  if (afterSync) from += 1;
  let length = 0;
  // Nearly every head is digits alone, up to a mark that says where the content begins.
  for (; from < end; from += 1) {
    const digit = (bytes[from] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  if (from === end && end - at <= 11 && end > at + (afterSync ? 1 : 0))
    return { length, afterSync, blob: null };
  const match = HEAD.exec(bytes.toString('latin1', at, end));
  if (!match) return null;
  const [, , digits, , size, hash] = match;
  const blob = size !== undefined && hash !== undefined ? { size: Number(size), hash } : null;
  return { length: Number(digits), afterSync, blob };
}

function readHex(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + CRC_DIGITS; index += 1) {
    const byte = bytes[index] ?? 0;
    const digit = byte >= 48 && byte <= 57 ? byte - 48 : byte >= 97 && byte <= 102 ? byte - 87 : Number.NaN;
    value = value * 16 + digit;
  }
  return value;
}

/** A record that is to be written. */
export interface LineContent {
  readonly text: string;
  /** Where the content begins in `text`, counted in UTF-16 code units, or -1. */
  readonly contentAt: number;
  readonly blob: Blob | null;
  readonly afterSync: boolean;
}

/** Writes a line. Returns its bytes and its checksum, the seed of the next. */
export function writeLine(
  content: LineContent,
  seed: number,
): { readonly bytes: Buffer; readonly crc: number } {
  const { text, contentAt, blob, afterSync } = content;
  const length = Buffer.byteLength(text);
  const where = blob
    ? `#${blob.size}:${blob.hash}`
    : contentAt < 0
      ? ''
      : `@${length === text.length ? contentAt : Buffer.byteLength(text.slice(0, contentAt))}`;
  const head = `${afterSync ? '*' : ''}${length}${where} `;
  const bytes = Buffer.allocUnsafe(CRC_DIGITS + 1 + head.length + length + 1);
  bytes.write(head, CRC_DIGITS + 1, 'latin1');
  bytes.write(text, CRC_DIGITS + 1 + head.length, 'utf8');
  bytes[bytes.length - 1] = LINE_FEED;
  const crc = crc32(bytes.subarray(CRC_DIGITS + 1, -1), seed);
  bytes.write(`${crc.toString(16).padStart(CRC_DIGITS, '0')} `, 0, 'latin1');
  return { bytes, crc };
}
