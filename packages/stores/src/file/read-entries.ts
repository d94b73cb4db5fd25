import { EntryDecoder } from '@pawl/agent-loop/store';
import type { Entry, KeptTexts } from '@pawl/agent-loop/store';
import { corrupt, readBlob, readBlobBytes } from './blob-folder.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import type { KeptLine, KeptLines } from './kept-lines.ts';
import { LineScanner } from './line-scanner.ts';
import { nextLine } from './segment.ts';
import type { Segment } from './segment.ts';

/** A segment as far as it is to be read. */
export interface Extract {
  readonly path: string;
  readonly seq: number;
  readonly entries: number;
  readonly bytes: number;
  /** Its lines, where they are in memory. */
  readonly kept?: KeptLines | null;
}

/** What a scan found, to be read. */
export function extractOf({ path, header, entries, bytes, kept }: Segment): Extract {
  return { path, seq: header.seq, entries, bytes, kept };
}

/** The same, to be read from the file. */
export function withoutLines({ path, seq, entries, bytes }: Extract): Extract {
  return { path, seq, entries, bytes };
}

/** The texts of all entries with the contents that are kept apart; null where not all of them are in memory. */
export async function readTexts(
  fs: FileSystem,
  directory: string,
  extracts: readonly Extract[],
): Promise<readonly KeptTexts[] | null> {
  const all: KeptTexts[] = [];
  for (const { path: where, seq, kept } of extracts) {
    if (!kept) return null;
    const { buffers, places, calls, blobs } = kept;
    const contents = new Map<number, Uint8Array>();
    for (const [index, blob] of blobs) contents.set(index, await readBlobBytes(fs, directory, blob));
    all.push({ where, seq, buffers, places, calls, contents });
  }
  return all;
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
    const reader = new ExtractReader(fs, directory, extract);
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
    if (this.#extract.kept) return;
    this.#file = await this.#fs.open(this.#extract.path, 'read');
    this.#scanner = new LineScanner(this.#file, { limit: this.#extract.bytes });
    await nextLine(this.#scanner);
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
    const scanner = this.#scanner;
    return scanner ? scanner.next() : this.#extract.kept?.line(this.position - this.#extract.seq);
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
