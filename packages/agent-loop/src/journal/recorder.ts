import type { AgentEvent, Entry, NewDelta, NewEntry } from './events.ts';
import type { Journal } from './journal.ts';
import type { Seams } from '../seams.ts';

interface Recording {
  readonly journal: Journal;
  readonly seams: Seams;
  readonly runId: string;
  readonly agent: string;
  /** The run that this one is a child of. */
  readonly parentRunId: string | undefined;
  /** Called with every event: kept ones after they are kept, deltas at once. */
  readonly tell: (event: AgentEvent) => void;
  /** Called with every entry once it is kept, before anybody is told. */
  readonly fold: (entry: Entry) => void;
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
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
  /** Resolves when nothing is left to write. */
  #writing: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(to: Recording) {
    this.#to = to;
    const { runId, agent, parentRunId } = to;
    this.#stamp = { runId, agent, ...(parentRunId !== undefined && { parentRunId }) };
    this.#seq = to.journal.length;
  }

  /** Tells the readers something that is not kept. */
  tell(delta: NewDelta): void {
    // Stamped in place: there may be thousands a second, and nobody else holds it yet.
    this.#to.tell(Object.assign(delta, this.#stamp, { at: this.#to.seams.now() }));
  }

  /**
   * Keeps an entry. Resolves when the journal has it, rejects when it could not be written. Once an append has failed
   * nothing more is written: what follows a gap would not be a history.
   */
  record(entry: NewEntry): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const at = this.#to.seams.now();
    const stamped = { ...rounded(entry), ...this.#stamp, at, seq: this.#seq } as Entry;
    this.#seq += 1;
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry: stamped, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  /** Resolves when everything recorded so far is kept and told, or has failed. */
  async flushed(): Promise<void> {
    while (this.#writing) await this.#writing.promise;
  }

  async #write(): Promise<void> {
    const writing = Promise.withResolvers<void>();
    this.#writing = writing;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      if (this.#failure) {
        for (const { reject } of batch) reject(this.#failure.error);
        continue;
      }
      const entries = batch.map((waiting) => waiting.entry);
      try {
        const written = this.#to.journal.append(entries, entries[0]?.seq ?? 0, {
          sync: entries.some(mustLast),
        });
        // A journal in memory answers at once; waiting for nothing would cost every step a turn of the event loop.
        if (written) await written;
        for (const { entry, resolve } of batch) {
          this.#to.fold(entry);
          this.#to.tell(entry);
          resolve();
        }
      } catch (error) {
        this.#failure = { error };
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
    writing.resolve();
  }
}

/** Durations count to the microsecond, so that a journal read back is the one that was told. */
function rounded(entry: NewEntry): NewEntry {
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
