import { ConfigError } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore, repairSession, verifySession } from '@pawl/stores/file';
import type { RepairOptions } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { treeOf, writeTree } from '../support/tree.ts';

const NO_FOLDERS: readonly unknown[] = [undefined, null, '', 7, {}, fileStore('.pawl/sessions')];

/** What a promise rejects with. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

describe('verifySession', () => {
  test('needs the folder of a session', async () => {
    for (const folder of NO_FOLDERS) {
      const error = await failureOf(verifySession(folder as string));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({
        message: expect.stringMatching(
          /^verifySession: needs the path of the folder of one session, such as .*, got /,
        ) as string,
      });
    }
  });

  test('knows its options', async () => {
    expect(await failureOf(verifySession('x', { fs: 1 } as object))).toEqual(
      new ConfigError('verifySession', 'there is no option "fs". Known: fileSystem.'),
    );
  });

  test('tells a folder without a session by its path', async () => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, { 'src/main.ts': '' });
    await expect(verifySession(`${folder.path}/src`)).rejects.toMatchObject({
      code: 'not-found',
      message: `There is no session in ${folder.path}/src.`,
    });
  });
});

describe('repairSession', () => {
  test('needs the folder of a session', async () => {
    for (const folder of NO_FOLDERS)
      expect(await failureOf(repairSession(folder as string, { into: 'x' }))).toMatchObject({
        name: 'ConfigError',
        option: 'repairSession',
        message: expect.stringContaining('needs the path of the folder of one session') as string,
      });
  });

  test.for<[given: unknown, message: string]>([
    [
      'copy',
      `repairSession: needs where the copy is to go, { into: '.pawl/sessions/review-repaired' }, got "copy".`,
    ],
    [
      undefined,
      `repairSession: needs where the copy is to go, { into: '.pawl/sessions/review-repaired' }, got undefined.`,
    ],
    [{}, 'into: needs the path of the folder that the copy is to go to, got undefined.'],
    [{ into: '' }, 'into: needs the path of the folder that the copy is to go to, got "".'],
    [{ into: 7 }, 'into: needs the path of the folder that the copy is to go to, got 7.'],
    [{ inot: 'x' }, 'repairSession: there is no option "inot". Did you mean into? Known: into, fileSystem.'],
  ])('needs to know where to, which %j does not say', async ([options, message]) => {
    await using folder = await temporaryFolder();
    const journal = await fileStore(folder.path).open('s');
    await journal.append(sampleEntries(3), 0);
    await journal.close();
    const error = await failureOf(repairSession(`${folder.path}/s`, options as RepairOptions));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ message });
    expect(treeOf(folder.path)).toEqual(['s', 's/000001.jsonl']);
  });
});
