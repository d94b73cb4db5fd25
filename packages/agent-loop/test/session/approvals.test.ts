import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, defineTool, type Session } from '../../src/index.ts';
import { answered, failed, gate } from '../support/agent-under-test.ts';
import { expectSound, lastOf, noting, stores, types, world } from './world.ts';

const asks = (...calls: readonly (readonly [string, string])[]) =>
  reply(calls.map(([name, what], index) => toolUse(name, { what }, { id: `call_${index + 1}` })));

describe.each(stores)('approvals, %s', (_, make) => {
  it('wait across processes, and are carried out where they were given', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const look = noting('look', { effect: 'read' });
    const w = world({
      ...here,
      tools: [drop.tool, look.tool],
      steps: [asks(['drop', 'a'], ['look', 'b'], ['drop', 'c']), reply('Done.')],
    });
    {
      await using first = await w.open();
      const result = await first.run('Go.');
      expect(result.outcome).toBe('awaiting-approval');
      expect(look.ran).toEqual(['b']);
      expect(first.pending).toEqual(result.pending);
    }
    {
      await using second = await w.open();
      expect(second.pending).toEqual({
        reason: 'awaiting-approval',
        approvals: [
          { callId: 'call_1', tool: 'drop', input: { what: 'a' }, agent: 'agent' },
          { callId: 'call_3', tool: 'drop', input: { what: 'c' }, agent: 'agent' },
        ],
      });
      await second.approve('call_1', true);
      expect(second.pending?.approvals.map(({ callId }) => callId)).toEqual(['call_3']);
    }
    await using third = await w.open();
    expect(third.pending?.approvals.map(({ callId }) => callId)).toEqual(['call_3']);
    await third.approve('call_3', { allow: false, reason: 'c is needed' });
    expect(drop.ran).toEqual([]);
    expect((await third.resume()).outcome).toBe('completed');
    expect(drop.ran).toEqual(['a']);
    expect(look.ran).toEqual(['b']);
    expect(third.pending).toBeNull();
    expect(lastOf(w, 1)).toEqual([
      answered('call_1', 'drop a'),
      answered('call_2', 'look b'),
      failed('call_3', 'This call was denied: c is needed'),
    ]);
    expectSound(w);
  });

  it('are refused where they are none: the first counts, so a slip could not be mended', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({ ...here, tools: [drop.tool], steps: [asks(['drop', 'a']), reply('Done.')] });
    await using session = await w.open();
    await session.run('Go.');
    for (const slip of [
      'yes',
      undefined,
      null,
      { alow: true },
      { allow: 'true' },
      { allow: true, reson: 'x' },
    ]) {
      await expect(session.approve('call_1', slip as never)).rejects.toThrow(ConfigError);
    }
    await session.approve('call_1', true);
    expect((await session.resume()).outcome).toBe('completed');
    expect(drop.ran).toEqual(['a']);
    expectSound(w);
  });

  it('can be given in part: what is undecided waits on', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [drop.tool],
      steps: [asks(['drop', 'a'], ['drop', 'b']), reply('Done.')],
    });
    await using session = await w.open();
    await session.run('Go.');
    await session.approve('call_2', true);
    const half = await session.resume();
    expect(half.outcome).toBe('awaiting-approval');
    expect(half.pending?.approvals.map(({ callId }) => callId)).toEqual(['call_1']);
    expect(drop.ran).toEqual(['b']);
    await session.approve('call_1', true);
    expect((await session.resume()).outcome).toBe('completed');
    expect(drop.ran).toEqual(['b', 'a']);
    expectSound(w);
  });

  it('can change the input, which is checked at once and used', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({ ...here, tools: [drop.tool], steps: [asks(['drop', 'a']), reply('Done.')] });
    await using session = await w.open();
    await session.run('Go.');
    await expect(session.approve('call_1', { allow: true, input: { what: 7 } })).rejects.toThrow(
      /input: the changed input does not fit "drop"/,
    );
    await session.approve('call_1', { allow: true, input: { what: 'b' } });
    await session.resume();
    expect(drop.ran).toEqual(['b']);
    expectSound(w);
  });

  it('count once: the first decision stands, also where both come at the same time', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({ ...here, tools: [drop.tool], steps: [asks(['drop', 'a']), reply('Done.')] });
    await using session = await w.open();
    await session.run('Go.');
    await Promise.all([
      session.approve('call_1', { allow: false, reason: 'first' }),
      session.approve('call_1', true),
      session.approve('call_1', { allow: true, input: { what: 'b' } }),
    ]);
    await session.approve('call_1', true);
    expect((await w.entries()).filter(({ type }) => type === 'approval')).toHaveLength(1);
    await session.resume();
    expect(drop.ran).toEqual([]);
    expect(lastOf(w, 1)).toEqual([failed('call_1', 'This call was denied: first')]);
    await session.approve('call_1', true);
    expect((await w.entries()).filter(({ type }) => type === 'approval')).toHaveLength(1);
  });

  it('are refused for calls that wait for none', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const look = noting('look');
    const w = world({
      ...here,
      tools: [drop.tool, look.tool],
      steps: [asks(['drop', 'a'], ['look', 'b']), reply('Done.')],
    });
    await using session = await w.open();
    await session.run('Go.');
    for (const callId of ['call_2', 'call_9', '']) {
      const mistake = await session.approve(callId, true).catch((error: unknown) => error);
      expect(mistake).toBeInstanceOf(ConfigError);
      expect((mistake as Error).message).toContain('waits for no decision');
    }
    expect(session.pending?.approvals).toHaveLength(1);
  });

  it('expire where the agent says so: then the call counts as denied, whatever comes later', async () => {
    await using here = await make();
    let now = Date.UTC(2026, 10, 20);
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      seams: { now: () => now },
      tools: [drop.tool],
      approvalExpiryMs: 1000,
      steps: [asks(['drop', 'a']), reply('Done.')],
    });
    await using session = await w.open();
    await session.run('Go.');
    now += 1001;
    expect(session.pending).toEqual({ reason: 'awaiting-approval', approvals: [] });
    await expect(session.approve('call_1', true)).rejects.toThrow(/waited too long/);
    await session.resume();
    expect(drop.ran).toEqual([]);
    expect(lastOf(w, 1)).toEqual([failed('call_1', 'This call was not run: nobody decided on it in time.')]);
    expectSound(w);
  });

  it('that come in time hold, even where the run goes on later', async () => {
    await using here = await make();
    let now = Date.UTC(2026, 10, 20);
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      seams: { now: () => now },
      tools: [drop.tool],
      approvalExpiryMs: 1000,
      steps: [asks(['drop', 'a']), reply('Done.')],
    });
    await using session = await w.open();
    await session.run('Go.');
    await session.approve('call_1', true);
    now += 5000;
    await session.resume();
    expect(drop.ran).toEqual(['a']);
  });

  it('that come while siblings run are used by that run', async () => {
    await using here = await make();
    const go = gate();
    const drop = noting('drop', { approve: true });
    const slow = defineTool({
      name: 'slow',
      description: 'Takes its time.',
      input: z.object({ what: z.string() }),
      run: () => go.promise.then(() => 'slow'),
    });
    const w = world({
      ...here,
      tools: [drop.tool, slow],
      steps: [asks(['drop', 'a'], ['slow', 'b'], ['drop', 'c']), reply('Done.')],
    });
    await using session = await w.open();
    const stream = session.stream('Go.');
    const asked: string[] = [];
    for await (const event of stream) {
      if (event.type !== 'approval-request') continue;
      asked.push(event.callId);
      if (asked.length < 2) continue;
      expect(session.pending).toMatchObject({ reason: 'awaiting-approval' });
      expect(session.pending?.approvals.map(({ callId }) => callId)).toEqual(['call_1', 'call_3']);
      await session.approve('call_1', true);
      await session.approve('call_3', { allow: false });
      await session.approve('call_3', true);
      expect(session.pending).toBeNull();
      go.resolve();
    }
    expect((await stream.result).outcome).toBe('completed');
    expect(drop.ran).toEqual(['a']);
    expect(lastOf(w, 1)).toEqual([
      answered('call_1', 'drop a'),
      answered('call_2', 'slow'),
      failed('call_3', 'This call was denied.'),
    ]);
    expectSound(w);
  });

  it('given in the very event that asks are used too, with nobody else at work', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({ ...here, tools: [drop.tool], steps: [asks(['drop', 'a']), reply('Done.')] });
    const given: Promise<void>[] = [];
    const session: Session = await w.open({
      hooks: {
        onEvent(event) {
          if (event.type === 'approval-request') given.push(session.approve(event.callId, true));
        },
      },
    });
    expect((await session.run('Go.')).outcome).toBe('completed');
    await Promise.all(given);
    expect(drop.ran).toEqual(['a']);
    await session.close();
    expectSound(w);
  });

  it('that come while a callback thinks go first', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const answer = gate<boolean>();
    const w = world({ ...here, tools: [drop.tool], steps: [asks(['drop', 'a']), reply('Done.')] });
    const asked = gate();
    await using session = await w.open({
      approve() {
        asked.resolve();
        return answer.promise;
      },
    });
    const run = session.run('Go.');
    await asked.promise;
    await session.approve('call_1', { allow: false, reason: 'a person said no' });
    expect((await run).outcome).toBe('completed');
    answer.resolve(true);
    expect(drop.ran).toEqual([]);
    expect((await w.entries()).filter(({ type }) => type === 'approval')).toHaveLength(1);
    expect(lastOf(w, 1)).toEqual([failed('call_1', 'This call was denied: a person said no')]);
  });

  it('hold back calls that must not overtake: they keep their order', async () => {
    await using here = await make();
    const ran: string[] = [];
    const file = (name: string, approve: boolean, writes: boolean) =>
      defineTool({
        name,
        description: name,
        input: z.object({ what: z.string() }),
        effect: 'idempotent',
        approve,
        access: ({ what }) => (writes ? { writes: [what] } : { reads: [what] }),
        run: ({ what }) => {
          ran.push(`${name} ${what}`);
          return name;
        },
      });
    const w = world({
      ...here,
      tools: [file('write', true, true), file('edit', false, true), file('append', false, true)],
      steps: [asks(['write', 'x'], ['edit', 'x'], ['append', 'x'], ['edit', 'y']), reply('Done.')],
    });
    await using session = await w.open();
    expect((await session.run('Go.')).outcome).toBe('awaiting-approval');
    expect(ran).toEqual(['edit y']);
    await session.approve('call_1', true);
    await session.resume();
    expect(ran).toEqual(['edit y', 'write x', 'edit x', 'append x']);
    expectSound(w);
  });

  it('are given up by a new input, and the model is told so', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [drop.tool],
      steps: [asks(['drop', 'a'], ['drop', 'b']), reply('Well.')],
    });
    await using session = await w.open();
    await session.run('Go.');
    await session.approve('call_1', true);
    await session.run('Never mind.');
    expect(drop.ran).toEqual([]);
    expect(w.emulator.requests[1]?.body?.messages.slice(-2)).toEqual([
      {
        role: 'user',
        content: [
          failed('call_1', 'This call was given up before it was carried out.'),
          failed('call_2', 'This call was given up before it was carried out.'),
        ],
      },
      { role: 'user', content: 'Never mind.' },
    ]);
    expect(session.pending).toBeNull();
    expect(types(await w.entries()).slice(-7)).toEqual([
      'tool-end drop cancelled',
      'tool-end drop cancelled',
      'run-start',
      'input',
      'request',
      'reply',
      'run-end completed',
    ]);
    expectSound(w);
  });
});
