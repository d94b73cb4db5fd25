import { createHash } from 'node:crypto';
import { reply, script, text, toolUse } from '@pawl/emulator';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  type AgentEvent,
  createAgent,
  defineTool,
  type Journal,
  type JournalStore,
  openSession,
  orchestrate,
  RunError,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf, entriesOf, stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';
import { entriesIn, types } from './world.ts';

/** A store whose appends do not return from the `at`-th on, until they are let go. */
function stuckAt(at: number) {
  const store = memoryStore();
  const { promise, resolve } = Promise.withResolvers<void>();
  let appends = -Infinity;
  const stuck = (journal: Journal): Journal => ({
    get length() {
      return journal.length;
    },
    damage: null,
    torn: null,
    async append(entries, seq, options) {
      appends += 1;
      if (appends > at) await promise;
      return journal.append(entries, seq, options);
    },
    read: (from) => journal.read(from),
    close: () => journal.close(),
  });
  return {
    plain: store,
    store: {
      ...store,
      open: async (id, options) => stuck(await store.open(id, options)),
    } satisfies JournalStore,
    begin: () => (appends = 0),
    reached: () => appends > at,
    letGo: resolve,
  };
}

// What is loaded at first, and a digest, which is made by another thread: their time is not virtual.
beforeAll(() => import('#async-scope'));
beforeEach(() => {
  vi.spyOn(crypto.subtle, 'digest').mockImplementation(async (_, data) => {
    const { buffer, byteOffset, byteLength } = createHash('sha256')
      .update(data as Uint8Array)
      .digest();
    return buffer.slice(byteOffset, byteOffset + byteLength);
  });
});

/** A lead with a quick tool, one that ignores its signal, and a subagent, on a store that gets stuck. */
function setUp(at: number) {
  const time = virtualTime();
  const world = { clock: () => time.seams.now(), sleep: time.sleep };
  const tool = (name: string, ms: number) =>
    defineTool({
      name,
      description: 'Waits.',
      input: z.object({}),
      effect: 'idempotent',
      run: () => time.sleep(ms).then(() => `${name} is done`),
    });
  const helper = stage({
    time,
    name: 'helper',
    description: 'Helps.',
    world: { ...world, respond: () => reply('Helped.', { delayMs: 30 }) },
  });
  const lead = stage({
    time,
    tools: [tool('quick', 10), tool('deaf', 40)],
    subagents: [helper.agent],
    world: {
      ...world,
      respond: script([
        reply([
          text('All.'),
          toolUse('quick', {}),
          toolUse('deaf', {}),
          toolUse('helper', { prompt: 'Help.' }),
        ]),
        reply('Done.', { chunk: { size: 2, delayMs: 10 } }),
        ...Array.from({ length: 4 }, () => reply('Went on.')),
      ]),
    },
  });
  return { time, ...lead, stuck: stuckAt(at) };
}

describe('a store that never answers', () => {
  it('does not keep a stop from ending the run in time, whichever append it is; nothing is claimed that was not kept', async () => {
    let at = 0;
    let stoppedThen = 0;
    for (let reached = true; reached; at += 1) {
      const { time, agent, stuck } = setUp(at);
      const session = await time.pass(openSession({ agent, store: stuck.store, id: 's' }));
      stuck.begin();
      const stream = session.stream('Go.');
      time.after(1000, () => stream.stop('enough'));
      const events: AgentEvent[] = [];
      const read = (async () => {
        for await (const event of stream) events.push(event);
      })();
      const result = await time.pass(stream.result);
      await read;
      reached = stuck.reached();
      if (!reached) expect(result.outcome).toBe('completed');
      else {
        expect(time.now()).toBeLessThanOrEqual(1100);
        expect(result).toMatchObject({ outcome: 'stopped', output: null, pending: null });
        expect(result.reason).toMatch(/^enough; its store has not answered/);
      }
      // What was told is what is kept, and the result is made of it.
      const kept = await entriesIn(stuck.plain, 's');
      expect(entriesOf(events).filter(({ parentRunId }) => !parentRunId)).toEqual(
        kept.filter(({ runId }) => runId === stream.runId),
      );
      expect(result.messages).toEqual(session.messages);
      // Once it answers, all is kept in its order, and the session goes on.
      stuck.letGo();
      const next = await time.pass(session.run('And now?'));
      expect(next.outcome).toBe('completed');
      await time.pass(session.close());
      const whole = await entriesIn(stuck.plain, 's');
      expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, index) => index));
      const ends = types(whole).filter((type) => type.startsWith('run-end'));
      // An end that was on its way to the store before the stop is what it is.
      expect(ends).toEqual([expect.stringMatching(/^run-end (stopped|completed)$/), 'run-end completed']);
      stoppedThen += ends[0] === 'run-end stopped' ? 1 : 0;
    }
    expect(at).toBeGreaterThan(12);
    expect(stoppedThen).toBeGreaterThan(8);
  });

  it('does so for a time limit as well, and for a run that waits for what was written before it', async () => {
    const { time, client, stuck } = setUp(1);
    const limited = createAgent({
      model: 'claude-sonnet-5-5',
      client,
      limits: { timeMs: 500 },
      seams: time.seams,
    });
    const session = await time.pass(openSession({ agent: limited, store: stuck.store, id: 's' }));
    stuck.begin();
    const result = await time.pass(session.run('Go.'));
    expect([result.outcome, time.now()]).toEqual(['time-limit', 585]);
    await expect(session.resume()).rejects.toThrow(/still waits for its store/);
    const next = session.stream('And now?');
    time.after(100, () => next.stop('enough'));
    const waited = await time.pass(next.result);
    expect([waited.outcome, waited.turns, time.now()]).toEqual(['stopped', 0, 770]);
    stuck.letGo();
    await time.pass(session.close());
    expect(types(await entriesIn(stuck.plain, 's'))).not.toContain('reply');
  });

  it('does so for a script, whose error tells what is known', async () => {
    const { time, emulator, stuck } = setUp(6);
    const client = clientOf(emulator.fetch);
    const agent = createAgent({ model: 'claude-sonnet-5-5', client, seams: time.seams });
    const session = await time.pass(openSession({ agent, store: stuck.store, id: 's' }));
    stuck.begin();
    const stop = new AbortController();
    time.after(1000, () => stop.abort('enough'));
    const script = orchestrate({ session, signal: stop.signal }, async (team) => {
      await team.step('one', () => 1);
      await team.run('two', agent, 'Go.');
    }).catch((error: unknown) => error);
    const error = await time.pass(script);
    expect(time.now()).toBeLessThanOrEqual(1100);
    expect(error).toBeInstanceOf(RunError);
    expect(error).toMatchObject({
      code: 'stopped',
      message: expect.stringMatching(/^enough; its store has not/),
    });
    stuck.letGo();
    await time.pass(session.close());
  });
});
