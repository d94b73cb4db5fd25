import { crc32 } from 'node:zlib';
import type { JournalDamage } from '@pawl/agent-loop/store';
import { ContentPlaces } from './content-places.ts';
import type { ContentPlace } from './content-places.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { FORMAT_VERSION, readHeader } from './layout.ts';
import type { Header } from './layout.ts';
import { KeptLines } from './kept-lines.ts';
import { contentEnd } from './line.ts';
import type { Line } from './line.ts';
import { LineScanner, readFully } from './line-scanner.ts';
import { judgeTail } from './tail.ts';

/** A place in a segment, between two lines. */
export interface Mark {
  /** How many entries stand before it. */
  readonly entries: number;
  readonly bytes: number;
  /** Checksum of the line before it. */
  readonly crc: number;
}

/** How far a segment is known, and what is there up to the end of its last good line. */
export interface Extent extends Mark {
  /** Checksum of all bytes. */
  readonly sum: number;
  /** All before this byte was safe from a loss of power when the writer went on. */
  readonly safe: number;
}

/** What was found in a segment. */
export interface Segment extends Mutable<Extent> {
  readonly path: string;
  readonly header: Header;
  /** Where the first line stands that was looked at: behind the header, or behind what a checkpoint covers. */
  readonly begin: Mark;
  /** Where the contents of its entries are. */
  readonly contents: ContentPlaces;
  /** All lines from there on while they are few enough to be kept for the first reader, otherwise null. */
  kept: KeptLines | null;
  torn: JournalDamage | null;
  damage: JournalDamage | null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What stands where a segment should: its header, nothing that counts, or damage. */
export type Opening =
  | { readonly kind: 'segment'; readonly segment: Segment }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'void'; readonly size: number }
  | { readonly kind: 'damage'; readonly damage: JournalDamage };

/** Most sessions are read once after they are opened. What is larger is read from the file again, in chunks. */
const MAX_KEPT_BYTES = 1 << 25;
const MAX_HEADER = 4096;
/** More than any header of this version takes. */
const MAX_TORN_HEADER = 512;

/** Reads the first line of a segment. */
export async function openSegment(fs: FileSystem, path: string): Promise<Opening> {
  const file = await fs.open(path, 'read');
  try {
    const { size } = await file.stat();
    const scanner = new LineScanner(file, { limit: Math.min(size, MAX_HEADER) });
    const line = await nextLine(scanner);
    if (!line) return await judgeOpening(file, path, size);
    const header = readHeader(scanner.bytes.toString('utf8', line.textAt, line.textEnd));
    if (!header) {
      const message = 'The first line is whole, but no header of a session.';
      return { kind: 'damage', damage: { where: path, from: 0, to: line.end, message } };
    }
    if (header.version > FORMAT_VERSION) return { kind: 'newer', version: header.version };
    const { end: bytes, crc } = line;
    const extent = { entries: 0, bytes, crc, sum: crc32(line.bytes.subarray(0, bytes)), safe: bytes };
    return { kind: 'segment', segment: segmentFrom({ path, header }, extent) };
  } finally {
    await file.close();
  }
}

/** A segment of which lines are looked at from the end of `extent` on. */
export function segmentFrom({ path, header }: Pick<Segment, 'path' | 'header'>, extent: Extent): Segment {
  const { entries, bytes, crc } = extent;
  const begin = { entries, bytes, crc };
  const contents = new ContentPlaces();
  return { ...extent, path, header, begin, contents, kept: new KeptLines(), torn: null, damage: null };
}

/** A header is safe before anything is written behind it. So a crash leaves a torn one with nothing behind it. */
async function judgeOpening(file: OpenFile, path: string, size: number): Promise<Opening> {
  const { kind, end, hasLines } = judgeTail(await readRange(file, 0, size), 0, 0);
  if (kind === 'torn' && !hasLines && size <= MAX_TORN_HEADER) return { kind: 'void', size };
  const message = 'The header of the segment cannot be read.';
  return { kind: 'damage', damage: { where: path, from: 0, to: end, message } };
}

/** Goes on scanning from the last good line, to the end of the segment or as far as it counts, where a later one says so. */
export async function scanSegment(fs: FileSystem, segment: Segment, extent?: Mark): Promise<void> {
  const file = await fs.open(segment.path, 'read');
  try {
    const { size } = await file.stat();
    const limit = extent?.bytes ?? size;
    const { bytes: position, crc: seed, sum } = segment;
    const scanner = new LineScanner(file, { position, seed, sum, limit: Math.min(limit, size) });
    segment.torn = null;
    for (;;) {
      const line = scanner.next();
      if (line) count(segment, line, scanner);
      else if (!(await scanner.fill())) break;
    }
    segment.sum = scanner.sum;
    if (extent) segment.damage = checkExtent(segment, extent);
    if (!segment.damage && segment.bytes < Math.min(limit, size)) await judgeRest(file, segment, size);
    if (extent && segment.torn) [segment.damage, segment.torn] = [segment.torn, null];
  } finally {
    await file.close();
  }
}

function count(segment: Segment, line: Line, { position }: LineScanner): void {
  if (position - segment.begin.bytes > MAX_KEPT_BYTES) segment.kept = null;
  segment.kept?.add(line);
  if (line.afterSync) segment.safe = segment.bytes;
  const place = contentPlace(line, segment.bytes - line.at);
  if (place) segment.contents.add(segment.header.seq + segment.entries, place);
  segment.entries += 1;
  segment.bytes = position;
  segment.crc = line.crc;
}

/** `shift`: how far it is in the file from where it is in memory. */
function contentPlace({ bytes, textEnd, contentAt, blob }: Line, shift: number): ContentPlace | null {
  if (blob) return { blob };
  return contentAt < 0 ? null : { from: contentAt + shift, to: contentEnd(bytes, textEnd) + shift };
}

/** A segment that a later one counts up to a byte must be good up to there. */
function checkExtent({ path, bytes, crc, entries }: Segment, extent: Mark): JournalDamage | null {
  if (bytes < extent.bytes) return null;
  if (crc === extent.crc && entries === extent.entries) return null;
  const message = `It holds ${entries} entries and not the ${extent.entries} that the next segment was written after.`;
  return { where: path, from: 0, to: bytes, message };
}

async function judgeRest(file: OpenFile, segment: Segment, size: number): Promise<void> {
  const { path, bytes: from } = segment;
  const { kind, end } = judgeTail(await readRange(file, from, size), from, segment.crc);
  if (kind === 'torn')
    segment.torn = { where: path, from, to: from + end, message: 'An append was cut off.' };
  else segment.damage = { where: path, from, to: from + end, message: 'A record cannot be read.' };
}

/** Bytes of a file, fewer where it ends before. */
export async function readRange(file: OpenFile, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, to - from));
  const got = await readFully(file, bytes, from);
  return bytes.subarray(0, got);
}

/** The next good line of a scanner, reading on as needed. */
export async function nextLine(scanner: LineScanner): Promise<Line | undefined> {
  for (;;) {
    const line = scanner.next();
    if (line) return line;
    if (!(await scanner.fill())) return undefined;
  }
}
