import { crc32 } from 'node:zlib';
import type { OpenFile } from './file-system.ts';
import { readLine } from './line.ts';
import type { Line } from './line.ts';

/** How much is read at once. */
const CHUNK = 1 << 20;

interface Start {
  /** Where in the file the first line begins. Default 0. */
  readonly position?: number;
  /** Checksum of the line before it. Default 0. */
  readonly seed?: number;
  /** Checksum of all bytes before it. Default 0. */
  readonly sum?: number;
  /** Nothing from this byte on is looked at. */
  readonly limit: number;
}

/**
 * Goes through the lines of a segment, chunk by chunk:
 *
 *     for (let line = scanner.next(); ; line = scanner.next()) if (!line && !(await scanner.fill())) break;
 */
export class LineScanner {
  readonly #file: OpenFile;
  readonly #limit: number;
  /** What is in memory, and where in the file it begins. */
  bytes = Buffer.alloc(0);
  #start: number;
  #at = 0;
  #crc: number;
  /** Checksum of all bytes up to this index. */
  #sum: number;
  #summedTo = 0;
  #needs = 1;
  #bad = false;

  constructor(file: OpenFile, { position = 0, seed = 0, sum = 0, limit }: Start) {
    this.#file = file;
    this.#start = position;
    this.#limit = limit;
    this.#crc = seed;
    this.#sum = sum;
  }

  /** The end of the last good line, as a position in the file. */
  get position(): number {
    return this.#start + this.#at;
  }

  /** Checksum of the last good line. */
  get crc(): number {
    return this.#crc;
  }

  /** Checksum of all bytes up to the end of the last good line. */
  get sum(): number {
    // Of no bytes zlib says 0, whatever the checksum before them.
    if (this.#at > this.#summedTo)
      this.#sum = crc32(this.bytes.subarray(this.#summedTo, this.#at), this.#sum);
    this.#summedTo = this.#at;
    return this.#sum;
  }

  /** The next good line in memory, or undefined: then `fill` tells whether there is more. */
  next(): Line | undefined {
    const read = readLine(this.bytes, this.#at, this.#crc);
    if ('problem' in read) {
      if (read.problem === 'bad') this.#bad = true;
      else this.#needs = read.needs - this.#at;
      return undefined;
    }
    this.#at = read.end;
    this.#crc = read.crc;
    return read;
  }

  /** Reads on, so that a line that was cut by the end of memory is whole. False at the limit, at the end and at a bad line. */
  async fill(): Promise<boolean> {
    const kept = this.bytes.length - this.#at;
    const available = this.#limit - this.position;
    if (this.#bad || this.#needs > available || kept >= available) return false;
    const grown = Buffer.allocUnsafe(Math.min(available, Math.max(this.#needs, CHUNK)));
    this.bytes.copy(grown, 0, this.#at);
    const got = await readFully(this.#file, grown.subarray(kept), this.position + kept);
    this.#sum = this.sum;
    this.#summedTo = 0;
    this.#start = this.position;
    this.#at = 0;
    this.bytes = grown.subarray(0, kept + got);
    return got > 0;
  }
}

/** Reads until the buffer is full or the file ends. Returns how many bytes it got. */
export async function readFully(file: OpenFile, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const got = await file.read(into.subarray(done), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** Writes all of it, however many writes that takes. Throws what the file throws, with the bytes written so far. */
export async function writeFully(file: OpenFile, bytes: Uint8Array, position?: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    const written = await file.write(rest, position === undefined ? undefined : position + done);
    if (written === 0) throw Object.assign(new Error('The file takes no more bytes.'), { code: 'ENOSPC' });
    done += written;
  }
}
