import assert from 'node:assert/strict';
import type { BudgetStore } from '../money/budget-store.ts';
import { runOnItsOwn } from './conformance/case.ts';
import type { ConformanceCase } from './store-conformance.ts';

/** A store of budgets, fresh and empty. */
export interface BudgetStoreUnderTest {
  readonly store: BudgetStore;
  /** Another store over the same data, as another process would open it. A store that lives in memory gives itself. */
  readonly reopen: () => BudgetStore | Promise<BudgetStore>;
  /** Cleans up. */
  close(): void | PromiseLike<void>;
}

const CASES: readonly {
  readonly name: string;
  readonly check: (under: BudgetStoreUnderTest) => Promise<void>;
}[] = [
  {
    name: 'a budget begins with nothing, and each change gets what the one before gave',
    async check({ store, reopen }) {
      const seen: (string | null)[] = [];
      const put = (to: BudgetStore, text: string) =>
        to.updateBudget('b', (kept) => {
          seen.push(kept);
          return text;
        });
      await put(store, 'one');
      await put(store, 'two · 天気');
      await put(await reopen(), '');
      await put(store, 'four');
      assert.deepEqual(seen, [null, 'one', 'two · 天気', '']);
    },
  },
  {
    name: 'budgets with different ids have nothing to do with each other',
    async check({ store }) {
      await store.updateBudget('a', () => 'of a');
      await store.updateBudget('b', (kept) => `${kept} of b`);
      assert.equal(await read(store, 'a'), 'of a');
      assert.equal(await read(store, 'b'), 'null of b');
    },
  },
  {
    name: 'a change that throws changes nothing, and the next one goes on',
    async check({ store }) {
      await store.updateBudget('b', () => 'kept');
      await assert.rejects(async () =>
        store.updateBudget('b', () => {
          throw new Error('no');
        }),
      );
      assert.equal(await read(store, 'b'), 'kept');
    },
  },
  {
    name: 'of changes that are made at once, through several openings, none is lost',
    async check({ store, reopen }) {
      const openings = [store, await reopen(), await reopen()];
      const countTo = (opening: BudgetStore): Promise<void> =>
        opening.updateBudget('b', (kept) => String(Number(kept ?? 0) + 1));
      await Promise.all(Array.from({ length: 20 }, () => openings.map(countTo)).flat());
      assert.equal(await read(await reopen(), 'b'), '60');
    },
  },
  {
    name: 'an id that is none of a journal is refused',
    async check({ store }) {
      for (const id of ['', '../up', '.hidden', 'a/b'])
        await assert.rejects(async () => store.updateBudget(id, () => ''));
    },
  },
];

/** The cases that every store of budgets passes. */
export function budgetStoreConformance(harness: {
  create(): BudgetStoreUnderTest | Promise<BudgetStoreUnderTest>;
}): readonly ConformanceCase[] {
  return CASES.map(({ name, check }) => ({
    name,
    skip: false,
    run: () => runOnItsOwn(harness, check),
  }));
}

async function read(store: BudgetStore, id: string): Promise<string | null> {
  let seen: string | null = null;
  await store.updateBudget(id, (kept) => {
    seen = kept;
    return kept ?? '';
  });
  return seen;
}
