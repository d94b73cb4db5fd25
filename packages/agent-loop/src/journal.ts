import type { Awaitable } from './api.ts';
import type { Entry } from './events.ts';

/**
 * An append-only log of entries. The loop is its only writer.
 *
 * `append` resolves when the entries are as safe as the store promises, and rejects without having kept any of them
 * where it can not. Two appends never overlap. `expectedSeq` is the position of the first of `entries`; a store that
 * holds another number of entries must reject.
 */
export interface Journal {
  append(entries: readonly Entry[], expectedSeq: number): Awaitable<void>;
  /** All entries from position `fromSeq` (default 0) on. */
  read(fromSeq?: number): AsyncIterable<Entry>;
  close(): Awaitable<void>;
}

/** A journal that lives as long as the process. */
export function memoryJournal(): Journal {
  const kept: Entry[] = [];
  return {
    append(entries, expectedSeq) {
      if (expectedSeq !== kept.length) {
        throw new Error(`The journal holds ${kept.length} entries, but the writer expected ${expectedSeq}.`);
      }
      for (const entry of entries) kept.push(entry);
    },
    async *read(fromSeq = 0) {
      yield* kept.slice(fromSeq);
    },
    close() {},
  };
}
