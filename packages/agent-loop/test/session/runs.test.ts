import { apiError, fault, reply, serverToolUse, text, thinking, toolUse } from '@pawl/emulator';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, ConfigError, defineTool, drain, RunError, type Seams } from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { openSessions } from '../../src/session/open-session.ts';
import { virtualTime } from '../loop/time.ts';
import { answered, failed, gate } from '../support/agent-under-test.ts';
import { expectBilled, expectSound, lastOf, noting, stores, types, world } from './world.ts';

const call = (name: string, id = `call_${name}`) => toolUse(name, { what: 'x' }, { id });

/** A tool that never ends by itself, and says when it has begun. */
function stuck(name: string, effect: 'read' | 'idempotent' | 'once', answer?: string) {
  const begun = gate();
  const tool = defineTool({
    name,
    description: name,
    input: z.object({ what: z.string() }),
    effect,
    run(): Promise<string> {
      begun.resolve();
      return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer);
    },
  });
  return { tool, begun: begun.promise };
}

// Those that were left open in this process stand for others that were killed, and their clocks stand still.
beforeEach(() => openSessions.clear());

describe.each(stores)('a session, %s', (_, make) => {
  it('goes on from run to run, and in other processes, with a prefix that only grows', async () => {
    await using here = await make();
    const look = noting('look', { effect: 'read' });
    const w = world({
      ...here,
      system: 'Be brief.',
      tools: [look.tool],
      steps: [
        reply([thinking('Hm.'), call('look', 'call_1')]),
        reply([thinking('Aha.'), text('One.')]),
        reply([call('look', 'call_2'), call('look', 'call_3')]),
        reply('Two.'),
        reply('Three.'),
      ],
    });
    const first = await w.open();
    expect((await first.run('A?')).text).toBe('One.');
    expect((await first.run('B?')).text).toBe('Two.');
    await first.close();
    const second = await w.open();
    expect(second.messages).toEqual(first.messages);
    expect(second.usage).toEqual(first.usage);
    expect(second.steps).toEqual(first.steps);
    const result = await second.run('C?');
    expect(result.text).toBe('Three.');
    expect(result.turns).toBe(1);
    expect(second.steps).toHaveLength(5);
    expectSound(w);
    expectBilled(second, w);
    expect(second.cost.byModel['claude-sonnet-5-5']?.usage).toEqual(second.usage);
    await second.close();
  });

  it('tells every event of a run once, each with its place in the journal', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.')] });
    const session = await w.open();
    const events: AgentEvent[] = [];
    for (const input of ['A?', 'B?']) for await (const event of session.stream(input)) events.push(event);
    const told = events.filter((event) => 'seq' in event);
    const kept = await w.entries();
    expect(told).toEqual(kept.slice(2));
    expect(types(kept)).toEqual([
      'session-start',
      'settings',
      'run-start',
      'input',
      'request',
      'reply',
      'run-end completed',
      'run-start',
      'input',
      'request',
      'reply',
      'run-end completed',
    ]);
    await session.close();
  });

  it('tells its usage as it is then: what was told stays, and writing to it changes nothing', async () => {
    await using here = await make();
    const w = world({ ...here, tools: [], steps: [reply('One.'), reply('Two.')] });
    await using session = await w.open();
    const first = await session.run('Go.');
    const told = session.usage;
    const before = JSON.stringify(told);
    expect(JSON.stringify(first.usage)).toBe(before);
    await session.run('On.');
    expect([JSON.stringify(told), JSON.stringify(first.usage)]).toEqual([before, before]);
    told.input_tokens = 1_000_000;
    told.cache_creation.ephemeral_5m_input_tokens = 7;
    session.usage.output_tokens = 0;
    expectBilled(session, w);
  });

  it('has one run at a time, and none once it is closed', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.')] });
    const session = await w.open();
    const run = session.run('A?');
    await expect(session.run('B?')).rejects.toThrow(/one run at a time/i);
    expect(() => session.stream('B?')).toThrow(ConfigError);
    await expect(session.resume()).rejects.toThrow(/one run at a time/i);
    await run;
    await expect(session.run(' ')).rejects.toThrow(/input: expected a text/);
    await session.close();
    await session.close();
    for (const use of [
      () => session.run('B?'),
      () => session.resume(),
      () => session.approve('x', true),
      () => session.fork({ id: 'y' }),
      () => session.save('z'),
    ])
      await expect(use()).rejects.toThrow('session "review" is closed');
    expect(session.messages).toHaveLength(2);
    expectSound(w);
  });

  it('has nothing to resume when it is new or its last run is whole', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.')] });
    const session = await w.open();
    expect(session.pending).toBeNull();
    await expect(session.resume()).rejects.toThrow(/nothing to resume/);
    await session.run('A?');
    expect(session.pending).toBeNull();
    await expect(session.resume()).rejects.toThrow(/nothing to resume/);
    expect(() => session.resumeStream()).toThrow(ConfigError);
    await session.close();
  });

  it('goes on after a turn limit', async () => {
    await using here = await make();
    const look = noting('look');
    const w = world({ ...here, tools: [look.tool], steps: [reply([call('look')]), reply('Done.')] });
    const session = await w.open({ limits: { turns: 1 } });
    expect((await session.run('Go.')).outcome).toBe('turn-limit');
    expect(session.pending).toBeNull();
    const result = await session.resume();
    expect(result).toMatchObject({ outcome: 'completed', text: 'Done.', turns: 1 });
    expect(look.ran).toEqual(['x']);
    expectSound(w);
    expectBilled(session, w);
    await session.close();
  });

  it('goes on after a turn limit that came in the middle of a paused turn', async () => {
    await using here = await make();
    const w = world({
      ...here,
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      steps: [
        reply([serverToolUse('web_search', { query: 'q' })], { stopReason: 'pause_turn' }),
        reply('Found.'),
      ],
    });
    const session = await w.open({ limits: { turns: 1 } });
    expect((await session.run('Search.')).outcome).toBe('turn-limit');
    await session.close();
    const next = await w.open();
    expect((await next.resume()).text).toBe('Found.');
    expect(w.emulator.requests[1]?.body?.messages.at(-1)?.role).toBe('assistant');
    await next.close();
  });

  it('goes on after stop(), with what the tools did and did not do told honestly', async () => {
    await using here = await make();
    const { tool, begun } = stuck('send', 'once');
    const look = noting('look', { effect: 'read' });
    const w = world({
      ...here,
      tools: [look.tool, tool],
      steps: [reply([call('look'), call('send')]), reply('I see.')],
    });
    const session = await w.open();
    const stream = session.stream('Go.');
    await begun;
    stream.stop('enough');
    expect(await stream.result).toMatchObject({ outcome: 'stopped', reason: 'enough' });
    expect(session.pending).toBeNull();
    expect((await session.resume()).outcome).toBe('completed');
    expect(lastOf(w, 1)).toEqual([
      answered('call_look', 'look x'),
      failed('call_send', expect.stringContaining('may or may not have taken effect')),
    ]);
    expectSound(w);
    await session.close();
  });

  it('goes on after a time limit', async () => {
    await using here = await make();
    const w = world({
      ...here,
      steps: [reply('Never whole.', { fault: fault.stall({ afterEvents: 1 }) }), reply('Done.')],
    });
    const session = await w.open({ limits: { timeMs: 60 } });
    expect((await session.run('Go.')).outcome).toBe('time-limit');
    await session.close();
    const next = await w.open();
    expect((await next.resume()).text).toBe('Done.');
    expectSound(w);
    await next.close();
  });

  it('goes on after a failure, with the input that was kept', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [apiError(529), reply('Done.')] });
    const session = await w.open();
    const error = await session.run('Go.').catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && error.code).toBe('overloaded');
    expect(session.pending).toBeNull();
    await session.close();
    const next = await w.open();
    expect((await next.resume()).text).toBe('Done.');
    expect(next.messages.map(({ content }) => content)).toEqual(['Go.', [expect.anything()]]);
    expectSound(w);
    await next.close();
  });

  it('goes on after a truncated reply whose calls were answered', async () => {
    await using here = await make();
    const look = noting('look');
    const w = world({
      ...here,
      tools: [look.tool],
      steps: [reply([text('Let me'), call('look')], { stopReason: 'max_tokens' }), reply('Done.')],
    });
    const session = await w.open();
    expect((await session.run('Go.')).outcome).toBe('truncated');
    expect((await session.resume()).text).toBe('Done.');
    expect(look.ran).toEqual([]);
    expectSound(w);
    await session.close();
  });

  it('is parked by close(): the run has no end, its tools stay open, and it is resumed under its id', async () => {
    await using here = await make();
    const put = stuck('put', 'idempotent');
    const w = world({
      ...here,
      tools: [put.tool, noting('look', { effect: 'read' }).tool],
      steps: [reply([call('look'), call('put')]), reply('Done.')],
    });
    const session = await w.open();
    const stream = session.stream('Go.');
    await put.begun;
    const began = performance.now();
    await session.close();
    expect(performance.now() - began).toBeLessThan(500);
    expect(await stream.result).toMatchObject({ outcome: 'stopped' });
    const left = await w.entries();
    expect(types(left)).toContain('tool-end look ok');
    expect(types(left).filter((type) => / put|run-end/.test(type))).toEqual(['tool-start put 1']);
    const again = stuck('put', 'idempotent', 'put');
    const next = await w.open({ tools: [again.tool, noting('look', { effect: 'read' }).tool] }, {});
    expect(next.pending).toEqual({ reason: 'interrupted', approvals: [] });
    const result = await next.resume();
    expect(result.runId).toBe(stream.runId);
    await again.begun;
    expect(types(await w.entries()).slice(left.length)).toEqual([
      'run-start',
      'tool-start put 2',
      'tool-end put ok',
      'request',
      'reply',
      'run-end completed',
    ]);
    const keys = (await w.entries()).flatMap((entry) =>
      entry.type === 'tool-start' && entry.tool === 'put' ? [entry.idempotencyKey] : [],
    );
    expect(new Set(keys).size).toBe(1);
    expectSound(w);
    expectBilled(next, w);
    await next.close();
  });

  it('counts a reply that close() cut off once, as far as the server had told', async () => {
    await using here = await make();
    const w = world({
      ...here,
      steps: [
        reply(text('Half of it and then '.repeat(20)), { fault: fault.stall({ afterEvents: 4 }) }),
        reply('Whole.'),
      ],
    });
    const session = await w.open();
    const stream = session.stream('Go.');
    for await (const event of stream) {
      if (event.type === 'text-delta') break;
    }
    await session.close();
    const next = await w.open();
    const lost = (await w.entries()).find((entry) => entry.type === 'reply-lost');
    expect(lost).toMatchObject({ usage: { input_tokens: expect.any(Number) } });
    expect((await next.resume()).text).toBe('Whole.');
    expect(next.steps.map((step) => step.lost)).toEqual([true, false]);
    expect(next.usage.input_tokens + next.usage.cache_read_input_tokens).toBe(
      w.emulator.bill.inputTokens + w.emulator.bill.cacheReadTokens,
    );
    await next.close();
  });

  it('keeps an input that was given just before close()', async () => {
    await using here = await make();
    const w = world({
      ...here,
      steps: [reply('One.', { fault: fault.stall({ afterEvents: 0 }) }), reply('Two.')],
    });
    const session = await w.open();
    const run = session.run('Do not lose me.');
    for (;;) {
      // Sent as well as kept: a request that was never sent would leave its step to the next one.
      if (w.emulator.requests.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await session.close();
    await run;
    const next = await w.open();
    expect(next.messages).toEqual([{ role: 'user', content: 'Do not lose me.' }]);
    expect(next.pending?.reason).toBe('interrupted');
    await next.resume();
    expectSound(w);
    await next.close();
  });

  it('is drained: a run that ends in time ends, one that does not is parked', async () => {
    await using here = await make();
    const { tool, begun } = stuck('send', 'once');
    const go = gate();
    const quick = defineTool({
      name: 'quick',
      description: 'Ends soon.',
      input: z.object({ what: z.string() }),
      run: () => go.promise.then(() => 'ok'),
    });
    // The deadline is there when the test says so.
    const deadlines = new Set<() => void>();
    const timer: Seams['timer'] = (ms, fire) => {
      if (ms !== 1000) return systemSeams.timer(ms, fire);
      deadlines.add(fire);
      return () => void deadlines.delete(fire);
    };
    const w = world({
      ...here,
      tools: [tool, quick],
      seams: { timer },
      world: {
        respond: ({ body }) => {
          const last = JSON.stringify(body.messages.at(-1));
          if (last.includes('tool_result')) return reply('Done.');
          return reply([call(last.includes('Slow') ? 'send' : 'quick')]);
        },
      },
    });
    const slow = await w.open({}, { id: 'slow' });
    const fast = await w.open({}, { id: 'fast' });
    const idle = await w.open({}, { id: 'idle' });
    const runs = [slow.run('Slow.'), fast.run('Fast.')];
    await begun;
    const drained = drain({ deadlineMs: 1000 });
    await expect(fast.run('More.')).rejects.toThrow(/closed/);
    go.resolve();
    await runs[1];
    for (const fire of deadlines) fire();
    expect(await drained).toEqual({
      rested: ['fast', 'idle'],
      parked: ['slow'],
      stuck: [],
    });
    expect((await Promise.all(runs)).map(({ outcome }) => outcome)).toEqual(['stopped', 'completed']);
    expect(types(await w.entries('fast')).at(-1)).toBe('run-end completed');
    expect(types(await w.entries('slow')).at(-1)).toBe('tool-start send 1');
    const again = await drain({ deadlineMs: 0 });
    expect(again).toEqual({ rested: [], parked: [], stuck: [] });
    await idle.close();
  });

  it('does not wait for a drain to be over when it is closed for good', async () => {
    await using here = await make();
    const { tool, begun } = stuck('send', 'once');
    const w = world({ ...here, tools: [tool], steps: [reply([call('send')])] });
    const session = await w.open();
    const run = session.run('Go.');
    await begun;
    const drained = drain({ deadlineMs: 60_000 });
    await session.close();
    expect(await drained).toEqual({ rested: [], parked: ['review'], stuck: [] });
    expect((await run).outcome).toBe('stopped');
    await expect(drain({ deadlineMs: -1 })).rejects.toThrow(/deadlineMs/);
  });

  it('is drained in time where its store does not answer any more', async () => {
    await using here = await make();
    const { tool, begun } = stuck('send', 'once');
    const w = world({ ...here, tools: [tool], steps: [reply([call('send')])] });
    let answers = true;
    const store = {
      ...here.store,
      open: async (id: string) => {
        const journal = await here.store.open(id);
        return {
          ...journal,
          get length() {
            return journal.length;
          },
          append: (...args: Parameters<typeof journal.append>) =>
            answers ? journal.append(...args) : new Promise<void>(() => {}),
          read: (from?: number) => journal.read(from),
          close: () => (answers ? journal.close() : new Promise<void>(() => {})),
        };
      },
    };
    const time = virtualTime();
    const session = await w.open({ seams: time.seams }, { store, id: 'hung' });
    void session.run('Go.');
    await begun;
    answers = false;
    expect(await time.pass(drain({ deadlineMs: 50 }))).toEqual({
      rested: [],
      parked: [],
      stuck: ['hung'],
    });
    // The deadline, and a second to close.
    expect(time.now()).toBe(1050);
  });
});
