import { checkAppend, EntryEncoder, JournalError } from '@pawl/agent-loop/store';
import type { AppendOptions, Entry, Journal, JournalDamage } from '@pawl/agent-loop/store';
import { crc32 } from 'node:zlib';
import { BlobFolder } from './blob-folder.ts';
import type { Chain } from './chain.ts';
import type { CoveredContents } from './checkpoint-file.ts';
import { ContentPlaces } from './content-places.ts';
import type { ContentPlace } from './content-places.ts';
import { FileCheckpoints } from './file-checkpoints.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { segmentPath } from './layout.ts';
import { contentEnd, writeLine } from './line.ts';
import type { Blob, LineContent, WrittenLine } from './line.ts';
import { writeFully } from './line-scanner.ts';
import { extractOf, readEntries, withoutLines } from './read-entries.ts';
import type { Extract } from './read-entries.ts';
import type { Extent } from './segment.ts';
import { asJournalError, corrupt, fenced, notAppendable, type Owner } from './journal-errors.ts';

/** The segment that a journal appends to: its header is written. */
export interface OwnSegment extends Pick<Extent, 'bytes' | 'crc' | 'sum'> {
  readonly file: OpenFile;
  readonly epoch: number;
  readonly ino: number | bigint;
}

/** What a journal is opened with. */
export interface Opened {
  readonly place: {
    readonly fs: FileSystem;
    readonly directory: string;
    readonly blobBytes: number;
    readonly checkpointBytes: number;
  };
  readonly chain: Chain;
  /** Null where nothing can be appended. */
  readonly own: OwnSegment | null;
}

/** Lines to be written at once, and where the contents in them are. */
interface Batch {
  readonly bytes: Buffer;
  readonly crc: number;
  readonly contents: readonly (ContentPlace | null)[];
}

/** The first open journal appends; what it says is kept is on the disk. */
export class FileJournal implements Journal {
  readonly damage: JournalDamage | null;
  readonly torn: JournalDamage | null;
  readonly checkpoints: FileCheckpoints;
  readonly #place: Opened['place'];
  readonly #own: OwnSegment | null;
  readonly #blobs: BlobFolder | undefined;
  /** What was there when it was opened. The first reader gets it from memory. */
  #extracts: readonly Extract[];
  readonly #lengthAtOpen: number;
  #length: number;
  /** How far its own segment is written. */
  #extent: Omit<Extent, 'entries' | 'safe'>;
  /** Where it was safe from a loss of power last. */
  #safe: number;
  readonly #contents = new ContentPlaces();
  #encoder = new EntryEncoder();
  /** Why nothing more can be appended. */
  #ended: JournalError | undefined;
  #closing: Promise<void> | undefined;
  /** The latest append, and how many have not ended. */
  #last: Promise<void> = Promise.resolve();
  #appending = 0;

  constructor({ place, chain, own }: Opened) {
    const { length, damage, torn, segments } = chain;
    this.#place = place;
    this.#own = own;
    this.#extracts = segments.map(extractOf);
    this.#lengthAtOpen = length;
    this.#length = length;
    this.damage = damage;
    this.torn = torn;
    const { bytes = 0, crc = 0, sum = 0 } = own ?? {};
    this.#extent = { bytes, crc, sum };
    this.#safe = bytes;
    if (own) this.#blobs = new BlobFolder(place.fs, place.directory, own.epoch);
    this.checkpoints = new FileCheckpoints(
      place,
      chain,
      own && {
        epoch: own.epoch,
        length: () => this.#length,
        end: () => (this.#ended || this.#closing || this.#appending > 0 ? null : this.#cover(own)),
        restart: () => void (this.#encoder = new EntryEncoder({ restart: true })),
        isStillOwner: async () => (await ownerOf(place.fs, place.directory, own.epoch, own.ino)) === 'self',
      },
    );
  }

  get length(): number {
    return this.#length;
  }

  append(entries: readonly Entry[], expectedSeq: number, { sync = true }: AppendOptions = {}): Promise<void> {
    const own = this.#own;
    if (this.#closing) return Promise.reject(new JournalError('closed', 'The journal is closed.'));
    if (this.damage) return Promise.reject(notAppendable(this.damage, this.#place.directory));
    if (!own) return Promise.reject(new JournalError('readonly', 'The journal was opened for reading.'));
    this.#appending += 1;
    const ended = (): void => void (this.#appending -= 1);
    const appended = this.#last.then(() => this.#append(own, entries, expectedSeq, sync));
    this.#last = appended.then(ended, ended);
    return appended;
  }

  async *read(fromSeq = 0): AsyncGenerator<Entry> {
    if (this.#closing) throw new JournalError('closed', 'The journal is closed.');
    const { fs, directory } = this.#place;
    const to = this.#length;
    const own = this.#own;
    const all = own ? [...this.#extracts, this.#ownExtract(own)] : this.#extracts;
    this.#letGo();
    try {
      const batches = readEntries(fs, directory, all, { from: fromSeq, to });
      for await (const batch of batches) for (const entry of batch) yield entry;
    } catch (error) {
      throw asJournalError(error, 'The session could not be read');
    }
    if (this.damage) throw corrupt(this.damage);
  }

  #ownExtract({ epoch, bytes, crc }: OwnSegment): Extract {
    return {
      path: segmentPath(this.#place.directory, epoch),
      seq: this.#lengthAtOpen,
      entries: this.#length - this.#lengthAtOpen,
      bytes: this.#extent.bytes,
      begin: { entries: 0, bytes, crc },
      kept: null,
    };
  }

  #cover({ epoch }: OwnSegment): CoveredContents {
    const entries = this.#length - this.#lengthAtOpen;
    const seq = this.#lengthAtOpen;
    return { epoch, seq, entries, ...this.#extent, safe: this.#safe, contents: this.#contents };
  }

  #letGo(): void {
    this.#extracts = this.#extracts.map(withoutLines);
    this.checkpoints.letGo();
  }

  close(): Promise<void> {
    this.#letGo();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const own = this.#own;
    await this.#last;
    await this.checkpoints.settled;
    if (!own) return;
    try {
      if (this.#unsafe && !this.#ended) await own.file.sync();
    } catch (error) {
      throw asJournalError(error, 'What was appended may not survive a loss of power');
    } finally {
      await own.file.close();
    }
  }

  /** Whether something was written that is not yet safe from a loss of power. */
  get #unsafe(): boolean {
    return this.#safe < this.#extent.bytes;
  }

  async #append(
    own: OwnSegment,
    entries: readonly Entry[],
    expectedSeq: number,
    sync: boolean,
  ): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#length === this.#lengthAtOpen) this.#letGo();
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
    const { bytes, crc, contents } = await this.#encode(entries);
    try {
      await writeFully(own.file, bytes);
    } catch (error) {
      throw await this.#explainWrite(own, error);
    }
    const before = this.#extent;
    this.#extent = { bytes: before.bytes + bytes.byteLength, crc, sum: crc32(bytes, before.sum) };
    for (const [index, place] of contents.entries())
      if (place) this.#contents.add(this.#length + index, place);
  }

  /** All lines of a batch go to the file in one write. */
  async #encode(entries: readonly Entry[]): Promise<Batch> {
    const lines: Buffer[] = [];
    const contents: (ContentPlace | null)[] = [];
    let { crc, bytes: at } = this.#extent;
    try {
      for (const entry of entries) {
        const content = await this.#contentOf(entry, lines.length === 0 && !this.#unsafe);
        const line = writeLine(content, crc);
        lines.push(line.bytes);
        contents.push(placeIn(line, content, at));
        crc = line.crc;
        at += line.bytes.byteLength;
      }
    } catch (error) {
      this.#encoder = new EntryEncoder({ restart: true });
      throw error;
    }
    return { bytes: lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines), crc, contents };
  }

  async #contentOf(entry: Entry, afterSync: boolean): Promise<LineContent> {
    const { text, contentAt } = this.#encoder.encodeParts(entry);
    const { blobBytes } = this.#place;
    const mayBeApart = contentAt >= 0 && entry.type !== 'reply' && text.length - contentAt > blobBytes / 3;
    const content = mayBeApart ? text.slice(contentAt, -1) : '';
    if (!this.#blobs || Buffer.byteLength(content) <= blobBytes)
      return { text, contentAt, blob: null, afterSync };
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
    if (size === this.#extent.bytes) {
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
    this.#safe = this.#extent.bytes;
  }

  /**
   * A later owner makes the next segment first and then looks how far this one goes. So where there is no next segment
   * now, it will find all that was written before.
   */
  async #checkOwner({ epoch, ino }: OwnSegment): Promise<void> {
    let owner: Owner;
    try {
      owner = await ownerOf(this.#place.fs, this.#place.directory, epoch, ino);
    } catch (error) {
      throw this.#end(asJournalError(error, 'Whether the session has another owner could not be told'));
    }
    if (owner !== 'self') throw this.#end(fenced(owner));
  }

  #end(error: JournalError): JournalError {
    this.#ended = error;
    return error;
  }
}

const CONTENT = ',"content":';

/** Where the content of a line is that begins at this byte of the segment. */
function placeIn(line: WrittenLine, { blob }: LineContent, at: number): ContentPlace | null {
  if (blob) return { blob };
  const { bytes, contentAt } = line;
  return contentAt < 0 ? null : { from: at + contentAt, to: at + contentEnd(bytes, bytes.length - 1) };
}

/** Whose a session is: its own where an epoch is the latest, and its segment still the one that was made for it. */
export async function ownerOf(
  fs: FileSystem,
  directory: string,
  epoch: number,
  ino: number | bigint,
): Promise<Owner> {
  if (await fs.stat(segmentPath(directory, epoch + 1))) return 'other';
  const own = await fs.stat(segmentPath(directory, epoch));
  if (!own) return 'nobody';
  return own.ino === ino ? 'self' : 'other';
}

async function sizeOf(file: OpenFile): Promise<number | undefined> {
  try {
    return (await file.stat()).size;
  } catch {
    return undefined;
  }
}
