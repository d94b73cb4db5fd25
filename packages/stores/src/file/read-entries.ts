import { EntryDecoder } from '@pawl/agent-loop/store';
import type { Entry } from '@pawl/agent-loop/store';
import { readBlob } from './blob-folder.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import type { KeptLine, KeptLines } from './kept-lines.ts';
import { LineScanner } from './line-scanner.ts';
import { nextLine } from './segment.ts';
import type { Mark, Segment } from './segment.ts';
import { corrupt } from './journal-errors.ts';

/** A segment as far as it is to be read. */
export interface Extract {
  readonly path: string;
  readonly seq: number;
  readonly entries: number;
  readonly bytes: number;
  /** A line in it that leans on none before. */
  readonly begin: Mark;
  /** The lines from there on, where they are in memory. */
  readonly kept: KeptLines | null;
}

/** What a scan found, to be read. */
export function extractOf({ path, header, entries, bytes, begin, kept }: Segment): Extract {
  return { path, seq: header.seq, entries, bytes, begin, kept };
}

/** The same, to be read from the file. */
export function withoutLines(extract: Extract): Extract {
  return { ...extract, kept: null };
}

/** Reads entries from position `from` up to `to`, some at once. What comes from the file is checked again. */
export async function* readEntries(
  fs: FileSystem,
  directory: string,
  extracts: readonly Extract[],
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly Entry[]> {
  for (const extract of extracts) {
    if (extract.seq + extract.entries <= from || extract.seq >= to) continue;
    const reader = new ExtractReader(fs, directory, extract, from);
    try {
      await reader.open();
      const end = Math.min(to, extract.seq + extract.entries);
      while (reader.position < end) {
        const { batch, failed } = await reader.read(Math.min(end, reader.position + BATCH));
        const skipped = from - (reader.position - batch.length);
        if (batch.length > 0) yield skipped > 0 ? batch.slice(skipped) : batch;
        failed?.();
      }
    } finally {
      await reader.close();
    }
  }
}

/** Few enough to wait for, enough to make the waiting cheap. */
const BATCH = 128;

class ExtractReader {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #extract: Extract;
  /** Where it begins: null for the beginning of the segment. */
  readonly #begin: Mark | null;
  readonly #decoder: EntryDecoder;
  #file: OpenFile | undefined;
  #scanner: LineScanner | undefined;
  /** Position of the next entry. */
  position: number;

  /** Begins with entry `from`, or before it. */
  constructor(fs: FileSystem, directory: string, extract: Extract, from: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#extract = extract;
    const { seq, begin } = extract;
    this.#begin = from >= seq + begin.entries ? begin : null;
    this.position = seq + (this.#begin?.entries ?? 0);
    this.#decoder = new EntryDecoder({ seq: this.position });
  }

  async open(): Promise<void> {
    const { path, bytes: limit, kept } = this.#extract;
    const begin = this.#begin;
    if (kept && begin) return;
    this.#file = await this.#fs.open(path, 'read');
    const start = begin ? { position: begin.bytes, seed: begin.crc } : {};
    this.#scanner = new LineScanner(this.#file, { ...start, limit });
    if (!begin) await nextLine(this.#scanner);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  /** The entries up to position `to`. Where one cannot be read, those before it, and `failed`, which throws why. */
  async read(to: number): Promise<{ readonly batch: Entry[]; readonly failed?: () => never }> {
    const batch: Entry[] = [];
    try {
      while (this.position < to) {
        const line = this.#nextInMemory() ?? (await this.#nextRead());
        const content = line.blob ? await readBlob(this.#fs, this.#directory, line.blob) : undefined;
        const text = line.bytes.toString('utf8', line.textAt, line.textEnd);
        batch.push(decodeAt(this.#decoder, text, content, this.#extract.path));
        this.position += 1;
      }
      return { batch };
    } catch (error) {
      const failed = (): never => {
        throw error;
      };
      return { batch, failed };
    }
  }

  #nextInMemory(): KeptLine | undefined {
    const { seq, begin, kept } = this.#extract;
    return this.#scanner ? this.#scanner.next() : kept?.line(this.position - seq - begin.entries);
  }

  async #nextRead(): Promise<KeptLine> {
    const scanner = this.#scanner;
    const line = scanner && (await nextLine(scanner));
    if (!line) throw changed(this.#extract, scanner?.position ?? 0);
    return line;
  }
}

function decodeAt(decoder: EntryDecoder, text: string, content: string | undefined, where: string): Entry {
  try {
    return decoder.decodeParts(text, content);
  } catch (cause) {
    // The checksum is right, so this is how it was written: no program of this version did.
    const message = `A record is whole, but no entry: ${cause instanceof Error ? cause.message : ''}`;
    throw corrupt({ where, from: 0, to: 0, message });
  }
}

function changed({ path: where, bytes: to }: Extract, from: number): Error {
  return corrupt({
    where,
    from,
    to,
    message: 'A record that was good when the session was opened cannot be read.',
  });
}
