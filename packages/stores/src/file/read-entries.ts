import { EntryDecoder } from '@pawl/agent-loop/store';
import type { Entry } from '@pawl/agent-loop/store';
import { corrupt, readBlob } from './blob-folder.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { LineScanner } from './line-scanner.ts';
import { nextLine } from './segment.ts';
import type { Segment } from './segment.ts';

/** A segment as far as it is to be read. */
export interface Extract {
  readonly path: string;
  readonly seq: number;
  readonly entries: number;
  readonly bytes: number;
}

/** What a scan found, to be read. */
export function extractOf({ path, header, entries, bytes }: Segment): Extract {
  return { path, seq: header.seq, entries, bytes };
}

/** Reads entries from position `from` up to `to`, some at once. Each is checked again. */
export async function* readEntries(
  fs: FileSystem,
  directory: string,
  extracts: readonly Extract[],
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly Entry[]> {
  for (const extract of extracts) {
    if (extract.seq + extract.entries <= from || extract.seq >= to) continue;
    const reader = new ExtractReader(fs, directory, extract);
    try {
      await reader.open();
      const end = Math.min(to, extract.seq + extract.entries);
      while (reader.position < end) {
        const { batch, error } = await reader.read(Math.min(end, reader.position + BATCH));
        const skipped = from - (reader.position - batch.length);
        if (batch.length > 0) yield skipped > 0 ? batch.slice(skipped) : batch;
        if (error !== undefined) throw error;
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
  readonly #decoder: EntryDecoder;
  #file: OpenFile | undefined;
  #scanner: LineScanner | undefined;
  /** Position of the next entry. */
  position: number;

  constructor(fs: FileSystem, directory: string, extract: Extract) {
    this.#fs = fs;
    this.#directory = directory;
    this.#extract = extract;
    this.#decoder = new EntryDecoder({ seq: extract.seq });
    this.position = extract.seq;
  }

  async open(): Promise<void> {
    this.#file = await this.#fs.open(this.#extract.path, 'read');
    this.#scanner = new LineScanner(this.#file, { limit: this.#extract.bytes });
    await nextLine(this.#scanner);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  /** The entries up to position `to`; those that could be read where there is an error. */
  async read(to: number): Promise<{ readonly batch: Entry[]; readonly error?: unknown }> {
    const batch: Entry[] = [];
    const scanner = this.#scanner;
    if (!scanner) return { batch };
    try {
      while (this.position < to) {
        const line = scanner.next() ?? (await nextLine(scanner));
        if (!line) throw changed(this.#extract, scanner.position);
        const content = line.blob ? await readBlob(this.#fs, this.#directory, line.blob) : undefined;
        const text = scanner.bytes.toString('utf8', line.textAt, line.textEnd);
        batch.push(decodeAt(this.#decoder, text, content, this.#extract.path, scanner.position));
        this.position += 1;
      }
      return { batch };
    } catch (error) {
      return { batch, error };
    }
  }
}

function decodeAt(
  decoder: EntryDecoder,
  text: string,
  content: string | undefined,
  where: string,
  end: number,
): Entry {
  try {
    return decoder.decodeParts(text, content);
  } catch (cause) {
    const message = `A record is whole, but no entry: ${cause instanceof Error ? cause.message : ''}`;
    throw corrupt({ where, from: end - Buffer.byteLength(text) - 1, to: end, message });
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
