import assert from 'node:assert/strict';
import type { Entry } from '../../journal/events.ts';
import { sampleEntries } from '../sample-entries.ts';
import type { Case } from './case.ts';
import { all, attempt, hasLength, holds, rejects } from './checks.ts';

/** What is appended is kept, in order, as it was. */
export const KEEPING: readonly Case[] = [
  {
    name: 'a new journal is empty',
    async check({ store }) {
      const journal = await store.open('fresh');
      hasLength(journal, 0);
      assert.equal(journal.damage ?? null, null);
      assert.equal(journal.torn ?? null, null);
      assert.deepEqual(await all(journal), []);
      await journal.close();
    },
  },
  {
    name: 'what was appended is read, in order',
    async check({ store }) {
      const journal = await store.open('order');
      const entries = sampleEntries(50);
      for (const entry of entries) await journal.append([entry], entry.seq);
      hasLength(journal, 50);
      assert.deepEqual(await all(journal), entries);
      await journal.close();
    },
  },
  {
    name: 'a batch is kept whole and in order',
    async check({ store, reopen }) {
      const entries = sampleEntries(90);
      const journal = await store.open('batch');
      await journal.append(entries.slice(0, 1), 0);
      await journal.append(entries.slice(1, 80), 1);
      await journal.append([], 80);
      await journal.append(entries.slice(80), 80);
      await journal.close();
      await holds(await reopen(), 'batch', entries);
    },
  },
  {
    name: 'what was appended survives closing, and can be continued',
    async check({ store, reopen }) {
      const entries = sampleEntries(40);
      const first = await store.open('again');
      await first.append(entries.slice(0, 15), 0);
      await first.close();
      const second = await (await reopen()).open('again');
      hasLength(second, 15);
      assert.deepEqual(await all(second), entries.slice(0, 15));
      await second.append(entries.slice(15), 15);
      assert.deepEqual(await all(second), entries);
      await second.close();
      await holds(await reopen(), 'again', entries);
    },
  },
  {
    name: 'opening twenty times in a row loses nothing',
    async check({ reopen }) {
      const entries = sampleEntries(20);
      for (const entry of entries) {
        const journal = await (await reopen()).open('often');
        hasLength(journal, entry.seq);
        await journal.append([entry], entry.seq);
        await journal.close();
        const idle = await (await reopen()).open('often');
        await idle.close();
      }
      await holds(await reopen(), 'often', entries);
    },
  },
  {
    name: 'a journal that was not closed is complete for the next owner',
    async check({ store, reopen }) {
      const entries = sampleEntries(12);
      const journal = await store.open('left');
      await journal.append(entries, 0);
      await holds(await reopen(), 'left', entries);
    },
  },
  {
    name: 'read begins where it is told to',
    async check({ store, reopen }) {
      const entries = sampleEntries(30);
      const first = await store.open('from');
      await first.append(entries.slice(0, 10), 0);
      await first.close();
      const journal = await (await reopen()).open('from');
      await journal.append(entries.slice(10), 10);
      for (const from of [0, 1, 9, 10, 11, 29, 30, 31])
        assert.deepEqual(await all(journal, from), entries.slice(from), `from ${from}`);
      await journal.close();
    },
  },
  {
    name: 'a reader may stop early, and two may read at once',
    async check({ store }) {
      const entries = sampleEntries(20);
      const journal = await store.open('readers');
      await journal.append(entries, 0);
      for await (const entry of journal.read()) if (entry.seq === 3) break;
      const [one, other] = await Promise.all([all(journal), all(journal, 5)]);
      assert.deepEqual([one, other], [entries, entries.slice(5)]);
      await journal.append(sampleEntries(1, { from: 20 }), 20);
      assert.equal((await all(journal)).length, 21);
      await journal.close();
    },
  },
  {
    name: 'another position than the end is refused, and nothing of it is kept',
    async check({ store }) {
      const entries = sampleEntries(6);
      const journal = await store.open('position');
      await journal.append(entries.slice(0, 3), 0);
      await rejects(() => journal.append(entries.slice(0, 1), 0), 'seq-conflict');
      await rejects(() => journal.append(entries.slice(5), 5), 'seq-conflict');
      await rejects(() => journal.append(entries.slice(4, 5), 3), 'seq-conflict');
      assert.deepEqual(await all(journal), entries.slice(0, 3));
      await journal.append(entries.slice(3), 3);
      assert.deepEqual(await all(journal), entries);
      await journal.close();
    },
  },
  {
    name: 'appends that are not awaited are kept in their order',
    async check({ store, reopen }) {
      const entries = sampleEntries(60);
      const journal = await store.open('overlapping');
      await Promise.all(entries.map(async (entry) => journal.append([entry], entry.seq)));
      await journal.close();
      await holds(await reopen(), 'overlapping', entries);
    },
  },
  {
    name: 'of two appends to one position exactly one is kept',
    async check({ store, reopen }) {
      const one = sampleEntries(1, { label: 'one' });
      const other = sampleEntries(1, { label: 'other' });
      const journal = await store.open('collide');
      const done = await Promise.allSettled([
        attempt(() => journal.append(one, 0)),
        attempt(() => journal.append(other, 0)),
      ]);
      assert.deepEqual(done.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
      await journal.close();
      await holds(await reopen(), 'collide', done[0]?.status === 'fulfilled' ? one : other);
    },
  },
  {
    name: 'appends with and without sync mix',
    async check({ store, reopen }) {
      const entries = sampleEntries(24);
      const journal = await store.open('sync');
      for (const entry of entries) await journal.append([entry], entry.seq, { sync: entry.seq % 3 === 2 });
      assert.deepEqual(await all(journal), entries);
      await journal.close();
      await holds(await reopen(), 'sync', entries);
    },
  },
  {
    name: 'every text survives',
    async check({ store, reopen }) {
      const texts = [
        'née, 天気, 🧥, \u0000 \u0001 \u001f \u007f \u0085 \u2028 \u2029 \ufeff',
        'lines\nand\r\nreturns\rand\ttabs "quotes" \\ back\\slashes',
        '\ud83e alone, and \udde5 alone',
        '{"type":"run-end"} }{ ][ , "content":[] ,"content":"x"}',
        '',
        '__proto__ constructor prototype',
      ];
      const entries = texts.map((content, seq): Entry => ({
        ...head(seq),
        type: 'input',
        source: 'user',
        content,
      }));
      const journal = await store.open('texts');
      await journal.append(entries, 0);
      await journal.close();
      await holds(await reopen(), 'texts', entries);
    },
  },
  {
    name: 'unknown types, unknown fields and strange values are kept',
    async check({ store, reopen }) {
      const journal = await store.open('unknown');
      await journal.append(STRANGE, 0);
      await journal.close();
      await holds(await reopen(), 'unknown', STRANGE);
    },
  },
  {
    name: 'runs, subagents and repeated calls are told apart',
    async check({ store, reopen }) {
      const entries = entangled();
      const journal = await store.open('entangled');
      await journal.append(entries.slice(0, 17), 0);
      await journal.close();
      const next = await (await reopen()).open('entangled');
      await next.append(entries.slice(17), 17);
      await next.close();
      await holds(await reopen(), 'entangled', entries);
    },
  },
  {
    name: 'what is appended is kept as it was then',
    async check({ store }) {
      const input = { path: 'before' };
      const [start] = sampleEntries(1, { from: 4 });
      const entry = { ...start, seq: 0, input } as Entry;
      const journal = await store.open('mutable');
      await journal.append([entry], 0);
      const before = structuredClone(entry);
      input.path = 'after';
      assert.deepEqual(await all(journal), [before]);
      await journal.close();
    },
  },
  {
    name: 'entries of a megabyte are kept, also twice',
    topic: 'large',
    async check({ store, reopen }) {
      const entries = sampleEntries(20, { resultSize: 1_000_000 });
      const twice = { ...entries[6], seq: 20, callId: 'toolu_twice' } as Entry;
      const journal = await store.open('large');
      await journal.append(entries, 0);
      await journal.append([twice], 20);
      assert.deepEqual(await all(journal), [...entries, twice]);
      await journal.close();
      await holds(await reopen(), 'large', [...entries, twice]);
    },
  },
  {
    name: 'an entry that is not JSON is refused and disturbs nothing',
    async check({ store, reopen }) {
      const entries = sampleEntries(16);
      const journal = await store.open('not-json');
      await journal.append(entries.slice(0, 4), 0);
      const loop: Record<string, unknown> = { ...entries[4] };
      loop['input'] = { loop };
      await assert.rejects(attempt(() => journal.append([loop as unknown as Entry], 4)));
      await journal.append(entries.slice(4), 4);
      assert.deepEqual(await all(journal), entries);
      await journal.close();
      await holds(await reopen(), 'not-json', entries);
    },
  },
];

function head(seq: number) {
  return { seq, runId: 'run_1', agent: 'tester', at: 1_790_000_000_000 + seq };
}

const STRANGE = [
  { ...head(0), type: 'from-the-future', content: { not: 'an array' }, message: { content: 7 }, turn: null },
  { ...head(1), type: 'from-the-future', content: [], $run: 3, call: 1, base: false, model: ['a', 'list'] },
  { ...head(2), type: 'from-the-future' },
  { ...head(3), type: 'reply', message: null, extra: { deep: [{ a: [1, 1.5, -0.25, 1e300, true, null] }] } },
  { ...head(4), type: 'reply', message: { role: 'assistant', content: 'text' }, content: ['own'] },
  { ...head(5), type: 'reply', message: { role: 'assistant', content: [] }, turn: 2, brokenCalls: ['x'] },
  { ...head(6), type: 'tool-start', callId: 'nobody', tool: 't', input: null, turn: 3, idempotencyKey: 'k' },
  { ...head(7), type: 'tool-end', callId: 'nobody', tool: 't', content: '', outcome: 'odd', turn: 3 },
  { ...head(8), type: 'tool-end', callId: 'nobody', tool: 't', content: 'no turn' },
  { ...head(9), type: 'tool-end', callId: 'nobody', tool: 't', content: 'no turn', turn: 4 },
  { ...head(10), type: 'r1 c2 f x', agent: 'another', parentRunId: 'run_0' },
] as unknown as readonly Entry[];

/** Three runs whose entries take turns, with calls of the same name, the same input and ids that come again. */
function entangled(): Entry[] {
  const runs = ['parent', 'left', 'right'].map((label) => ({
    entries: sampleEntries(14, { label }),
    parent: label === 'parent' ? {} : { parentRunId: 'run_parent' },
  }));
  const entries: Entry[] = [];
  for (let index = 0; index < 14; index += 1)
    for (const { entries: own, parent } of runs)
      entries.push({ ...(own[index] as Entry), ...parent, seq: entries.length });
  const [reply, start, end] = [3, 4, 6].map((index) => runs[1]?.entries[index]);
  for (const again of [reply, start, end, end, start])
    entries.push({ ...(again as Entry), seq: entries.length });
  return entries;
}
