import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, openSession } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { entriesIn, family, lines, realTime, resultsIn } from './family.ts';

/** A lead, two managers, and under each a worker whose tool needs approval; the second manager is slow. */
function office() {
  const done: string[] = [];
  const ask = (name: string) => (turn: number) =>
    turn === 0 ? reply(toolUse(name, { task: 'Go.' }, { id: `toolu_${name}` })) : reply('Done.');
  const f = family(
    {
      lead: (turn) =>
        turn === 0
          ? reply([
              toolUse('left', { task: 'Go.' }, { id: 'toolu_left' }),
              toolUse('right', { task: 'Go.' }, { id: 'toolu_right' }),
            ])
          : reply('Done.'),
      left: ask('painter'),
      right: (turn) => (turn < 3 ? reply(toolUse('look', {}), { delayMs: 10 }) : reply('Looked.')),
      painter: (turn) =>
        turn === 0 ? reply(toolUse('paint', { color: 'red' }, { id: 'toolu_paint' })) : reply('Painted.'),
    },
    realTime(),
  );
  const paint = defineTool({
    name: 'paint',
    description: 'Paints.',
    input: z.object({ color: z.enum(['red', 'blue']) }),
    approve: true,
    run: ({ color }) => {
      done.push(color);
      return color;
    },
  });
  const look = defineTool({
    name: 'look',
    description: 'Looks.',
    input: z.object({}),
    async run() {
      await f.time.sleep(10);
      return 'seen';
    },
  });
  const left = f.agent('left', { subagents: [f.agent('painter', { tools: [paint] })] });
  const agent = f.agent('lead', { subagents: [left, f.agent('right', { tools: [look] })] });
  return { ...f, agent, done };
}

const asked = {
  callId: 'toolu_paint',
  tool: 'paint',
  input: { color: 'red' },
  agent: 'painter',
  session: 'top.toolu_left.toolu_painter',
};

describe('a decision that a subagent needs', () => {
  it('is asked for above, at any depth, when everything else is done; it is kept below, and the run goes on', async () => {
    const store = memoryStore();
    const { agent, emulator, time, done } = office();
    const first = await openSession({ agent, store, id: 'top' });
    const result = await time.pass(first.run('Go.'));
    expect(result.outcome).toBe('awaiting-approval');
    expect(result.pending).toEqual({ reason: 'awaiting-approval', approvals: [asked] });
    expect(first.pending).toEqual(result.pending);
    // The slow one has ended meanwhile.
    expect(emulator.requests.filter(({ body }) => body?.system === 'right')).toHaveLength(4);
    await first.close();

    // Another process decides.
    const second = await openSession({ agent, store, id: 'top' });
    expect(second.pending).toEqual(result.pending);
    await expect(second.approve('toolu_paint', { allow: true, input: { color: 'green' } })).rejects.toThrow(
      /does not fit "paint"/,
    );
    await second.approve('toolu_paint', { allow: true, input: { color: 'blue' } });
    await second.approve('toolu_paint', { allow: false });
    expect(second.pending?.approvals).toEqual([]);
    const kept = await entriesIn(store, asked.session);
    expect(kept.filter(({ type }) => type === 'approval')).toMatchObject([
      { allow: true, input: { color: 'blue' } },
    ]);
    await second.close();

    // A third goes on.
    const third = await openSession({ agent, store, id: 'top' });
    expect(await time.pass(third.resume())).toMatchObject({ outcome: 'completed', pending: null });
    expect(done).toEqual(['blue']);
    expect(third.usage.input_tokens).toBe(emulator.bill.inputTokens);
    expect(third.steps).toHaveLength(emulator.requests.length);
    expect(emulator.refusals).toEqual([]);
    expect(resultsIn(emulator.requests.at(-1))).toEqual(['Done.', 'Looked.']);
    const replayed = await replaySession(await entriesIn(store, 'top'), agent);
    expect(replayed.map(({ outcome }) => outcome)).toEqual(['awaiting-approval', 'completed']);
  });

  it('can be given while the others work: it is carried out by the run under way', async () => {
    const store = memoryStore();
    const { agent, emulator, time, done } = office();
    const session = await openSession({ agent, store, id: 'top' });
    const stream = session.stream('Go.');
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of stream) {
        seen.push(...lines([event]));
        if (event.type !== 'approval-request') continue;
        expect(session.pending).toEqual({ reason: 'awaiting-approval', approvals: [asked] });
        await session.approve('toolu_paint', true);
      }
    })();
    await time.pass(reading);
    expect((await stream.result).outcome).toBe('completed');
    expect(done).toEqual(['red']);
    expect(seen.filter((line) => line.startsWith('painter') || line.includes('painter'))).toEqual([
      'left: painter starts',
      'left: starts painter',
      'painter: begins',
      'painter: input',
      'painter: request',
      'painter: reply',
      'painter: approval-request',
      'painter: approval',
      'painter: paint starts',
      'painter: paint ok',
      'painter: request',
      'painter: reply',
      'painter: ends: completed',
      'left: painter ended: completed',
      'left: painter ok',
    ]);
    expect(emulator.refusals).toEqual([]);
  });

  it('in a fork is the fork’s own: each of the two decides and pays for itself', async () => {
    const store = memoryStore();
    const { agent, emulator, time, done } = office();
    const session = await openSession({ agent, store, id: 'top' });
    await time.pass(session.run('Go.'));
    const fork = await session.fork({ id: 'other' });
    expect(fork.pending?.approvals).toEqual([{ ...asked, session: 'other.toolu_left.toolu_painter' }]);
    await session.approve('toolu_paint', { allow: false, reason: 'no paint' });
    await fork.approve('toolu_paint', true);
    const before = emulator.bill.inputTokens;
    expect(await time.pass(fork.resume())).toMatchObject({ outcome: 'completed' });
    expect(fork.usage.input_tokens).toBe(emulator.bill.inputTokens - before);
    expect(done).toEqual(['red']);
    expect(await time.pass(session.resume())).toMatchObject({ outcome: 'completed' });
    expect(done).toEqual(['red']);
    expect(session.usage.input_tokens + fork.usage.input_tokens).toBe(emulator.bill.inputTokens);
    expect(emulator.refusals).toEqual([]);
  });

  it('ends with the run where a new one begins', async () => {
    const store = memoryStore();
    const { agent, emulator, time, done } = office();
    const session = await openSession({ agent, store, id: 'top' });
    await time.pass(session.run('Go.'));
    expect(await time.pass(session.run('Something else.'))).toMatchObject({ outcome: 'completed' });
    expect(done).toEqual([]);
    expect(session.pending).toBeNull();
    const last = await entriesIn(store, 'top.toolu_left');
    expect(last.at(-1)).toMatchObject({ type: 'run-end', outcome: 'stopped' });
    expect(session.usage.input_tokens).toBe(emulator.bill.inputTokens);
    expect(session.steps).toHaveLength(emulator.requests.length);
    expect(emulator.refusals).toEqual([]);
  });
});
