import assert from 'node:assert/strict';
import { sampleEntries } from '../sample-entries.ts';
import type { Case } from './case.ts';
import { attempt, hasLength, holds, iterate, rejects } from './checks.ts';

/** Journals are made, listed and deleted by their ids. */
export const SESSIONS: readonly Case[] = [
  {
    name: 'a journal made of entries that exist holds them, and takes no other one’s place',
    async check({ store, reopen }) {
      if (!store.create) return;
      const entries = sampleEntries(300);
      await store.create('made', iterate(entries));
      await rejects(() => store.create?.('made', iterate(entries.slice(0, 3))), 'seq-conflict');
      await assert.rejects(attempt(() => store.create?.('cut', iterate(entries, 20))));
      const made = await (await reopen()).open('made');
      hasLength(made, 300);
      await made.append(sampleEntries(1, { from: 300 }), 300);
      await made.close();
      await holds(await reopen(), 'made', [...entries, ...sampleEntries(1, { from: 300 })]);
      assert.deepEqual(
        (await store.list()).map(({ id }) => id),
        ['made'],
      );
    },
  },
  {
    name: 'journals are listed in the order of their ids',
    topic: 'list',
    async check({ store, reopen }) {
      assert.deepEqual(await store.list(), []);
      for (const id of ['b', 'a.1', 'C', 'a-1']) {
        const journal = await store.open(id);
        await journal.append(sampleEntries(3), 0);
        await journal.close();
      }
      const listed = await (await reopen()).list();
      assert.deepEqual(
        listed.map(({ id }) => id),
        ['C', 'a-1', 'a.1', 'b'],
      );
      for (const { bytes, createdAt, updatedAt } of listed) {
        assert.ok(bytes > 0, 'bytes');
        assert.ok(createdAt > 0 && updatedAt >= createdAt - 1, 'times');
      }
    },
  },
  {
    name: 'a deleted journal is gone, its owner is fenced, and its id is free',
    topic: 'delete',
    async check({ store, reopen }) {
      const entries = sampleEntries(3);
      const kept = await store.open('kept');
      await kept.append(entries, 0);
      const owner = await store.open('gone');
      await owner.append(entries, 0);
      await store.delete('gone');
      await rejects(() => owner.append(sampleEntries(1, { from: 3 }), 3), 'fenced');
      const ids = (await (await reopen()).list()).map(({ id }) => id);
      const again = await (await reopen()).open('gone');
      hasLength(again, 0);
      await rejects(() => owner.append(sampleEntries(1, { from: 3 }), 3), 'fenced');
      await again.append(entries.slice(0, 1), 0);
      await owner.close();
      await again.close();
      await holds(await reopen(), 'gone', entries.slice(0, 1));
      await kept.append(sampleEntries(1, { from: 3 }), 3);
      await kept.close();
      assert.deepEqual(ids, ['kept']);
    },
  },
  {
    name: 'deleting what does not exist is no error',
    topic: 'delete',
    async check({ store }) {
      await store.delete('never');
      await store.delete('never');
    },
  },
  {
    name: 'unsafe ids are refused everywhere',
    async check({ store }) {
      for (const id of BAD_IDS) {
        await rejects(() => store.open(id as string), 'bad-id');
        await rejects(() => store.open(id as string, { readonly: true }), 'bad-id');
        await rejects(() => store.delete(id as string), 'bad-id');
      }
    },
  },
  {
    name: 'every safe id works, and sessions do not mix',
    async check({ store, reopen }) {
      const ids = ['a', '0', '_', '-', 'a.b', 'a..b', 'review-2026_11', 'x'.repeat(128)];
      for (const id of ids) {
        const journal = await store.open(id);
        await journal.append(sampleEntries(2, { label: id }), 0);
        await journal.close();
      }
      const other = await reopen();
      for (const id of ids) await holds(other, id, sampleEntries(2, { label: id }));
    },
  },
];

const BAD_IDS: readonly unknown[] = [
  '',
  '.',
  '..',
  '../up',
  'a/b',
  'a\\b',
  '/etc',
  '.hidden',
  'end.',
  'nul',
  'COM1.txt',
  'a b',
  'a\0b',
  'é',
  'x'.repeat(129),
  'a:b',
  'a\n',
  '%2e%2e',
  undefined,
  null,
  7,
  {},
];
