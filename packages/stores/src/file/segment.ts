import type { JournalDamage } from '@pawl/agent-loop/store';
import type { FileSystem, OpenFile } from './file-system.ts';
import { FORMAT_VERSION, readHeader } from './layout.ts';
import type { Header } from './layout.ts';
import { KeptLines } from './kept-lines.ts';
import type { Blob, Line } from './line.ts';
import { LineScanner, readFully } from './line-scanner.ts';
import { judgeTail } from './tail.ts';

/** What was found in a segment. */
export interface Segment {
  readonly path: string;
  readonly header: Header;
  /** How many entries it holds, and where the last good line ends. */
  entries: number;
  bytes: number;
  /** Checksum of the last good line. */
  crc: number;
  /** All before this byte was safe from a loss of power when the writer went on. */
  safe: number;
  readonly blobs: { readonly blob: Blob; readonly seq: number }[];
  /** All lines behind the header while they are few enough to be kept for the first reader, otherwise null. */
  kept: KeptLines | null;
  torn: JournalDamage | null;
  damage: JournalDamage | null;
}

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
    const rest = {
      entries: 0,
      bytes,
      crc,
      safe: bytes,
      blobs: [],
      kept: new KeptLines(),
      torn: null,
      damage: null,
    };
    return { kind: 'segment', segment: { path, header, ...rest } };
  } finally {
    await file.close();
  }
}

/** A header is safe before anything is written behind it. So a crash leaves a torn one with nothing behind it. */
async function judgeOpening(file: OpenFile, path: string, size: number): Promise<Opening> {
  const { kind, end, hasLines } = judgeTail(await readRange(file, 0, size), 0, 0);
  if (kind === 'torn' && !hasLines && size <= MAX_TORN_HEADER) return { kind: 'void', size };
  const message = 'The header of the segment cannot be read.';
  return { kind: 'damage', damage: { where: path, from: 0, to: end, message } };
}

/** How far a segment counts, where a later one says so. */
export interface Extent {
  readonly bytes: number;
  readonly crc: number;
  readonly entries: number;
}

/** Goes on scanning from the last good line, to the end of the segment or as far as it counts. */
export async function scanSegment(fs: FileSystem, segment: Segment, extent?: Extent): Promise<void> {
  const file = await fs.open(segment.path, 'read');
  try {
    const { size } = await file.stat();
    const limit = extent?.bytes ?? size;
    const { bytes: position, crc: seed } = segment;
    const scanner = new LineScanner(file, { position, seed, limit: Math.min(limit, size) });
    segment.torn = null;
    for (;;) {
      const line = scanner.next();
      if (line) count(segment, line, scanner);
      else if (!(await scanner.fill())) break;
    }
    if (extent) segment.damage = checkExtent(segment, extent);
    if (!segment.damage && segment.bytes < Math.min(limit, size)) await judgeRest(file, segment, size);
    if (extent && segment.torn) [segment.damage, segment.torn] = [segment.torn, null];
  } finally {
    await file.close();
  }
}

function count(segment: Segment, line: Line, { position }: LineScanner): void {
  if (position > MAX_KEPT_BYTES) segment.kept = null;
  segment.kept?.add(line);
  if (line.afterSync) segment.safe = segment.bytes;
  if (line.blob) segment.blobs.push({ blob: line.blob, seq: segment.header.seq + segment.entries });
  segment.entries += 1;
  segment.bytes = position;
  segment.crc = line.crc;
}

/** A segment that a later one counts up to a byte must be good up to there. */
function checkExtent({ path, bytes, crc, entries }: Segment, extent: Extent): JournalDamage | null {
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
