import { reply, text, thinking, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import type { AgentOptions } from '../../src/index.ts';
import { entriesIn, noting, stores, types, world } from './world.ts';

const { tool: look } = noting('look', { effect: 'read' });
const { tool: other } = noting('other');
const base = { model: 'claude-sonnet-5-5', system: 'Be brief.', tools: [look] } as const;
const steps = [
  reply([thinking('Hm.'), toolUse('look', { what: 'x' })]),
  reply([thinking('Aha.'), text('One.')]),
  reply([thinking('And.'), text('Two.')]),
  reply([thinking('So.'), text('Three.')]),
];
const changes: readonly (readonly [string, Partial<AgentOptions>, RegExp])[] = [
  ['another system prompt', { system: 'Be verbose.' }, /made with another system prompt, and/],
  ['one tool more', { tools: [look, other] }, /made with another set of tools, and/],
  ['a tool less', { tools: [] }, /made with another set of tools, and/],
  [
    'a tool described otherwise',
    { tools: [noting('look', { effect: 'read', description: 'Looks.' }).tool] },
    /made with another set of tools, and/,
  ],
  ['another model', { model: 'claude-opus-5-5' }, /made with another model \(claude-sonnet-5-5\), and/],
  [
    'all of them',
    { model: 'claude-opus-5-5', system: 'Be verbose.', tools: [] },
    /another model \(claude-sonnet-5-5\) and another system prompt and another set of tools, and/,
  ],
];

/** The thinking blocks of a request. */
function thoughts(messages: unknown = []): number {
  return JSON.stringify(messages).split('"type":"thinking"').length - 1;
}

describe.each(stores)('a session opened by another agent, %s', (_, make) => {
  it.each(changes)('refuses %s, and changes nothing', async (_name, change, message) => {
    await using here = await make();
    const w = world({ ...here, ...base, steps });
    const first = await w.open();
    await first.run('A?');
    await first.close();
    const before = await w.entries();
    await expect(w.open(change)).rejects.toThrow(message);
    expect(await w.entries()).toEqual(before);
    await using again = await w.open();
    expect((await again.run('B?')).text).toBe('Two.');
    expect(w.emulator.refusals).toEqual([]);
  });

  it.each(changes)('goes on with %s without the earlier thinking, where told to', async (_name, change) => {
    await using here = await make();
    const w = world({ ...here, ...base, steps });
    const first = await w.open();
    await first.run('A?');
    await first.close();
    const changed = await w.open(change, { onPrefixChange: 'drop-thinking' });
    expect((await changed.run('B?')).text).toBe('Two.');
    await changed.close();
    const next = await w.open(change);
    expect((await next.run('C?')).text).toBe('Three.');
    await next.close();
    const sent = w.emulator.requests.map(({ body }) => thoughts(body?.messages));
    expect(sent).toEqual([0, 1, 0, 1]);
    expect(types(await w.entries()).filter((type) => type === 'prefix-change')).toHaveLength(1);
    expect(w.emulator.refusals).toEqual([]);
    await expect(w.open()).rejects.toThrow(/another/);
  });

  it.each(changes)('goes on with %s in a fork, where told to', async (_name, change) => {
    await using here = await make();
    const w = world({ ...here, ...base, steps });
    const first = await w.open();
    await first.run('A?');
    await first.close();
    const before = await w.entries();
    const fork = await w.open(change, { onPrefixChange: 'fork' });
    expect(fork.id).toBe('review-fork');
    expect((await fork.run('B?')).text).toBe('Two.');
    expect(fork.steps).toHaveLength(1);
    await fork.close();
    expect(await w.entries()).toEqual(before);
    expect(types(await entriesIn(here.store, 'review-fork')).slice(before.length)).toEqual([
      'fork',
      'prefix-change',
      'settings',
      'run-start',
      'input',
      'request',
      'reply',
      'run-end completed',
    ]);
    expect(w.emulator.refusals).toEqual([]);
    await expect(w.open(change, { onPrefixChange: 'fork' })).rejects.toThrow('"review-fork" already');
    await using named = await w.open(change, { onPrefixChange: 'fork', forkId: 'second' });
    expect(named.id).toBe('second');
    await using original = await w.open();
    expect((await original.run('C?')).text).toBe('Three.');
  });

  it('takes any agent where no model has answered yet', async () => {
    await using here = await make();
    const w = world({ ...here, ...base, model: 'claude-sonet-5-5', steps });
    const first = await w.open();
    await expect(first.run('A?')).rejects.toThrow(/claude-sonet-5-5/);
    await first.close();
    const second = await w.open({ model: 'claude-sonnet-5-5', system: 'Be verbose.' });
    expect((await second.run('A?')).text).toBe('One.');
    await second.close();
    await expect(w.open({ model: 'claude-sonnet-5-5' })).rejects.toThrow(/another system prompt/);
    expect(w.emulator.refusals).toHaveLength(1);
  });

  it('settles what was pending first: calls of the old reply are answered under the new prompt', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      ...base,
      tools: [drop.tool],
      steps: [reply([thinking('Hm.'), toolUse('drop', { what: 'x' }, { id: 'call_1' })]), reply('Done.')],
    });
    const first = await w.open();
    await first.run('A?');
    await first.close();
    await using next = await w.open({ system: 'Be kind.' }, { onPrefixChange: 'drop-thinking' });
    expect(next.pending?.approvals).toHaveLength(1);
    await next.approve('call_1', true);
    expect((await next.resume()).text).toBe('Done.');
    expect(drop.ran).toEqual(['x']);
    expect(w.emulator.refusals).toEqual([]);
  });

  it('takes reordered tools, other limits and other settings for the same, and notes what changed', async () => {
    await using here = await make();
    const w = world({ ...here, ...base, tools: [look, other], steps });
    const first = await w.open();
    await first.run('A?');
    await first.close();
    const same = await w.open({ limits: { turns: 3 } });
    await same.close();
    const reordered = await w.open({ tools: [other, look], maxTokens: 1000 });
    expect((await reordered.run('B?')).text).toBe('Two.');
    await reordered.close();
    const settings = (await w.entries()).filter((entry) => entry.type === 'settings');
    expect(settings.map(({ params }) => params.max_tokens)).toEqual([32_000, 1000]);
    expect(settings.at(-1)?.params.tools?.map((tool) => 'name' in tool && tool.name)).toEqual([
      'other',
      'look',
    ]);
    expect(w.emulator.refusals).toEqual([]);
  });

  it('keeps no credentials in what it notes of the settings', async () => {
    await using here = await make();
    const w = world({
      ...here,
      ...base,
      request: { metadata: { user_id: 'u' }, mcp_servers: [{ authorization_token: 'hush-hush', name: 'x' }] },
    });
    const session = await w.open();
    await session.close();
    const text = JSON.stringify(await w.entries());
    expect(text).toContain('"user_id":"u"');
    expect(text).not.toContain('hush-hush');
  });
});
