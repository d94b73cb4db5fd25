import { JournalError } from '@pawl/agent-loop/store';
import type { Checkpoint, Checkpoints, KeptCheckpoint } from '@pawl/agent-loop/store';
import type { Chain } from './chain.ts';
import { writeCheckpoint } from './checkpoint-file.ts';
import type { CoveredContents } from './checkpoint-file.ts';
import type { Covered } from './covered.ts';
import type { FileSystem } from './file-system.ts';
import type { Segment } from './segment.ts';
import { asJournalError } from './journal-errors.ts';

/** One is due for every eighth that a session grows by: few are written, and little is left to read. */
const PART = 8;

/** The journal that checkpoints are of. */
export interface Owner {
  readonly epoch: number;
  /** How many entries it holds. */
  length(): number;
  /** Its own segment as far as it is written; null while something is being appended, and once nothing can be. */
  end(): CoveredContents | null;
  /** Makes the next line lean on none before it, so that reading can begin there. */
  restart(): void;
  isStillOwner(): Promise<boolean>;
}

/** Where they are kept, and after how many bytes one is due at the earliest. */
interface Place {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly checkpointBytes: number;
}

/** The checkpoints of a session: a file that says how far it covers the segments. */
export class FileCheckpoints implements Checkpoints {
  readonly #place: Place;
  /** The segments before its owner's. */
  readonly #covers: readonly CoveredContents[];
  /** Bytes of those. */
  readonly #bytes: number;
  readonly #owner: Owner | null;
  /** What the latest checkpoint covers. */
  #coveredBytes: number;
  #covered: Covered | null;
  /** The checkpoint that is being written. */
  #writing: Promise<void> = Promise.resolve();

  constructor(place: Place, { segments, covered }: Chain, owner: Owner | null) {
    this.#place = place;
    // One without entries is skipped by the next owner's segment, and so by whoever reads the checkpoint.
    this.#covers = segments.filter(({ entries }) => entries > 0).map(coverOf);
    this.#bytes = sum(this.#covers);
    this.#owner = owner;
    this.#covered = covered;
    this.#coveredBytes = sum(covered?.segments ?? []);
  }

  get due(): boolean {
    const end = this.#owner?.end();
    if (!end) return false;
    const more = this.#bytes + end.bytes - this.#coveredBytes;
    return more >= Math.max(this.#place.checkpointBytes, this.#coveredBytes / PART);
  }

  async keep(checkpoint: Checkpoint): Promise<void> {
    const owner = this.#owner;
    const end = owner?.end();
    if (!owner || !end || checkpoint.seq !== owner.length())
      throw new JournalError('seq-conflict', 'A checkpoint is of the whole journal, and kept by its owner.');
    const covers = end.entries > 0 ? [...this.#covers, end] : this.#covers;
    this.#coveredBytes = this.#bytes + end.bytes;
    if (end.entries > 0) owner.restart();
    const { fs, directory } = this.#place;
    const written = this.#writing.then(() =>
      writeCheckpoint({ fs, directory, epoch: owner.epoch }, checkpoint, covers, () => owner.isStillOwner()),
    );
    this.#writing = written.catch(() => {});
    try {
      await written;
    } catch (error) {
      throw asJournalError(error, 'The checkpoint could not be written');
    }
  }

  async latest(): Promise<KeptCheckpoint | null> {
    const { checkpoint = null } = this.#covered ?? {};
    this.letGo();
    return checkpoint;
  }

  /** The first reader is gone: what is left in memory for one is let go of. */
  letGo(): void {
    this.#covered = null;
  }

  /** Resolves when none is being written. */
  get settled(): Promise<void> {
    return this.#writing;
  }
}

function coverOf({ header, entries, bytes, crc, sum: all, safe, contents }: Segment): CoveredContents {
  const { epoch, seq } = header;
  return { epoch, seq, entries, bytes, crc, sum: all, safe, contents };
}

function sum(of: readonly { readonly bytes: number }[]): number {
  return of.reduce((total, { bytes }) => total + bytes, 0);
}
