import { crc32 } from 'node:zlib';

/** A record as it stands in a segment. Positions are indices into the buffer that it was read from. */
export interface Line {
  readonly bytes: Buffer;
  readonly at: number;
  /** The first byte behind the line. */
  readonly end: number;
  /** Checksum of this line and, through its seed, of all before it. */
  readonly crc: number;
  /** Whether all that stands before it was safe from a loss of power when it was written. */
  readonly afterSync: boolean;
  readonly textAt: number;
  readonly textEnd: number;
  /** Where in the text the content begins, or -1. */
  readonly contentAt: number;
  /** Where in it tool calls begin, as far as the record says so. */
  readonly callsAt: readonly number[];
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
const MAX_LENGTH_DIGITS = 10;
const MAX_HEAD = 128;
const BLOB_HEAD = /^(\*?)\d{1,10}#(\d{1,15}):([0-9a-f]{64}) /;
const [SPACE, LINE_FEED, STAR, CONTENT_MARK, BLOB_MARK, COMMA] = [32, 10, 42, 64, 35, 44];
const NO_CALLS: readonly number[] = [];
const NO_DIGIT = 255;
/** The value of each hexadecimal digit, by its byte. */
const HEX = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) HEX[value.toString(16).charCodeAt(0)] = value;
const BAD: NoLine = { problem: 'bad' };

/** Reads the line that begins at `at`. `seed` is the checksum of the line before, 0 for the first. */
export function readLine(bytes: Buffer, at: number, seed: number): Line | NoLine {
  const headAt = at + CRC_DIGITS + 1;
  const head = readHead(bytes, headAt);
  if (head === 'cut') return { problem: 'cut', needs: bytes.length + 1 };
  if (!head || bytes[headAt - 1] !== SPACE) return BAD;
  const { textAt, textEnd, afterSync, blob, contentAt, callsAt } = head;
  if (textEnd >= bytes.length) return { problem: 'cut', needs: textEnd + 1 };
  if (bytes[textEnd] !== LINE_FEED) return BAD;
  // A plain view is made faster than a Buffer is.
  const crc = crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + headAt, textEnd - headAt), seed);
  if (crc !== readHex(bytes, at)) return BAD;
  return { bytes, at, end: textEnd + 1, crc, afterSync, textAt, textEnd, contentAt, callsAt, blob };
}

/** Whether a line with the right shape begins at `at`, whatever its checksum says. */
export function looksLikeLine(bytes: Buffer, at: number): { readonly afterSync: boolean } | null {
  if (Number.isNaN(readHex(bytes, at))) return null;
  const head = readHead(bytes, at + CRC_DIGITS + 1);
  return head && head !== 'cut' && bytes[head.textEnd] === LINE_FEED ? head : null;
}

interface Head {
  readonly afterSync: boolean;
  readonly textAt: number;
  readonly textEnd: number;
  readonly contentAt: number;
  readonly callsAt: readonly number[];
  readonly blob: Blob | null;
}

/** Reads the mark and the length, which nearly always are all that matters. `cut` where the bytes end before the head does. */
function readHead(bytes: Buffer, at: number): Head | null | 'cut' {
  const afterSync = bytes[at] === STAR;
  let from = afterSync ? at + 1 : at;
  const lengthAt = from;
  const length = readNumber(bytes, from);
  from = skipDigits(bytes, from);
  if (from === lengthAt || from - lengthAt > MAX_LENGTH_DIGITS) return from >= bytes.length ? 'cut' : null;
  const mark = bytes[from];
  if (mark === BLOB_MARK) return readBlobHead(bytes, at, length);
  const content = mark === CONTENT_MARK ? readNumber(bytes, from + 1) : -1;
  if (mark === CONTENT_MARK) from = skipDigits(bytes, from + 1);
  const calls = content >= 0 && bytes[from] === COMMA ? readCalls(bytes, from) : NO_CALLS;
  for (const _ of calls) from = skipDigits(bytes, from + 1);
  if (from >= bytes.length) return 'cut';
  const isWhole = bytes[from] === SPACE && isNumberEnd(bytes[from - 1]);
  if (!isWhole) return null;
  const textAt = from + 1;
  return {
    afterSync,
    textAt,
    textEnd: textAt + length,
    contentAt: content < 0 ? -1 : textAt + content,
    callsAt: calls.length > 0 ? calls.map((call) => textAt + call) : calls,
    blob: null,
  };
}

/** Numbers, each behind a comma. */
function readCalls(bytes: Buffer, at: number): readonly number[] {
  const calls: number[] = [];
  for (let from = at; bytes[from] === COMMA; from = skipDigits(bytes, from + 1))
    calls.push(readNumber(bytes, from + 1));
  return calls;
}

/** A mark has a number behind it. */
function isNumberEnd(byte: number | undefined): boolean {
  return byte !== CONTENT_MARK && byte !== COMMA;
}

function readBlobHead(bytes: Buffer, at: number, length: number): Head | null | 'cut' {
  const match = BLOB_HEAD.exec(bytes.toString('latin1', at, at + MAX_HEAD));
  if (!match) return bytes.length < at + MAX_HEAD ? 'cut' : null;
  const [head, star, size, hash = ''] = match;
  const textAt = at + head.length;
  return {
    afterSync: star === '*',
    textAt,
    textEnd: textAt + length,
    contentAt: -1,
    callsAt: NO_CALLS,
    blob: { size: Number(size), hash },
  };
}

function readNumber(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; isDigit(bytes[index]); index += 1) value = value * 10 + (bytes[index] ?? 0) - 48;
  return value;
}

function skipDigits(bytes: Buffer, at: number): number {
  let index = at;
  while (isDigit(bytes[index])) index += 1;
  return index;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

function readHex(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + CRC_DIGITS; index += 1) {
    const digit = HEX[bytes[index] ?? 0] ?? NO_DIGIT;
    if (digit === NO_DIGIT) return Number.NaN;
    value = value * 16 + digit;
  }
  return value;
}

/** A record that is to be written. */
export interface LineContent {
  readonly text: string;
  /** Where the content begins in `text`, counted in UTF-16 code units, or -1. */
  readonly contentAt: number;
  /** Where tool calls begin in it, in the same units. */
  readonly callsAt?: readonly number[];
  readonly blob: Blob | null;
  readonly afterSync: boolean;
}

/** Writes a line. Returns its bytes and its checksum, the seed of the next. */
export function writeLine(
  content: LineContent,
  seed: number,
): { readonly bytes: Buffer; readonly crc: number } {
  const { text, contentAt, callsAt = NO_CALLS, blob, afterSync } = content;
  const length = Buffer.byteLength(text);
  const byteAt = (at: number): number => (length === text.length ? at : Buffer.byteLength(text.slice(0, at)));
  const places = contentAt < 0 ? '' : `@${[contentAt, ...callsAt].map(byteAt).join(',')}`;
  const where = blob ? `#${blob.size}:${blob.hash}` : places;
  const head = `${afterSync ? '*' : ''}${length}${where} `;
  const bytes = Buffer.allocUnsafe(CRC_DIGITS + 1 + head.length + length + 1);
  bytes.write(head, CRC_DIGITS + 1, 'latin1');
  bytes.write(text, CRC_DIGITS + 1 + head.length, 'utf8');
  bytes[bytes.length - 1] = LINE_FEED;
  const crc = crc32(bytes.subarray(CRC_DIGITS + 1, -1), seed);
  bytes.write(`${crc.toString(16).padStart(CRC_DIGITS, '0')} `, 0, 'latin1');
  return { bytes, crc };
}
