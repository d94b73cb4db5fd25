import { writeFileSync } from 'node:fs';
import { ConfigError } from '@pawl/agent-loop/store';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { expectIoErrors } from '../support/expect-io-errors.ts';
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
      await expectIoErrors(store, 'ENOTDIR');
    },
  );
});

describe('the options of a file store', () => {
  test('are refused where one is unknown, with those that are known', () => {
    const known = 'Known: blobBytes, checkpointBytes, fileSystem.';
    const misspelt: object = { checkpointByte: 1 };
    expect(() => fileStore('x', misspelt)).toThrow(
      new ConfigError(
        'fileStore',
        `there is no option "checkpointByte". Did you mean checkpointBytes? ${known}`,
      ),
    );
  });

  test.for([null, 'sessions', 7, []])('are refused where they are none: %j', (options) => {
    expect(() => fileStore('x', options as object)).toThrow(
      /^fileStore: expected an object of options, got /,
    );
  });

  test('are refused where a number is none of bytes', () => {
    for (const option of ['blobBytes', 'checkpointBytes'])
      for (const bytes of [0, -1, 1.5, Number.NaN, '1'])
        expect(() => fileStore('x', { [option]: bytes })).toThrow(
          new RegExp(`^${option}: must be a whole number of bytes from 1 on`),
        );
    expect(() => fileStore('x', { blobBytes: Infinity })).toThrow(ConfigError);
    expect(() => fileStore('x', { checkpointBytes: Infinity })).not.toThrow();
  });

  test.for(['', undefined, null, 7])('and the folder is needed: %j is none', (folder) => {
    expect(() => fileStore(folder as string)).toThrow(/^fileStore: needs the path of a folder, got /);
  });
});
