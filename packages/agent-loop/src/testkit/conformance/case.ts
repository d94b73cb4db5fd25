import type { JournalStore } from '../../journal/journal.ts';

/** A store, fresh and empty, and the ways to handle it. */
export interface StoreUnderTest {
  readonly store: JournalStore;
  /** Another store over the same data, as another process would open it. A store that lives in memory gives itself. */
  readonly reopen: () => JournalStore | Promise<JournalStore>;
  /** Cleans up. */
  close(): void | PromiseLike<void>;
}

/** What a store can leave out, if it says so. */
export type StoreTopic = 'fencing' | 'readonly' | 'list' | 'delete' | 'large';

/** What every store does, or leaves out by its topic. */
export interface Case {
  readonly name: string;
  readonly topic?: StoreTopic;
  readonly check: (under: StoreUnderTest) => Promise<void>;
}

/** Runs one on a store of its own, which is cleaned up however it ends. */
export async function runOnItsOwn<Under extends { close(): void | PromiseLike<void> }>(
  harness: { create(): Under | Promise<Under> },
  check: (under: Under) => Promise<void>,
): Promise<void> {
  const under = await harness.create();
  try {
    await check(under);
  } finally {
    await under.close();
  }
}
