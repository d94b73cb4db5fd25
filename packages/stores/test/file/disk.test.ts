import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import type { Entry } from '@pawl/agent-loop/store';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('on a real disk', () => {
  test('folders and files are for their owner alone', async () => {
    await using folder = await temporaryFolder();
    const umask = process.umask(0);
    try {
      const journal = await fileStore(`${folder.path}/a/b`, { blobBytes: 100 }).open('s');
      await journal.append(sampleEntries(20), 0);
      await journal.close();
    } finally {
      process.umask(umask);
    }
    const seen = readdirSync(`${folder.path}/a`, { recursive: true, withFileTypes: true });
    expect(seen.length).toBeGreaterThan(4);
    for (const entry of seen) {
      const mode = statSync(`${entry.parentPath}/${entry.name}`).mode & 0o777;
      expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
  });

  test('a small disk that fills up loses nothing, and goes on when there is room', async (context) => {
    await using folder = await temporaryFolder();
    const disk = `${folder.path}/disk`;
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      return context.skip('this machine does not let us mount a small disk');
    }
    try {
      writeFileSync(`${disk}/ballast`, Buffer.alloc(60_000));
      const store = fileStore(`${disk}/sessions`, { blobBytes: 2000 });
      const entries = sampleEntries(400, { resultSize: 900 });
      const journal = await store.open('s');
      const failed = await fill(journal, entries);
      expect(failed).toMatchObject({ code: 'io', cause: { code: 'ENOSPC' } });
      const kept = journal.length;
      expect(kept).toBeGreaterThan(10);
      await journal.close();
      rmSync(`${disk}/ballast`);
      const next = await store.open('s');
      expect(next.damage).toBe(null);
      expect(next.length).toBeGreaterThanOrEqual(kept);
      const read: Entry[] = [];
      for await (const entry of next.read()) read.push(entry);
      expect(read).toEqual(entries.slice(0, next.length));
      await next.append(entries.slice(next.length, next.length + 5), next.length);
      await next.close();
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

async function fill(
  journal: Awaited<ReturnType<ReturnType<typeof fileStore>['open']>>,
  entries: readonly Entry[],
) {
  try {
    for (const entry of entries) await journal.append([entry], entry.seq, { sync: false });
    return undefined;
  } catch (error) {
    return error;
  }
}
