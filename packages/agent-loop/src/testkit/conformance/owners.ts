import assert from 'node:assert/strict';
import { sampleEntries } from '../sample-entries.ts';
import type { Case } from './case.ts';
import { all, attempt, codeOf, hasLength, holds, rejects } from './checks.ts';

/** Of several owners only the latest appends. */
export const OWNERS: readonly Case[] = [
  {
    name: 'a later owner fences the earlier',
    topic: 'fencing',
    async check({ store, reopen }) {
      const entries = sampleEntries(6);
      const first = await store.open('owners');
      await first.append(entries.slice(0, 2), 0);
      const second = await (await reopen()).open('owners');
      await rejects(() => first.append(entries.slice(2, 3), 2), 'fenced');
      await second.append(entries.slice(2, 4), 2);
      await rejects(() => first.append(entries.slice(4, 5), 4), 'fenced');
      await rejects(() => first.append(entries.slice(2, 3), 2), 'fenced');
      await first.close();
      await second.append(entries.slice(4), 4);
      assert.deepEqual(await all(second), entries);
      await second.close();
      await holds(await reopen(), 'owners', entries);
    },
  },
  {
    name: 'an owner that was fenced before its first append stays fenced',
    topic: 'fencing',
    async check({ store, reopen }) {
      const [entry] = sampleEntries(1);
      assert.ok(entry);
      const first = await store.open('idle');
      const second = await (await reopen()).open('idle');
      await second.close();
      await rejects(() => first.append([entry], 0), 'fenced');
      await first.close();
      await holds(await reopen(), 'idle', []);
    },
  },
  {
    name: 'of many owners that open at once, at most one can append',
    topic: 'fencing',
    async check({ reopen }) {
      const stores = await Promise.all(Array.from({ length: 6 }, async () => reopen()));
      const opened = await Promise.allSettled(stores.map((store) => store.open('race')));
      const journals = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      for (const result of opened)
        if (result.status === 'rejected') assert.equal(codeOf(result.reason), 'fenced');
      const entry = sampleEntries(1);
      const appended = await Promise.allSettled(
        journals.map((journal) => attempt(() => journal.append(entry, 0))),
      );
      const kept = appended.filter(({ status }) => status === 'fulfilled').length;
      for (const result of appended)
        if (result.status === 'rejected') assert.equal(codeOf(result.reason), 'fenced');
      assert.equal(kept, 1);
      for (const journal of journals) await journal.close();
      await holds(await reopen(), 'race', entry);
    },
  },
  {
    name: 'opening for reading fences nobody and appends nothing',
    topic: 'readonly',
    async check({ store, reopen }) {
      const entries = sampleEntries(6);
      const writer = await store.open('watched');
      await writer.append(entries.slice(0, 3), 0);
      const reader = await (await reopen()).open('watched', { readonly: true });
      hasLength(reader, 3);
      assert.deepEqual(await all(reader), entries.slice(0, 3));
      await rejects(() => reader.append(entries.slice(3, 4), 3), 'readonly');
      await writer.append(entries.slice(3), 3);
      hasLength(reader, 3);
      assert.deepEqual(await all(reader), entries.slice(0, 3));
      await reader.close();
      await writer.close();
      await holds(await reopen(), 'watched', entries);
    },
  },
  {
    name: 'opening for reading creates nothing',
    topic: 'readonly',
    async check({ store }) {
      await rejects(() => store.open('absent', { readonly: true }), 'not-found');
      assert.deepEqual(await store.list(), []);
    },
  },
  {
    name: 'a closed journal refuses, and closing twice is no error',
    async check({ store }) {
      const journal = await store.open('closed');
      await journal.append(sampleEntries(1), 0);
      await journal.close();
      await journal.close();
      await rejects(() => journal.append(sampleEntries(1, { from: 1 }), 1), 'closed');
      await rejects(() => all(journal), 'closed');
    },
  },
  {
    name: 'closing waits for appends under way',
    async check({ store, reopen }) {
      const entries = sampleEntries(5);
      const journal = await store.open('closing');
      const appends = entries.map(async (entry) => journal.append([entry], entry.seq));
      await journal.close();
      await Promise.all(appends);
      await holds(await reopen(), 'closing', entries);
    },
  },
];
