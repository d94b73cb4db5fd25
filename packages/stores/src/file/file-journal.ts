import { checkAppend, EntryEncoder, JournalError } from '@pawl/agent-loop/store';
import type { AppendOptions, Entry, Journal, JournalDamage, KeptTexts } from '@pawl/agent-loop/store';
import { BlobFolder, corrupt } from './blob-folder.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { segmentPath } from './layout.ts';
import { writeLine } from './line.ts';
import type { Blob } from './line.ts';
import { writeFully } from './line-scanner.ts';
import { readEntries, readTexts, withoutLines } from './read-entries.ts';
import type { Extract } from './read-entries.ts';

/** The segment that a journal appends to. */
export interface OwnSegment {
  readonly file: OpenFile;
  readonly epoch: number;
  readonly ino: number | bigint;
  /** Where its last line ends, and the checksum of that line. */
  readonly bytes: number;
  readonly crc: number;
}

/** What a journal is opened with. */
export interface Opened {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly extracts: readonly Extract[];
  readonly length: number;
  readonly damage: JournalDamage | null;
  readonly torn: JournalDamage | null;
  /** Null where nothing can be appended. */
  readonly own: OwnSegment | null;
  readonly blobBytes: number;
}

/** The first open journal appends; what it says is kept is on the disk. */
export class FileJournal implements Journal {
  readonly damage: JournalDamage | null;
  readonly torn: JournalDamage | null;
  readonly #opened: Omit<Opened, 'extracts'>;
  readonly #blobs: BlobFolder | undefined;
  /** What was there when it was opened. The first reader gets it from memory. */
  #extracts: readonly Extract[];
  #length: number;
  #bytes: number;
  #crc: number;
  #encoder = new EntryEncoder();
  /** Whether something was written that is not yet safe from a loss of power. */
  #unsafe = false;
  /** Why nothing more can be appended. */
  #ended: JournalError | undefined;
  #closing: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(opened: Opened) {
    const { extracts, ...rest } = opened;
    const { fs, directory, length, damage, torn, own } = rest;
    this.#opened = rest;
    this.#extracts = extracts;
    this.#length = length;
    this.damage = damage;
    this.torn = torn;
    this.#bytes = own?.bytes ?? 0;
    this.#crc = own?.crc ?? 0;
    if (own) this.#blobs = new BlobFolder(fs, directory, own.epoch);
  }

  get length(): number {
    return this.#length;
  }

  append(entries: readonly Entry[], expectedSeq: number, { sync = true }: AppendOptions = {}): Promise<void> {
    const { own } = this.#opened;
    if (this.#closing) return Promise.reject(new JournalError('closed', 'The journal is closed.'));
    if (this.damage) return Promise.reject(corrupt(this.damage));
    if (!own) return Promise.reject(new JournalError('readonly', 'The journal was opened for reading.'));
    const appended = this.#last.then(() => this.#append(own, entries, expectedSeq, sync));
    this.#last = appended.catch(() => {});
    return appended;
  }

  async *read(fromSeq = 0): AsyncGenerator<Entry> {
    if (this.#closing) throw new JournalError('closed', 'The journal is closed.');
    const { fs, directory, own, length } = this.#opened;
    const to = this.#length;
    const written = own && {
      path: segmentPath(directory, own.epoch),
      seq: length,
      entries: to - length,
      bytes: this.#bytes,
    };
    const all = written ? [...this.#extracts, written] : this.#extracts;
    this.#letGo();
    try {
      const batches = readEntries(fs, directory, all, { from: fromSeq, to });
      for await (const batch of batches) for (const entry of batch) yield entry;
    } catch (error) {
      throw asJournalError(error, 'The session could not be read');
    }
    if (this.damage) throw corrupt(this.damage);
  }

  async texts(): Promise<readonly KeptTexts[] | null> {
    const { fs, directory, length } = this.#opened;
    const extracts = this.#extracts;
    if (this.damage || this.#closing || this.#length > length) return null;
    this.#letGo();
    try {
      return await readTexts(fs, directory, extracts);
    } catch (error) {
      throw asJournalError(error, 'The session could not be read');
    }
  }

  #letGo(): void {
    this.#extracts = this.#extracts.map(withoutLines);
  }

  close(): Promise<void> {
    this.#letGo();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { own } = this.#opened;
    await this.#last;
    if (!own) return;
    try {
      if (this.#unsafe && !this.#ended) await own.file.sync();
    } catch (error) {
      throw asJournalError(error, 'What was appended may not survive a loss of power');
    } finally {
      await own.file.close();
    }
  }

  async #append(
    own: OwnSegment,
    entries: readonly Entry[],
    expectedSeq: number,
    sync: boolean,
  ): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#length === this.#opened.length) this.#letGo();
    try {
      checkAppend(this.#length, entries, expectedSeq);
    } catch (error) {
      await this.#checkOwner(own);
      throw error;
    }
    if (entries.length > 0) await this.#write(own, entries);
    if (sync && this.#unsafe) await this.#sync(own);
    await this.#checkOwner(own);
    this.#length += entries.length;
  }

  async #write(own: OwnSegment, entries: readonly Entry[]): Promise<void> {
    const batch = await this.#encode(entries);
    try {
      await writeFully(own.file, batch.bytes);
    } catch (error) {
      throw await this.#explainWrite(own, error);
    }
    this.#bytes += batch.bytes.byteLength;
    this.#crc = batch.crc;
    this.#unsafe = true;
  }

  /** All lines of a batch go to the file in one write. */
  async #encode(entries: readonly Entry[]): Promise<{ bytes: Buffer; crc: number }> {
    const lines: Buffer[] = [];
    let crc = this.#crc;
    try {
      for (const entry of entries) {
        const line = writeLine(await this.#contentOf(entry, lines.length === 0 && !this.#unsafe), crc);
        lines.push(line.bytes);
        crc = line.crc;
      }
    } catch (error) {
      this.#encoder = new EntryEncoder({ restart: true });
      throw error;
    }
    return { bytes: lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines), crc };
  }

  async #contentOf(entry: Entry, afterSync: boolean) {
    const { text, contentAt, callsAt } = this.#encoder.encodeParts(entry);
    const { blobBytes } = this.#opened;
    const mayBeApart = contentAt >= 0 && entry.type !== 'reply' && text.length - contentAt > blobBytes / 3;
    const content = mayBeApart ? text.slice(contentAt, -1) : '';
    if (!this.#blobs || Buffer.byteLength(content) <= blobBytes)
      return { text, contentAt, callsAt, blob: null, afterSync };
    const blob = await this.#keep(this.#blobs, content);
    return { text: `${text.slice(0, contentAt - CONTENT.length)}}`, contentAt: -1, blob, afterSync };
  }

  async #keep(blobs: BlobFolder, content: string): Promise<Blob> {
    try {
      return await blobs.keep(content);
    } catch (error) {
      throw asJournalError(error, 'Nothing was appended: a content could not be written');
    }
  }

  /** Where nothing reached the file the next append may do better; otherwise only opening anew can tell what is there. */
  async #explainWrite(own: OwnSegment, cause: unknown): Promise<JournalError> {
    const size = await sizeOf(own.file);
    if (size === this.#bytes) {
      this.#encoder = new EntryEncoder({ restart: true });
      return asJournalError(cause, 'Nothing was appended');
    }
    return this.#end(asJournalError(cause, 'The append was cut off; open the session anew'));
  }

  /** What a failed sync leaves in the cache may never reach the disk, whatever a second sync says. */
  async #sync(own: OwnSegment): Promise<void> {
    try {
      await own.file.sync();
    } catch (error) {
      throw this.#end(asJournalError(error, 'The append may not be on the disk; open the session anew'));
    }
    this.#unsafe = false;
  }

  /**
   * A later owner makes the next segment first and then looks how far this one goes. So where there is no next segment
   * now, it will find all that was written before.
   */
  async #checkOwner({ epoch, ino }: OwnSegment): Promise<void> {
    let isOwner: boolean;
    try {
      isOwner = await ownsSession(this.#opened.fs, this.#opened.directory, epoch, ino);
    } catch (error) {
      throw this.#end(asJournalError(error, 'Whether the session has another owner could not be told'));
    }
    if (!isOwner) throw this.#end(fenced());
  }

  #end(error: JournalError): JournalError {
    this.#ended = error;
    return error;
  }
}

const CONTENT = ',"content":';

/** Whether an epoch is the latest of a session, and its segment still the one that was made for it. */
export async function ownsSession(
  fs: FileSystem,
  directory: string,
  epoch: number,
  ino: number | bigint,
): Promise<boolean> {
  if (await fs.stat(segmentPath(directory, epoch + 1))) return false;
  const own = await fs.stat(segmentPath(directory, epoch));
  return own?.ino === ino;
}

/** A JournalError that says the session belongs to somebody else. */
export function fenced(): JournalError {
  return new JournalError('fenced', 'Another owner has opened the session since.');
}

/** What a file system threw, as a JournalError `io`. */
export function asJournalError(error: unknown, message: string): JournalError {
  if (error instanceof JournalError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new JournalError('io', `${message}: ${reason}`, { cause: error });
}

async function sizeOf(file: OpenFile): Promise<number | undefined> {
  try {
    return (await file.stat()).size;
  } catch {
    return undefined;
  }
}
