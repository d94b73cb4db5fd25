import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, openSession } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { entriesIn } from '../session/world.ts';
import { type Family, family, lines, realTime, type Role, watch } from './family.ts';

const last = (request: Parameters<Role>[1]): string => JSON.stringify(request.body.messages.at(-1));

/** A lead that sends a scout ahead and works on. */
function expedition(scout: Role, lead: Role, time?: Family['time']) {
  const f = family({ scout, lead }, time);
  const look = defineTool({
    name: 'look',
    description: 'Looks.',
    input: z.object({}),
    async run() {
      await f.time.sleep(10);
      return 'seen';
    },
  });
  return { ...f, look, ahead: f.agent('scout').asTool({ background: true }) };
}

describe('a background subagent', () => {
  it('runs while its caller goes on, which is told of its end at the next turn', async () => {
    const f = expedition(
      () => reply('Clear ahead.', { delayMs: 100 }),
      (turn) =>
        reply(turn === 0 ? [toolUse('scout', { task: 'Go.' })] : turn < 20 ? [toolUse('look', {})] : 'Home.'),
    );
    const { events, result } = await watch(
      f.time,
      f.agent('lead', { tools: [f.ahead, f.look] }).stream('Go.'),
    );
    expect(result?.outcome).toBe('completed');
    const kept = lines(events);
    const told = kept.indexOf('lead: input of the subagent');
    expect(kept.slice(0, 9)).toEqual([
      'lead: begins',
      'lead: input',
      'lead: request',
      'lead: reply',
      'lead: scout starts',
      'lead: starts scout in the background',
      'lead: scout ok',
      'scout: begins',
      'scout: input',
    ]);
    expect(kept.indexOf('lead: scout ended: completed')).toBeLessThan(told);
    expect(told).toBeLessThan(kept.lastIndexOf('lead: request'));
    const telling = f.emulator.requests.find((request) => JSON.stringify(request.body).includes('has ended'));
    expect(JSON.stringify(telling?.body?.messages.slice(-1))).toContain('Clear ahead.');
    expect(result?.steps.map(({ agent }) => agent).filter((agent) => agent === 'scout')).toHaveLength(1);
    expect(f.emulator.refusals).toEqual([]);
  });

  it('is waited for at the end, and its caller has the last word', async () => {
    const f = expedition(
      () => reply('Clear ahead.', { delayMs: 1000 }),
      (turn, request) =>
        turn === 0
          ? reply(toolUse('scout', { task: 'Go.' }))
          : reply(last(request).includes('Clear ahead.') ? 'So it is clear.' : 'Waiting.'),
    );
    const { result } = await watch(f.time, f.agent('lead', { tools: [f.ahead] }).stream('Go.'));
    expect(result).toMatchObject({ outcome: 'completed', text: 'So it is clear.', turns: 3 });
    expect(f.emulator.refusals).toEqual([]);
  });

  it('is stopped with a run that a limit ends, which says so', async () => {
    const f = expedition(
      () => reply('Too late.', { delayMs: 5000 }),
      (turn) => reply(toolUse(turn === 0 ? 'scout' : 'look', turn === 0 ? { task: 'Go.' } : {})),
    );
    const { events, result } = await watch(
      f.time,
      f.agent('lead', { tools: [f.ahead, f.look], limits: { turns: 2 } }).stream('Go.'),
    );
    expect(result).toMatchObject({
      outcome: 'turn-limit',
      reason: 'limits.turns (2) is reached; stopped with it in the background: scout',
    });
    expect(lines(events).slice(-3)).toEqual([
      'scout: ends: stopped',
      'lead: scout ended: stopped',
      'lead: ends: turn-limit',
    ]);
  });

  it('that needs a decision makes the run wait for it, and is gone on with by another process', async () => {
    const store = memoryStore();
    const done: string[] = [];
    const f = family(
      {
        lead: (turn, request) =>
          turn === 0
            ? reply(toolUse('scout', { task: 'Go.' }, { id: 'toolu_scout' }))
            : reply(last(request).includes('has ended') ? 'So be it.' : 'Waiting.'),
        scout: (turn) => (turn === 0 ? reply(toolUse('jump', {}, { id: 'toolu_jump' })) : reply('Jumped.')),
      },
      realTime(),
    );
    const jump = defineTool({
      name: 'jump',
      description: 'Jumps.',
      input: z.object({}),
      approve: true,
      run: () => {
        done.push('jump');
        return 'jumped';
      },
    });
    const agent = f.agent('lead', {
      tools: [f.agent('scout', { tools: [jump] }).asTool({ background: true })],
    });
    const first = await openSession({ agent, store, id: 'top' });
    expect(await first.run('Go.')).toMatchObject({
      outcome: 'awaiting-approval',
      pending: { approvals: [{ callId: 'toolu_jump', agent: 'scout', session: 'top.toolu_scout' }] },
    });
    await first.close();
    const second = await openSession({ agent, store, id: 'top' });
    await second.approve('toolu_jump', true);
    expect(await second.resume()).toMatchObject({ outcome: 'completed', text: 'So be it.' });
    expect(done).toEqual(['jump']);
    expect(second.steps).toHaveLength(f.emulator.requests.length);
    expect(second.usage.input_tokens).toBe(f.emulator.bill.inputTokens);
    expect(f.emulator.refusals).toEqual([]);
  });
});

describe('a recording with background subagents', () => {
  it('is replayed: the model is told of their ends where it was told, and nobody is run', async () => {
    const f = expedition(
      (_, request) => reply(`Seen: ${last(request).includes('North') ? 'north' : 'south'}.`, { delayMs: 40 }),
      (turn, request) => {
        if (turn === 0) return reply(['North', 'South'].map((task) => toolUse('scout', { task })));
        if (turn < 12) return reply([toolUse('look', {})]);
        // One more, which is waited for at the end.
        if (turn === 12) return reply(toolUse('scout', { task: 'North again' }));
        return reply(last(request).includes('Seen:') ? 'All seen.' : 'Waiting.');
      },
      realTime(),
    );
    const lead = f.agent('lead', { tools: [f.ahead, f.look] });
    const store = memoryStore();
    await using session = await openSession({ agent: lead, store, id: 'trip' });
    const first = await session.run('Go.');
    const second = await session.run('And then?');
    expect([first.outcome, first.text]).toEqual(['completed', 'All seen.']);
    const asked = f.emulator.requests.length;
    const entries = await entriesIn(store, 'trip');
    expect(entries.filter(({ type }) => type === 'child-end')).toHaveLength(3);
    const replayed = await replaySession(entries, lead);
    expect(replayed.map(({ text, turns, messages }) => ({ text, turns, messages }))).toEqual(
      [first, second].map(({ text, turns, messages }) => ({ text, turns, messages })),
    );
    expect(replayed.map(({ cost, steps }) => ({ cost, steps }))).toEqual(
      [first, second].map(({ cost, steps }) => ({ cost, steps })),
    );
    expect(f.emulator.requests).toHaveLength(asked);
    const changed = f.agent('lead', { tools: [f.ahead, f.look], maxTokens: 77 });
    await expect(replaySession(entries, changed)).rejects.toThrow(/another request than was recorded/);
  });
});
