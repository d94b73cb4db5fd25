import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { ConfigError, JournalError } from '@pawl/agent-loop/store';
import type { Journal } from '@pawl/agent-loop/store';
import { budgetStoreConformance, sampleEntries, storeConformance } from '@pawl/agent-loop/testkit';
import { sqliteStore } from '@pawl/stores/sqlite';
import type { SqliteStore } from '@pawl/stores/sqlite';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { sourceFlags } from '../../../../test/support/node-flags.ts';
import { expectIoErrors } from '../support/expect-io-errors.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('SQLite store', () => {
  const harness = {
    async create() {
      const folder = await temporaryFolder();
      const opened: SqliteStore[] = [];
      const open = () => {
        const store = sqliteStore(`${folder.path}/deep/sessions.db`);
        opened.push(store);
        return store;
      };
      return {
        store: open(),
        reopen: open,
        async close() {
          for (const store of opened) await store.close();
          await folder[Symbol.asyncDispose]();
        },
      };
    },
  };
  const cases = [...storeConformance(harness), ...budgetStoreConformance(harness)];
  for (const { name, skip, run } of cases) test(`${name}`, { skip: skip !== false }, run);

  test('options that are unknown are refused with those that are known', () => {
    const unknown: object = { foo: 1 };
    expect(() => sqliteStore('x.db', unknown)).toThrow(
      new ConfigError('sqliteStore', 'there is no option "foo". Known: now.'),
    );
    expect(() => sqliteStore('x.db', null as unknown as object)).toThrow(
      /^sqliteStore: expected an object of/,
    );
    expect(() => sqliteStore('x.db', { now: 7 as never })).toThrow(/^now: must be a function, got 7/);
    expect(() => sqliteStore('')).toThrow(/^sqliteStore: needs the path of a file, got ""/);
  });

  test('entries can be queried', async () => {
    await using folder = await temporaryFolder();
    await using store = sqliteStore(`${folder.path}/sessions.db`);
    const journal = await store.open('review');
    await journal.append(sampleEntries(20), 0);
    using db = new DatabaseSync(`${folder.path}/sessions.db`);
    const sql = `SELECT json ->> '$.tool' AS tool, count(*) AS calls FROM entries
      WHERE type = 'tool-end' GROUP BY tool ORDER BY tool`;
    expect(
      db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row })),
    ).toEqual([
      { tool: 'grep', calls: 3 },
      { tool: 'read', calls: 3 },
    ]);
  });

  test('its files are for their owner alone', async () => {
    await using folder = await temporaryFolder();
    await using store = sqliteStore(`${folder.path}/sub/sessions.db`);
    await (await store.open('private')).append(sampleEntries(3), 0);
    for (const name of ['sessions.db', 'sessions.db-wal', 'sessions.db-shm'])
      expect(statSync(`${folder.path}/sub/${name}`).mode & 0o777).toBe(0o600);
    expect(statSync(`${folder.path}/sub`).mode & 0o777).toBe(0o700);
  });

  test('a changed or a missing row is found', async () => {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/sessions.db`;
    for (const sql of [
      `UPDATE entries SET json = replace(json, 'maxTokens', 'maxTokenz') WHERE seq = 8`,
      'DELETE FROM entries WHERE seq = 8',
      'DELETE FROM entries WHERE seq >= 8',
    ]) {
      await using store = sqliteStore(file);
      const journal = await store.open('damaged');
      await journal.append(sampleEntries(20), 0);
      using db = new DatabaseSync(file);
      db.exec(sql);
      const error = await readAll(journal).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(JournalError);
      expect(error).toMatchObject({ code: 'corrupt', damage: { where: expect.stringContaining('entry 8') } });
      await store.delete('damaged');
    }
  });

  test('two processes may open a new one at the same moment', { timeout: patienceMs }, async () => {
    await using folder = await temporaryFolder();
    const program = fileURLToPath(new URL('../support/first-process.ts', import.meta.url));
    const { trials } = campaign({ suite: 40, ci: 100, full: 1000 });
    const openers = [1, 2].map(() =>
      fork(program, [folder.path, String(trials)], { execArgv: ['--no-warnings', ...sourceFlags] }),
    );
    // Or its exit code.
    const wordOf = async (opener: ChildProcess): Promise<unknown> =>
      (await Promise.race([once(opener, 'message'), once(opener, 'exit')]))[0];
    const said = (): Promise<unknown[]> => Promise.all(openers.map(wordOf));
    expect(await said()).toEqual(['ready', 'ready']);
    const opened = said();
    const begin = Date.now() + 50;
    for (const opener of openers) opener.send(begin);
    expect(await opened).toEqual([`opened ${trials}`, `opened ${trials}`]);
  });

  test('an owner whose session was deleted is told so', async () => {
    await using folder = await temporaryFolder();
    await using store = sqliteStore(`${folder.path}/sessions.db`);
    const journal = await store.open('review');
    await store.delete('review');
    await expect(journal.append(sampleEntries(1), 0)).rejects.toMatchObject({
      code: 'fenced',
      message: 'The session was deleted since it was opened.',
    });
  });

  test('a path that can be no file is a JournalError, whatever is asked for', async () => {
    await using folder = await temporaryFolder();
    await writeFile(`${folder.path}/file`, '');
    for (const [path, reason] of [
      [folder.path, 'EISDIR'],
      [`${folder.path}/file/deep/sessions.db`, 'ENOTDIR'],
    ] as const) {
      await using store = sqliteStore(path);
      await expectIoErrors(store, reason);
    }
  });

  test('files of others and of newer versions are refused', async () => {
    await using folder = await temporaryFolder();
    const [text, foreign, newer] = ['text', 'foreign', 'newer'].map(
      (name) => `${folder.path}/${name}.db`,
    ) as [string, string, string];
    await writeFile(text, 'This is no database at all, but long enough to be taken for one. '.repeat(20));
    await expect(sqliteStore(text).open('a')).rejects.toMatchObject({ code: 'corrupt' });
    using other = new DatabaseSync(foreign);
    other.exec('CREATE TABLE theirs (a)');
    await expect(sqliteStore(foreign).open('a')).rejects.toMatchObject({ code: 'io' });
    await using store = sqliteStore(newer);
    await store.open('a');
    await store.close();
    using later = new DatabaseSync(newer);
    later.exec('PRAGMA user_version = 2');
    await expect(sqliteStore(newer).open('a')).rejects.toMatchObject({ code: 'newer-version' });
  });
});

async function readAll(journal: Journal): Promise<number> {
  let count = 0;
  for await (const _ of journal.read()) count += 1;
  return count;
}
