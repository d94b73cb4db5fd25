import { EntryDecoder } from '@pawl/agent-loop/store';
import type { Entry } from '@pawl/agent-loop/store';
import { corrupt, readBlob } from './blob-folder.ts';
import type { FileSystem } from './file-system.ts';
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

/** Reads entries from position `from` up to `to`. Each is checked again. */
export async function* readEntries(
  fs: FileSystem,
  directory: string,
  extracts: readonly Extract[],
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Entry> {
  for (const extract of extracts) {
    if (extract.seq + extract.entries <= from || extract.seq >= to) continue;
    yield* readExtract(fs, directory, extract, from, Math.min(to, extract.seq + extract.entries));
  }
}

async function* readExtract(
  fs: FileSystem,
  directory: string,
  { path, seq, bytes: limit }: Extract,
  from: number,
  to: number,
): AsyncGenerator<Entry> {
  const file = await fs.open(path, 'read');
  try {
    const scanner = new LineScanner(file, { limit });
    const decoder = new EntryDecoder({ seq });
    await nextLine(scanner);
    for (let position = seq; position < to; position += 1) {
      const line = scanner.next() ?? (await nextLine(scanner));
      if (!line) throw changed(path, scanner.position, limit);
      const content = line.blob ? await readBlob(fs, directory, line.blob) : undefined;
      const text = scanner.bytes.toString('utf8', line.textAt, line.textEnd);
      const entry = decodeAt(decoder, text, content, path, scanner.position);
      if (position >= from) yield entry;
    }
  } finally {
    await file.close();
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

function changed(where: string, from: number, to: number): Error {
  return corrupt({
    where,
    from,
    to,
    message: 'A record that was good when the session was opened cannot be read.',
  });
}
