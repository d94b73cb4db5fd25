import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reply, thinking, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadSession } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { entriesIn, expectSound, inMemory, noting, stores, world } from './world.ts';
import { sourceFlags } from '../../../../test/support/node-flags.ts';

const steps = [
  reply([thinking('Hm.'), toolUse('look', { what: 'x' }, { id: 'call_1' })]),
  reply([thinking('Aha.'), text('One — “quoted” \u2028 🧥.')]),
  reply('Two.'),
];
const { tool: look } = noting('look', { effect: 'read' });

describe.each(stores)('a saved session, %s', (_, make) => {
  it('is loaded elsewhere as it was, and goes on', async () => {
    await using here = await make();
    const w = world({ ...here, tools: [look], steps });
    await using session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'review.jsonl');
    await session.save(file);
    await session.save(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(here.folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await using copy = await loadSession({ agent: w.agent(), store: memoryStore(), file, id: 'copy' });
    expect(copy.id).toBe('copy');
    expect(copy.messages).toEqual(session.messages);
    expect(copy.usage).toEqual(session.usage);
    expect(copy.steps).toEqual(session.steps);
    expect((await copy.run('B?')).text).toBe('Two.');
    expectSound(w);
  });

  it('keeps what was pending', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [drop.tool],
      steps: [reply([toolUse('drop', { what: 'x' }, { id: 'call_1' })]), reply('Done.')],
    });
    await using session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'pending.jsonl');
    await session.save(file);
    await using copy = await loadSession({ agent: w.agent(), store: here.store, file, id: 'copy' });
    expect(copy.pending).toEqual(session.pending);
    await copy.approve('call_1', true);
    expect((await copy.resume()).text).toBe('Done.');
    expect(await entriesIn(here.store, 'review')).toHaveLength(session.steps.length + 7);
  });

  it('is refused under an id that is taken, and by another agent, and leaves nothing behind', async () => {
    await using here = await make();
    const w = world({ ...here, tools: [look], steps });
    await using session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'review.jsonl');
    await session.save(file);
    await expect(loadSession({ agent: w.agent(), store: here.store, file, id: 'review' })).rejects.toThrow(
      'there is a session "review" already',
    );
    await expect(
      loadSession({ agent: w.agent({ system: 'Other.' }), store: here.store, file, id: 'copy' }),
    ).rejects.toThrow(/another system prompt/);
    expect((await here.store.list()).map(({ id }) => id)).toEqual(['review']);
    expect((await session.run('B?')).text).toBe('Two.');
  });
});

describe('a file', () => {
  it('that was cut, edited or mixed up anywhere is refused, with the line named, and nothing is written', async () => {
    await using here = await inMemory();
    const w = world({ ...here, tools: [look], steps });
    await using session = await w.open();
    await session.run('A?');
    const good = join(here.folder, 'good.jsonl');
    await session.save(good);
    const whole = await readFile(good, 'utf8');
    const lines = whole.split('\n').slice(0, -1);
    const bad = join(here.folder, 'bad.jsonl');
    const store = memoryStore();
    const refused = async (content: string, line: number): Promise<void> => {
      await writeFile(bad, content);
      const error = await loadSession({ agent: w.agent(), store, file: bad, id: 'copy' }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error, `line ${line}`).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toMatch(new RegExp(`bad\\.jsonl:(${line - 1}|${line}|${line + 1}) `));
    };
    for (let index = 0; index < lines.length; index += 1) {
      const line = lines[index] ?? '';
      const swap = (text: string): string =>
        [...lines.slice(0, index), text, ...lines.slice(index + 1)].join('\n');
      await refused(swap(line.replace(/[a-z]/, 'z').replace(/"at":\d/, '"at":9')), index + 1);
      await refused(swap(line.slice(0, -1)), index + 1);
      await refused(swap(''), index + 1);
      await refused(lines.slice(0, index).join('\n'), Math.max(index, 1));
      if (index > 0)
        await refused([...lines.slice(0, index), ...lines.slice(index + 1)].join('\n'), index + 1);
      await refused([...lines.slice(0, index), line, ...lines.slice(index)].join('\n'), index + 2);
    }
    for (let at = 0; at < whole.length - 1; at += 97) {
      const content = whole.slice(0, at);
      await refused(content, Math.max(1, content.split('\n').length - 1));
    }
    await refused(whole.replace('"version":1', '"version":2'), 1);
    expect(await store.list()).toEqual([]);
    await using copy = await loadSession({
      agent: w.agent(),
      store,
      file: good,
      id: 'copy',
    });
    expect(copy.messages).toEqual(session.messages);
  });

  it('of a newer version, or that cannot be read or written, is refused by name', async () => {
    await using here = await inMemory();
    const w = world({ ...here });
    await using session = await w.open();
    const nowhere = join(here.folder, 'no', 'such', 'folder.jsonl');
    await expect(session.save(nowhere)).rejects.toThrow(/folder\.jsonl could not be written: ENOENT/);
    await expect(
      loadSession({ agent: w.agent(), store: here.store, file: nowhere, id: 'copy' }),
    ).rejects.toThrow(/folder\.jsonl could not be read: ENOENT/);
    await expect(loadSession({ agent: w.agent(), store: here.store, id: 'copy' } as never)).rejects.toThrow(
      /file: expected/,
    );
  });

  it('is read by another process', async () => {
    await using here = await inMemory();
    const w = world({ ...here, tools: [look], steps });
    await using session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'review.jsonl');
    await session.save(file);
    const program = `
      import { createAgent, defineTool, loadSession } from '@pawl/agent-loop';
      import { memoryStore } from '@pawl/agent-loop/store';
      import { z } from 'zod';
      const look = defineTool({ name: 'look', description: 'Does look.', input: z.object({ what: z.string().default('it') }), effect: 'read', run: () => '' });
      const agent = createAgent({ model: 'claude-sonnet-5-5', tools: [look] });
      const session = await loadSession({ agent, store: memoryStore(), file: process.argv[1], id: 'copy' });
      console.log(JSON.stringify({ messages: session.messages, usage: session.usage }));
      await session.close();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...sourceFlags, '--input-type=module', '-e', program, file],
      { cwd: join(import.meta.dirname, '../../../..') },
    );
    expect(JSON.parse(stdout)).toEqual({ messages: session.messages, usage: session.usage });
  });
});
