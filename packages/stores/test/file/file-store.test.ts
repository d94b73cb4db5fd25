import { writeFileSync } from 'node:fs';
import { JournalError } from '@pawl/agent-loop/store';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeTree } from '../support/tree.ts';

describe('the folder of a file store', () => {
  test('holds no sessions while it is not there', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(`${folder.path}/not/yet`);
    expect(await store.list()).toEqual([]);
    await store.delete('s');
  });

  test('may hold other things, which are not listed', async () => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, { 'README.md': '', 'src/main.ts': '', 'cut-off/000001.jsonl': '' });
    const journal = await fileStore(folder.path).open('s');
    await journal.close();
    expect((await fileStore(folder.path).list()).map(({ id }) => id)).toEqual(['s']);
  });

  test.for(['file', 'file/deep/sessions'])(
    'is a JournalError where it can be none (%s), whatever is asked for',
    async (path) => {
      await using folder = await temporaryFolder();
      writeFileSync(`${folder.path}/file`, '');
      const store = fileStore(`${folder.path}/${path}`);
      for (const ask of [
        () => store.open('a'),
        () => store.open('a', { readonly: true }),
        () => store.list(),
        () => store.delete('a'),
        () => store.updateBudget('a', () => ''),
      ]) {
        const error: unknown = await ask().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(JournalError);
        expect(error).toMatchObject({ code: 'io', message: expect.stringContaining('ENOTDIR') as string });
      }
    },
  );
});
