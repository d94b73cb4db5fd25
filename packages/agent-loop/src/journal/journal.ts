import type { Awaitable } from '../api.ts';
import type { Entry } from './events.ts';
import type { Checkpoints } from './checkpoint.ts';

/** How an append is kept. */
export interface AppendOptions {
  /**
   * Whether `append` resolves only when the entries survive a loss of power. Otherwise they need only survive the end
   * of the process. Default true. Entries kept without it are made safe by the next append that asks for it.
   */
  readonly sync?: boolean;
}

/** Bytes of a journal that cannot be read. */
export interface JournalDamage {
  /** The file, or another name for the place. */
  readonly where: string;
  /** The first damaged byte, and the first one after the damage. */
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/**
 * An append-only log of entries. The loop is its only writer.
 *
 * `append` resolves when the entries are kept, and rejects without having kept any of them where it can not. Two
 * appends never overlap. `expectedSeq` is the position of the first of `entries`; a journal that holds another number
 * of entries rejects with `seq-conflict`, one that another owner has opened since with `fenced`.
 */
export interface Journal {
  /** How many entries it holds: the position of the next one. Where it is left out, they are counted as they are read. */
  readonly length?: number | undefined;
  /**
   * Why nothing can be appended: damage that was found, or null. Entries before the damage can be read. Left out by a journal
   * that finds damage only when it reads.
   */
  readonly damage?: JournalDamage | null | undefined;
  /**
   * What opening left out: the bytes of an append that a crash cut off, or null. The append was never acknowledged, or
   * was made without `sync` and lost with the power. They are kept where they are, and no entry holds them.
   * Default: null.
   */
  readonly torn?: JournalDamage | null | undefined;
  append(entries: readonly Entry[], expectedSeq: number, options?: AppendOptions): Awaitable<void>;
  /** All entries from position `fromSeq` (default 0) on, in order. Rejects with `corrupt` on reaching damage. */
  read(fromSeq?: number): AsyncIterable<Entry>;
  /** Where it keeps checkpoints of itself, so that a long one is opened quickly; null where it keeps none. Default: null. */
  readonly checkpoints?: Checkpoints | null;
  close(): Awaitable<void>;
}

/** A journal that tells all of itself, as those of the stores that come with pawl do. */
export type FullJournal = Journal & {
  readonly length: number;
  readonly damage: JournalDamage | null;
  readonly torn: JournalDamage | null;
};

/** What a store tells of a session without opening it. Times are epoch milliseconds. */
export interface JournalInfo {
  readonly id: string;
  readonly bytes: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/**
 * A place where journals last. Ids are 1 to 128 letters, digits, `_`, `-` or `.`, not beginning with a dot. `J` is what its
 * journals are.
 */
export interface JournalStore<J extends Journal = Journal> {
  /**
   * Opens the journal with this id, or creates it. For writing (the default) it fences every earlier owner: of two
   * owners only the later can append. With `readonly` it fences nobody, appends nothing and creates nothing.
   */
  open(id: string, options?: { readonly readonly?: boolean }): Promise<J>;
  /**
   * Makes a journal of entries that exist already, their positions from 0 on: whole or not at all, whenever it is cut
   * off. Rejects with `seq-conflict` where there is a journal with this id. Left out by stores of which one `append` is
   * as much: then a copy is one append.
   */
  create?(id: string, entries: AsyncIterable<Entry>): Promise<void>;
  /** All journals, in the order of their ids. */
  list(): Promise<readonly JournalInfo[]>;
  /** Deletes a journal and fences its owner. Deleting one that does not exist is no error. */
  delete(id: string): Promise<void>;
}

/**
 * Why a journal could not be used.
 *
 * - `fenced`: another owner has opened it since, or it was deleted. `seq-conflict`: it holds another number of entries than expected.
 * - `corrupt`: damaged bytes, named in `damage`. `newer-version`: written by a newer version of the format.
 * - `bad-id`: the id is unsafe, or what the store would keep under it is somebody else's. `not-found`, `readonly`, `closed`:
 *   what they say. `io`: the file system or database failed, see `cause`; or something is in the way.
 */
export type JournalErrorCode =
  | 'fenced'
  | 'seq-conflict'
  | 'corrupt'
  | 'newer-version'
  | 'not-found'
  | 'bad-id'
  | 'readonly'
  | 'closed'
  | 'io';

/** A journal that could not be opened, read or appended to. What was acknowledged before is kept. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;
  readonly damage: JournalDamage | undefined;

  constructor(
    code: JournalErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly damage?: JournalDamage } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.damage = options.damage;
  }
}

/** Names that mean a device on Windows, whatever follows the first dot. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Throws a JournalError `bad-id` for an id that is not safe as a file name on every system. */
export function checkJournalId(id: unknown): asserts id is string {
  const safe = typeof id === 'string' && /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(id) && !id.endsWith('.');
  if (safe && !DEVICE.test(id)) return;
  const got =
    typeof id === 'string' ? JSON.stringify(id.length > 140 ? `${id.slice(0, 140)}…` : id) : typeof id;
  throw new JournalError(
    'bad-id',
    safe
      ? `${got} is no session id: Windows keeps that name for a device.`
      : `A session id is 1 to 128 letters, digits, "_", "-" or ".", with no dot at either end; got ${got}.`,
  );
}

/** Throws a JournalError `seq-conflict` unless the entries belong at the end of a journal that holds `length` entries. */
export function checkAppend(length: number, entries: readonly Entry[], expectedSeq: number): void {
  if (expectedSeq !== length) {
    throw new JournalError(
      'seq-conflict',
      `The journal holds ${length} entries, but the writer expected ${expectedSeq}.`,
    );
  }
  const astray = entries.findIndex((entry, index) => entry.seq !== length + index);
  if (astray < 0) return;
  throw new JournalError(
    'seq-conflict',
    `An entry numbered ${entries[astray]?.seq} was to be kept at position ${length + astray}.`,
  );
}

/** Whether a journal holds no entry. */
export async function isEmpty(journal: Journal): Promise<boolean> {
  if (journal.length !== undefined) return journal.length === 0;
  for await (const _ of journal.read()) return false;
  return true;
}

/** A journal that lives as long as the process. */
export function memoryJournal(): FullJournal {
  const kept: Entry[] = [];
  return {
    get length() {
      return kept.length;
    },
    damage: null,
    torn: null,
    append(entries, expectedSeq) {
      checkAppend(kept.length, entries, expectedSeq);
      for (const entry of entries) kept.push(entry);
    },
    async *read(fromSeq = 0) {
      yield* kept.slice(fromSeq);
    },
    close() {},
  };
}

/** A journal that only counts: for a run of no session, whose entries are folded, told, and never read again. */
export class FleetingJournal implements Journal {
  readonly damage = null;
  readonly torn = null;
  length = 0;

  append(entries: readonly Entry[], expectedSeq: number): void {
    checkAppend(this.length, entries, expectedSeq);
    this.length += entries.length;
  }

  async *read(): AsyncGenerator<Entry> {
    // Nothing is kept.
  }

  close(): void {}
}
