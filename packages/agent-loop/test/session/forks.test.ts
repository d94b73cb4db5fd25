import { reply, text, thinking, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, defineTool, type Entry } from '../../src/index.ts';
import { answered, failed, gate } from '../support/agent-under-test.ts';
import { entriesIn, expectBilled, noting, stores, types, world } from './world.ts';

const call = (name: string, id: string) => toolUse(name, { what: 'x' }, { id });
const withoutStamp = ({ at: _, ...entry }: Entry) => entry;

describe.each(stores)('a fork, %s', (_, make) => {
  it('at every position goes on with a transcript the API takes, and leaves its parent as it was', async () => {
    await using here = await make();
    const look = noting('look', { effect: 'read' });
    const put = noting('put', { effect: 'once' });
    const w = world({
      ...here,
      tools: [look.tool, put.tool],
      world: {
        respond: ({ body }) => {
          const inputs = body.messages.filter(({ content }) => typeof content === 'string').length;
          const last = body.messages.at(-1);
          if (typeof last?.content !== 'string' || last.content === 'Else?')
            return reply([thinking('So.'), text('Ok.')]);
          return reply([thinking('Hm.'), call('look', `call_${inputs}_a`), call('put', `call_${inputs}_b`)]);
        },
      },
    });
    const parent = await w.open();
    await parent.run('One?');
    await parent.run('Two?');
    const before = await w.entries();
    const [messages, usage] = [parent.messages, structuredClone(parent.usage)];
    for (let at = 0; at <= before.length; at += 1) {
      const id = `fork-${at}`;
      await using fork = await parent.fork({ id, at });
      expect(fork.usage.output_tokens).toBe(0);
      expect(fork.steps).toEqual([]);
      const copied = await entriesIn(here.store, id);
      expect(copied.slice(0, at)).toEqual(before.slice(0, at));
      expect(copied[at]).toMatchObject({ type: 'fork', from: 'review', entries: at, seq: at });
      if (at % 2 === 0 && fork.pending) await fork.resume();
      const result = await fork.run('Else?');
      expect(result.outcome).toBe('completed');
      expect(result.messages.slice(0, 1)).toEqual(
        at > 3 ? messages.slice(0, 1) : [{ role: 'user', content: 'Else?' }],
      );
      expect(fork.usage.output_tokens).toBe(
        fork.steps.reduce((sum, step) => sum + step.usage.output_tokens, 0),
      );
      expect(fork.steps.length).toBeGreaterThan(0);
    }
    expect(w.emulator.refusals).toEqual([]);
    expect(await w.entries()).toEqual(before);
    expect(parent.messages).toEqual(messages);
    expect(parent.usage).toEqual(usage);
    await parent.close();
  });

  it('shares nothing that can change', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.')] });
    await using parent = await w.open();
    await parent.run('A?');
    await using fork = await parent.fork({ id: 'other' });
    for (const [index, message] of parent.messages.entries()) {
      expect(fork.messages[index]).toEqual(message);
      expect(fork.messages[index]).not.toBe(message);
    }
    await fork.run('B?');
    expect(parent.messages).toHaveLength(2);
  });

  it('counts its own spend alone, also when it is opened again; parent and fork add up to the bill', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.'), reply('Three.')] });
    const parent = await w.open();
    await parent.run('A?');
    const fork = await parent.fork({ id: 'other' });
    await fork.run('B?');
    await parent.run('C?');
    await fork.close();
    const again = await w.open({}, { id: 'other' });
    expect(again.usage).toEqual(fork.usage);
    const sum = {
      steps: [...parent.steps, ...again.steps],
      usage: {
        ...parent.usage,
        input_tokens: parent.usage.input_tokens + again.usage.input_tokens,
        output_tokens: parent.usage.output_tokens + again.usage.output_tokens,
        cache_read_input_tokens: parent.usage.cache_read_input_tokens + again.usage.cache_read_input_tokens,
        cache_creation_input_tokens:
          parent.usage.cache_creation_input_tokens + again.usage.cache_creation_input_tokens,
      },
    };
    expectBilled(sum, w);
    await parent.close();
    await again.close();
  });

  it('of a session that waits for approval waits too, and decides for itself', async () => {
    await using here = await make();
    const keys: string[] = [];
    const put = defineTool({
      name: 'put',
      description: 'put',
      input: z.object({ what: z.string() }),
      effect: 'idempotent',
      approve: true,
      run: ({ what }, ctx) => {
        keys.push(ctx.idempotencyKey);
        return `put ${what}`;
      },
    });
    const w = world({
      ...here,
      tools: [put],
      steps: [reply([call('put', 'call_1')]), reply('Parent.'), reply('Fork.')],
    });
    await using parent = await w.open();
    await parent.run('Go.');
    await using fork = await parent.fork({ id: 'what-if' });
    expect(fork.pending).toEqual(parent.pending);
    await parent.approve('call_1', { allow: false, reason: 'no' });
    expect(fork.pending?.approvals).toHaveLength(1);
    await parent.resume();
    await fork.approve('call_1', true);
    expect((await fork.resume()).text).toBe('Fork.');
    // Another call than the parent's: a service must not take it for a repetition.
    expect(keys).toEqual([expect.not.stringContaining('null')]);
    await using third = await parent.fork({ id: 'third', at: 7 });
    expect(third.pending?.approvals).toHaveLength(1);
    expect(w.emulator.requests[1]?.body?.messages.at(-1)?.content).toEqual([
      failed('call_1', 'This call was denied: no'),
    ]);
    expect(w.emulator.requests[2]?.body?.messages.at(-1)?.content).toEqual([answered('call_1', 'put x')]);
    expect(w.emulator.refusals).toEqual([]);
  });

  it('in the middle of a call treats it as interrupted; one that had not started gets a key of its own', async () => {
    await using here = await make();
    const keys: string[] = [];
    const put = defineTool({
      name: 'put',
      description: 'put',
      input: z.object({ what: z.string() }),
      effect: 'idempotent',
      run: (_input, ctx) => {
        keys.push(ctx.idempotencyKey);
        return 'ok';
      },
    });
    const w = world({
      ...here,
      tools: [put],
      steps: [reply([call('put', 'call_1')]), reply('Parent.'), reply('Started.'), reply('Unstarted.')],
    });
    await using parent = await w.open();
    await parent.run('Go.');
    const entries = await w.entries();
    const at = entries.findIndex(({ type }) => type === 'tool-start');
    await using started = await parent.fork({ id: 'started', at: at + 1 });
    await using unstarted = await parent.fork({ id: 'unstarted', at });
    expect([started.pending, unstarted.pending]).toEqual([
      { reason: 'interrupted', approvals: [] },
      { reason: 'interrupted', approvals: [] },
    ]);
    await started.resume();
    await unstarted.resume();
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(keys[2]).toContain('call_1');
  });

  it('of a running session has what was kept when it was made', async () => {
    await using here = await make();
    const go = gate();
    const begun = gate();
    const slow = defineTool({
      name: 'slow',
      description: 'slow',
      input: z.object({ what: z.string() }),
      run: () => {
        begun.resolve();
        return go.promise.then(() => 'ok');
      },
    });
    const w = world({ ...here, tools: [slow], steps: [reply([call('slow', 'call_1')]), reply('Parent.')] });
    await using parent = await w.open();
    const run = parent.run('Go.');
    await begun.promise;
    await using fork = await parent.fork({ id: 'other' });
    expect(fork.pending?.approvals.map(({ callId }) => callId)).toEqual(['call_1']);
    go.resolve();
    expect((await run).outcome).toBe('completed');
    expect(types(await entriesIn(here.store, 'other')).at(-1)).toBe('fork');
  });

  it('is refused under an id that is taken, whose owner is left in peace, and at a position that is none', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.'), reply('Three.')] });
    await using parent = await w.open();
    await using other = await w.open({}, { id: 'other' });
    await parent.run('A?');
    await other.run('B?');
    const before = (await entriesIn(here.store, 'other')).map(withoutStamp);
    for (const id of ['other', 'review'])
      await expect(parent.fork({ id })).rejects.toThrow(`there is a session "${id}" already`);
    for (const at of [-1, 0.5, 99, Number.NaN])
      await expect(parent.fork({ id: 'new', at })).rejects.toThrow(/at: must be a position from 0 to/);
    await expect(parent.fork({ id: '../x' })).rejects.toMatchObject({ code: 'bad-id' });
    expect((await entriesIn(here.store, 'other')).map(withoutStamp)).toEqual(before);
    expect((await here.store.list()).map(({ id }) => id)).toEqual(['other', 'review']);
    expect((await other.run('C?')).text).toBe('Three.');
    expect(await parent.fork({ id: 'other' }).catch((error: unknown) => error)).toBeInstanceOf(ConfigError);
  });
});
