import assert from 'node:assert/strict';
import type { Checkpoint, Checkpoints, KeptCheckpoint } from '../journal/checkpoint.ts';
import type { Entry } from '../journal/events.ts';
import type { Journal, JournalStore } from '../journal/journal.ts';
import { sliceText } from '../journal/kept-message.ts';
import { contentOf, sampleEntries } from './sample-entries.ts';
import { all, rejects } from './conformance/checks.ts';
import { type Case, runOnItsOwn } from './conformance/case.ts';
import type { ConformanceCase, StoreHarness } from './store-conformance.ts';

const ENTRIES = sampleEntries(90, { resultSize: 200 });

const CASES: readonly Case[] = [
  {
    name: 'a new journal has no checkpoint, and none is due',
    async check({ store }) {
      const journal = await store.open('fresh');
      assert.equal(checkpointsOf(journal).due, false);
      assert.equal(await checkpointsOf(journal).latest(), null);
      await journal.close();
    },
  },
  {
    name: 'a checkpoint comes back with the contents it refers to, and reading goes on behind it',
    async check({ store, reopen }) {
      const first = await store.open('kept');
      await first.append(ENTRIES.slice(0, 40), 0);
      await checkpointsOf(first).keep(checkpointOf(40));
      await first.append(ENTRIES.slice(40, 60), 40);
      await first.close();
      const second = await (await reopen()).open('kept');
      await second.append(ENTRIES.slice(60), 60);
      await second.close();
      await hasLatest(await reopen(), 'kept', 40);
    },
  },
  {
    name: 'the latest checkpoint counts, also one that covers what several owners wrote',
    async check({ store, reopen }) {
      for (const [from, to] of [
        [0, 30],
        [30, 31],
        [31, 80],
      ] as const) {
        const journal = await (await reopen()).open('several');
        await journal.append(ENTRIES.slice(from, to), from);
        await checkpointsOf(journal).keep(checkpointOf(to));
        await journal.close();
      }
      const journal = await store.open('several');
      await journal.append(ENTRIES.slice(80), 80);
      await journal.close();
      await hasLatest(await reopen(), 'several', 80);
    },
  },
  {
    name: 'one that was kept before anything was appended by its owner counts as well',
    async check({ store, reopen }) {
      const first = await store.open('idle');
      await first.append(ENTRIES, 0);
      await first.close();
      const second = await (await reopen()).open('idle');
      await checkpointsOf(second).keep(checkpointOf(90));
      await second.close();
      await hasLatest(await reopen(), 'idle', 90);
    },
  },
  {
    name: 'one that was kept after an owner that had nothing to append counts as well',
    async check({ store, reopen }) {
      const first = await store.open('looked-at');
      await first.append(ENTRIES.slice(0, 50), 0);
      await first.close();
      for (const end of [50, 90]) {
        const looking = await (await reopen()).open('looked-at');
        await looking.close();
        const owner = await (await reopen()).open('looked-at');
        await owner.append(ENTRIES.slice(50, end), 50);
        await checkpointsOf(owner).keep(checkpointOf(end));
        await owner.close();
        if (end === 90) await hasLatest(await reopen(), 'looked-at', 90);
      }
    },
  },
  {
    name: 'none is due right after one was kept',
    async check({ store }) {
      const journal = await store.open('due');
      await journal.append(ENTRIES, 0);
      await checkpointsOf(journal).keep(checkpointOf(90));
      assert.equal(checkpointsOf(journal).due, false);
      await journal.close();
    },
  },
  {
    name: 'a checkpoint of another length, or of a reader, is refused',
    async check({ store, reopen }) {
      const journal = await store.open('refused');
      await journal.append(ENTRIES.slice(0, 9), 0);
      await rejects(() => checkpointsOf(journal).keep(checkpointOf(8)), 'seq-conflict');
      await rejects(() => checkpointsOf(journal).keep(checkpointOf(10)), 'seq-conflict');
      await journal.close();
      const reader = await (await reopen()).open('refused', { readonly: true });
      assert.equal(checkpointsOf(reader).due, false);
      await assert.rejects(async () => checkpointsOf(reader).keep(checkpointOf(9)));
      await reader.close();
      assert.deepEqual(await latestOf(await reopen(), 'refused'), null);
    },
  },
  {
    name: 'an owner that was fenced takes nothing from the next one',
    async check({ store, reopen }) {
      const first = await store.open('fenced');
      await first.append(ENTRIES.slice(0, 20), 0);
      const second = await (await reopen()).open('fenced');
      await second.append(ENTRIES.slice(20), 20);
      await checkpointsOf(second).keep(checkpointOf(90));
      await checkpointsOf(first)
        .keep(checkpointOf(20))
        .catch(() => {});
      await first.close();
      await second.close();
      await hasLatest(await reopen(), 'fenced', 90);
    },
  },
];

/**
 * The cases that a store passes whose journals have `checkpoints`, beside those of `storeConformance`. What becomes of a
 * checkpoint when the bytes that it covers are changed is for the store's own tests: it has to be left alone.
 */
export function checkpointConformance(harness: Pick<StoreHarness, 'create'>): readonly ConformanceCase[] {
  return CASES.map(({ name, check }) => ({
    name,
    skip: false,
    run: () => runOnItsOwn(harness, check),
  }));
}

function checkpointsOf({ checkpoints }: Journal): Checkpoints {
  assert.ok(checkpoints, 'the journal has no checkpoints');
  return checkpoints;
}

/** One that holds the contents of its entries, the last first, with texts between them and bytes around them. */
function checkpointOf(seq: number): Checkpoint {
  return {
    seq,
    state: JSON.stringify({ upTo: seq, text: '天気 "\u2028"' }),
    steps: JSON.stringify({ steps: seq }),
    pieces: withContent(seq).flatMap((entry) => [`«${entry.seq}»`, '', entry.seq]),
    free: { before: 7, behind: 9 },
  };
}

function withContent(seq: number): readonly Entry[] {
  return ENTRIES.slice(0, seq)
    .filter((entry) => contentOf(entry) !== undefined)
    .toReversed();
}

async function latestOf(store: JournalStore, id: string): Promise<KeptCheckpoint | null> {
  const journal = await store.open(id);
  const kept = await checkpointsOf(journal).latest();
  await journal.close();
  return kept;
}

function holdsContents({ bytes, ends }: KeptCheckpoint, entries: readonly Entry[]): void {
  assert.equal(ends.length, 3 * entries.length);
  assert.equal(bytes.length, (ends.at(-1) ?? 7) + 9);
  const texts = ends.map((to, index) => sliceText({ bytes, from: ends[index - 1] ?? 7, to }));
  for (const [index, entry] of entries.entries()) {
    const [name, nothing, content = ''] = texts.slice(3 * index);
    assert.deepEqual([name, nothing, JSON.parse(content)], [`«${entry.seq}»`, '', contentOf(entry)]);
  }
}

async function hasLatest(store: JournalStore, id: string, seq: number): Promise<void> {
  const journal = await store.open(id);
  const kept = await checkpointsOf(journal).latest();
  assert.ok(kept, 'there is no checkpoint');
  const { state, steps } = checkpointOf(seq);
  assert.deepEqual([kept.seq, kept.state, kept.steps()], [seq, state, steps]);
  holdsContents(kept, withContent(seq));
  assert.deepEqual(await all(journal, seq), ENTRIES.slice(seq));
  assert.deepEqual(await all(journal, Math.floor(seq / 2)), ENTRIES.slice(Math.floor(seq / 2)));
  await journal.close();
}
