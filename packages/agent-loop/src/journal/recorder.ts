import type { Awaitable } from '../api.ts';
import { messageOf, RunError } from '../errors.ts';
import type { AgentEvent, Entry, NewDelta, NewEntry } from './events.ts';
import type { Halt } from '../loop/halt.ts';
import type { Journal } from './journal.ts';
import type { Seams } from '../seams.ts';
import { wellFormed } from './well-formed.ts';

interface Recording {
  readonly journal: Journal;
  /** The position of the first entry that it writes. */
  readonly from: number;
  readonly seams: Seams;
  /** Stopped once the journal can not be written. */
  readonly halt: Halt;
  readonly runId: string;
  readonly agent: string;
  /** The run that this one is a child of. */
  readonly parentRunId: string | undefined;
  /** Called with every event: kept ones after they are kept, deltas at once. */
  readonly tell: (event: AgentEvent) => void;
  /** Called with every entry once it is kept, before anybody is told. */
  readonly fold: (entry: Entry) => void;
  /** Called while nothing is being written, with the last entry that was. */
  readonly rest?: (last: Entry) => void;
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (error: RunError) => void;
}

/**
 * Writes entries to the journal one batch after the other, folds them into the run's state, and tells the readers:
 * always in this order. Entries that arrive while a batch is being written form the next one.
 */
export class Recorder {
  readonly #to: Recording;
  /** What every event of the run has in common. */
  readonly #stamp: { readonly runId: string; readonly agent: string; readonly parentRunId?: string };
  #seq: number;
  #queue: Waiting[] = [];
  /** Whether the queue is being written. */
  #busy = false;
  /** The append that is waited for. */
  #appending: Promise<void> | undefined;
  #failure: RunError | undefined;

  constructor(to: Recording) {
    this.#to = to;
    const { runId, agent, parentRunId } = to;
    this.#stamp = { runId, agent, ...(parentRunId !== undefined && { parentRunId }) };
    this.#seq = to.from;
  }

  /** Tells the readers something that is not kept. */
  tell(delta: NewDelta): void {
    // Stamped in place: there may be thousands a second, and nobody else holds it yet.
    this.#to.tell(Object.assign(delta, this.#stamp, { at: this.#to.seams.now() }));
  }

  /**
   * Keeps an entry. Resolves when the journal has it, rejects with a RunError `journal` when it could not be written. Once
   * an append has failed nothing more is written: what follows a gap would not be a history.
   */
  record(entry: NewEntry): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const at = this.#to.seams.now();
    const stamped = { ...asKept(entry), ...this.#stamp, at, seq: this.#seq } as Entry;
    this.#seq += 1;
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry: stamped, resolve, reject });
      if (!this.#busy) this.#write();
    });
  }

  /** Resolves when everything recorded so far is kept and told, or has failed. */
  async flushed(): Promise<void> {
    while (this.#busy) await this.#appending;
  }

  /** Writes what waits: at once where the journal answers at once, as one in memory does. */
  #write(): void {
    this.#busy = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        const written = this.#append(batch);
        if (written) return void (this.#appending = this.#finish(batch, written));
        this.#keep(batch);
      } catch (error) {
        this.#fail(batch, error);
      }
    }
    this.#busy = false;
  }

  #append(batch: readonly Waiting[]): Awaitable<void> {
    if (this.#failure) throw this.#failure;
    const entries = batch.map((waiting) => waiting.entry);
    return this.#to.journal.append(entries, entries[0]?.seq ?? 0, { sync: entries.some(mustLast) });
  }

  /** Never rejects: those who wait for the batch are told. */
  async #finish(batch: readonly Waiting[], written: Awaitable<void>): Promise<void> {
    try {
      await written;
      this.#keep(batch);
    } catch (error) {
      this.#fail(batch, error);
    }
    this.#write();
  }

  #keep(batch: readonly Waiting[]): void {
    for (const { entry, resolve } of batch) {
      this.#to.fold(entry);
      this.#to.tell(entry);
      resolve();
    }
    const last = batch.at(-1);
    if (last) this.#to.rest?.(last.entry);
  }

  #fail(batch: readonly Waiting[], cause: unknown): void {
    this.#failure ??= new RunError('journal', `The journal could not be written: ${messageOf(cause)}`, {
      cause,
    });
    const error = this.#failure;
    this.#to.halt.trip({ kind: 'failed', reason: error.message, error });
    for (const { reject } of batch) reject(error);
  }
}

/**
 * Durations count to the microsecond, so that a journal read back is the one that was told. Inputs are such as can be sent:
 * mended before they are kept, and so the same ever after.
 */
function asKept(entry: NewEntry): NewEntry {
  if (entry.type === 'input') return { ...entry, content: wellFormed(entry.content) };
  if (!('durationMs' in entry)) return entry;
  const durationMs = toMicroseconds(entry.durationMs);
  if (entry.type !== 'reply') return { ...entry, durationMs };
  return { ...entry, durationMs, firstTokenMs: toMicroseconds(entry.firstTokenMs) };
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/**
 * What has to survive a loss of power before the run goes on: inputs, which are acknowledged by it; intents of effects,
 * which must not be forgotten; decisions; and the end. Results come back with the next of these at the latest: one lost
 * before is a call that may have happened, and is settled as such.
 */
function mustLast(entry: Entry): boolean {
  switch (entry.type) {
    case 'tool-start':
      return entry.effect !== 'read';
    // An agent's step is found again by its session, which is safe by itself.
    case 'step-start':
      return entry.kind !== 'run';
    case 'input':
    case 'request':
    case 'child-start':
    case 'approval':
    case 'approval-request':
    case 'run-end':
    case 'script-end':
      return true;
    default:
      return false;
  }
}
