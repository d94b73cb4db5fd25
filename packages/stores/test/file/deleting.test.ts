import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { JournalError } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../support/random.ts';
import { SimulatedFileSystem } from '../support/simulated-file-system.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { treeOf, writeTree } from '../support/tree.ts';

/** A session with contents of their own, and a checkpoint. */
async function keepSession(root: string, id: string): Promise<void> {
  const journal = await fileStore(root, { blobBytes: 200 }).open(id);
  await journal.append(sampleEntries(10), 0);
  const free = { before: 0, behind: 0 };
  await journal.checkpoints?.keep({ seq: 10, state: '', steps: '', pieces: [], free });
  await journal.close();
}

describe('deleting', () => {
  test('takes all that a session has kept, and nothing beside it', async () => {
    await using folder = await temporaryFolder();
    await keepSession(folder.path, 's');
    expect(readdirSync(`${folder.path}/s`).toSorted()).toEqual(['000001.jsonl', 'blobs', 'checkpoint']);
    writeTree(folder.path, { 'README.md': '# Mine' });
    await fileStore(folder.path).delete('s');
    expect(treeOf(folder.path)).toEqual(['README.md']);
  });

  test.for<[holds: string, files: Readonly<Record<string, string>>, told: string]>([
    ['a program', { 'src/main.ts': 'main();' }, 'holds main.ts and no session'],
    ['folders', { 'src/lib/deep/a.ts': '' }, 'holds lib and no session'],
    ['many files', { 'src/a': '', 'src/b': '', 'src/c': '', 'src/d': '', 'src/e': '' }, 'a, b, c and 2 more'],
    ['a data set', { 'src/000001.jsonl': '{"text":"a"}\n'.repeat(100) }, 'holds 000001.jsonl'],
    ['folders named like files of ours', { 'src/000001.jsonl/a': '' }, 'holds 000001.jsonl'],
    ['what could belong to a session', { 'src/checkpoint': '', 'src/blobs/a': '' }, 'blobs/a, checkpoint'],
  ])('refuses a folder that holds no session but %s, and leaves it as it is', async ([, files, told]) => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, files);
    const before = treeOf(folder.path);
    const error: unknown = await fileStore(folder.path)
      .delete('src')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JournalError);
    expect(error).toMatchObject({ code: 'not-found', message: expect.stringContaining(told) as string });
    expect(error).toMatchObject({ message: expect.stringContaining(`${folder.path}/src`) as string });
    expect(treeOf(folder.path)).toEqual(before);
  });

  test('refuses a file', async () => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, { 'README.md': '# Mine' });
    await expect(fileStore(folder.path).delete('README.md')).rejects.toMatchObject({
      code: 'not-found',
      message:
        `There is no session "README.md": ${folder.path}/README.md is a file. Nothing was deleted. ` +
        `Is ${folder.path} the folder that the sessions are in?`,
    });
    expect(treeOf(folder.path)).toEqual(['README.md']);
  });

  test.for(['notes.txt', 'src/main.ts', 'blobs/photo.png', 'checkpoint.old', '.DS_Store'])(
    'refuses a session whose folder also holds %s, and goes on when that is gone',
    async (path) => {
      await using folder = await temporaryFolder();
      const store = fileStore(folder.path);
      await keepSession(folder.path, 's');
      writeTree(`${folder.path}/s`, { [path]: 'mine' });
      const before = treeOf(folder.path);
      await expect(store.delete('s')).rejects.toMatchObject({
        code: 'io',
        message: expect.stringMatching(/was not deleted: .*\/s also holds .* Move that elsewhere/) as string,
      });
      expect(treeOf(folder.path)).toEqual(before);
      expect((await store.open('s', { readonly: true })).length).toBe(10);
      rmSync(`${folder.path}/s/${path.replace('/main.ts', '')}`, { recursive: true });
      await store.delete('s');
      expect(treeOf(folder.path)).toEqual([]);
    },
  );

  test('leaves an empty folder, which may be anybody’s', async () => {
    await using folder = await temporaryFolder();
    mkdirSync(`${folder.path}/logs`);
    await fileStore(folder.path).delete('logs');
    expect(treeOf(folder.path)).toEqual(['logs']);
  });

  test('takes what a creation that was cut off has left', async () => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, { 's/000001.jsonl': '' });
    await fileStore(folder.path).delete('s');
    expect(treeOf(folder.path)).toEqual([]);
  });

  test('takes a session that is damaged', async () => {
    await using folder = await temporaryFolder();
    await keepSession(folder.path, 's');
    writeFileSync(`${folder.path}/s/000001.jsonl`, '\0'.repeat(4000));
    await fileStore(folder.path).delete('s');
    expect(treeOf(folder.path)).toEqual([]);
  });

  test('clears what earlier deletions have left, but only of what a store has written', async () => {
    await using folder = await temporaryFolder();
    const [trash, named] = ['.deleted-0b0f6c3e-6f0d-4f5e-9a51-2f6f1f0c1c11', '.deleted-things'];
    writeTree(folder.path, {
      [`${trash}/000001.jsonl`]: 'x',
      [`${trash}/src/main.ts`]: 'mine',
      [`${named}/000001.jsonl`]: 'mine',
    });
    await fileStore(folder.path).delete('never');
    expect(treeOf(folder.path)).toEqual(
      [trash, `${trash}/src`, `${trash}/src/main.ts`, named, `${named}/000001.jsonl`].toSorted(),
    );
  });

  test.for(['kill', 'power'] as const)('%s at every operation leaves the session or none', async (ending) => {
    const entries = sampleEntries(6);
    const trial = async (crashAt: number): Promise<[operations: number, left: number]> => {
      const fileSystem = new SimulatedFileSystem(randomFrom(crashAt + 1));
      const store = fileStore('/data', { fileSystem, blobBytes: 150 });
      fileSystem.boot();
      const journal = await store.open('s');
      await journal.append(entries, 0);
      await journal.close();
      fileSystem.boot({ crashAt });
      const deleted = await store.delete('s').then(
        () => true,
        () => false,
      );
      const { operations } = fileSystem;
      if (ending === 'power') fileSystem.losePower();
      fileSystem.boot();
      const left = await store.open('s', { readonly: true }).catch(() => null);
      expect([null, entries.length]).toContain(left && left.length);
      expect(left?.damage ?? null).toBeNull();
      if (deleted) expect(left).toBeNull();
      await store.delete('s');
      expect(await fileSystem.list('/data')).toEqual([]);
      return [operations, left?.length ?? 0];
    };
    const [operations] = await trial(-1);
    const found = new Set<number>();
    for (let crashAt = 0; crashAt < operations; crashAt += 1) found.add((await trial(crashAt))[1]);
    expect(found).toEqual(new Set([0, entries.length]));
  });
});
