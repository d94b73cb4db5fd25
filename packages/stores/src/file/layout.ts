import { join } from 'node:path';

/** The version of the format that is written. */
export const FORMAT_VERSION = 1;

const SEGMENT = /^(\d{6,15})\.jsonl$/;
const CHECKPOINT = /^checkpoint(?:\.(\d+)\.part)?$/;
const BLOB = /^[0-9a-f]{64}(\.\d+\.part)?$/;

/** The file of an epoch's segment. */
export function segmentPath(directory: string, epoch: number): string {
  return join(directory, `${String(epoch).padStart(6, '0')}.jsonl`);
}

/** The epochs that have a segment, in ascending order. */
export function epochsIn(names: readonly string[]): number[] {
  return names
    .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** The folder of contents that are kept apart. */
export function blobDirectory(directory: string): string {
  return join(directory, 'blobs');
}

/** The file of a content. */
export function blobPath(directory: string, hash: string): string {
  return join(directory, 'blobs', hash);
}

/** The file of a session's latest checkpoint. */
export function checkpointPath(directory: string): string {
  return join(directory, 'checkpoint');
}

/** The file that the owner of an epoch writes one to, before it takes the place of the one before. */
export function checkpointPartPath(directory: string, epoch: number): string {
  return `${checkpointPath(directory)}.${epoch}.part`;
}

/** The epochs whose owners have such a file among these. */
export function checkpointPartsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const [, epoch] = CHECKPOINT.exec(name) ?? [];
    return epoch === undefined ? [] : [Number(epoch)];
  });
}

/** Whether a file of the session's folder has the name of a segment or a checkpoint, be it one that was never finished. */
export function isSessionFile(name: string): boolean {
  return SEGMENT.test(name) || CHECKPOINT.test(name);
}

/** Whether a file has the name of a content, be it one that was never finished. */
export function isBlobName(name: string): boolean {
  return BLOB.test(name);
}

/** The first line of a segment. */
export interface Header {
  readonly version: number;
  readonly session: string;
  readonly epoch: number;
  /** Position of the segment's first entry in the session. */
  readonly seq: number;
  readonly after: Seal | null;
}

/** How much of the segment before counts: the first `bytes` bytes, the last line of them with checksum `crc`. */
export interface Seal {
  readonly epoch: number;
  readonly bytes: number;
  readonly crc: number;
}

/** The text of a header. */
export function headerText({ version, session, epoch, seq, after }: Header): string {
  return JSON.stringify({ format: 'pawl-session', version, session, epoch, seq, after });
}

/** Reads a header. Undefined for a text that is none. */
export function readHeader(text: string): Header | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { format, version, session, epoch, seq, after } = value as Partial<Header> & { format?: unknown };
  const isRight =
    format === 'pawl-session' &&
    Number.isSafeInteger(version) &&
    (version !== FORMAT_VERSION ||
      (typeof session === 'string' &&
        Number.isSafeInteger(epoch) &&
        Number.isSafeInteger(seq) &&
        (after === null || isSeal(after))));
  return isRight ? (value as Header) : undefined;
}

function isSeal(value: unknown): value is Seal {
  if (typeof value !== 'object' || value === null) return false;
  const { epoch, bytes, crc } = value as Partial<Seal>;
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(bytes) && Number.isSafeInteger(crc);
}
