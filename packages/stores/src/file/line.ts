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
const [SPACE, LINE_FEED, STAR, CONTENT_MARK, BLOB_MARK, BRACE_END] = [32, 10, 42, 64, 35, 125];
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
  const { textAt, textEnd, afterSync, blob, contentAt } = head;
  if (textEnd >= bytes.length) return { problem: 'cut', needs: textEnd + 1 };
  if (bytes[textEnd] !== LINE_FEED) return BAD;
  // A plain view is made faster than a Buffer is.
  const crc = crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + headAt, textEnd - headAt), seed);
  if (crc !== readHex(bytes, at)) return BAD;
  return { bytes, at, end: textEnd + 1, crc, afterSync, textAt, textEnd, contentAt, blob };
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
  if (from >= bytes.length) return 'cut';
  if (bytes[from] !== SPACE || bytes[from - 1] === CONTENT_MARK) return null;
  const textAt = from + 1;
  return {
    afterSync,
    textAt,
    textEnd: textAt + length,
    contentAt: content < 0 ? -1 : textAt + content,
    blob: null,
  };
}

/** Where the content of a text ends: behind it stand only closing braces, of which it has none at its own end. */
export function contentEnd(bytes: Uint8Array, textEnd: number): number {
  let end = textEnd;
  while (bytes[end - 1] === BRACE_END) end -= 1;
  return end;
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
  readonly blob: Blob | null;
  readonly afterSync: boolean;
}

/** A record as it is written. */
export interface WrittenLine {
  readonly bytes: Buffer;
  /** The seed of the next. */
  readonly crc: number;
  /** Where in it the content begins, or -1. */
  readonly contentAt: number;
}

/** Writes a line. `seed` is the checksum of the line before, 0 for the first. */
export function writeLine({ text, contentAt, blob, afterSync }: LineContent, seed: number): WrittenLine {
  const length = Buffer.byteLength(text);
  const isAscii = length === text.length;
  const place = contentAt < 0 || isAscii ? contentAt : Buffer.byteLength(text.slice(0, contentAt));
  const where = blob ? `#${blob.size}:${blob.hash}` : place < 0 ? '' : `@${place}`;
  const head = `${afterSync ? '*' : ''}${length}${where} `;
  const textAt = CRC_DIGITS + 1 + head.length;
  const bytes = Buffer.allocUnsafe(textAt + length + 1);
  bytes.write(head, CRC_DIGITS + 1, 'latin1');
  bytes.write(text, textAt, 'utf8');
  bytes[bytes.length - 1] = LINE_FEED;
  const crc = crc32(bytes.subarray(CRC_DIGITS + 1, -1), seed);
  bytes.write(`${crc.toString(16).padStart(CRC_DIGITS, '0')} `, 0, 'latin1');
  return { bytes, crc, contentAt: place < 0 ? -1 : textAt + place };
}
