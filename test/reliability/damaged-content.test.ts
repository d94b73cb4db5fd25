import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { ConfigError, createAgent, defineTool, openSession } from '@pawl/agent-loop';
import { createEmulator, reply, script, toolUse } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../../packages/stores/test/support/temporary-folder.ts';

test('promise 10: a large content that has changed is damage, and nobody goes on behind it', async () => {
  await using folder = await temporaryFolder();
  const emulator = createEmulator({ respond: script([reply(toolUse('list')), reply('Listed.')]) });
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client: new Anthropic({ apiKey: 'k', baseURL: 'http://emulator', fetch: emulator.fetch }),
    tools: [
      defineTool({
        name: 'list',
        description: 'Lists.',
        input: z.object({}),
        run: () => 'A line.\n'.repeat(500),
      }),
    ],
  });
  const options = { agent, store: fileStore(folder.path, { blobBytes: 1000 }), id: 's' };
  await using before = await openSession(options);
  await before.run('List.');
  await before.close();

  const blobs = join(folder.path, 's', 'blobs');
  const path = join(blobs, (await readdir(blobs))[0] ?? '');
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);

  await using session = await openSession(options);
  expect(session.damage).toMatchObject({ where: path, from: 0, to: bytes.length });
  await expect(session.run('And now?')).rejects.toThrow(ConfigError);
  await expect(session.resume()).rejects.toThrow(path);
  expect(emulator.requests).toHaveLength(2);
});
