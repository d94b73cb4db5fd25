import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, type ToolEffect } from '../../src/index.ts';
import { answered, failed, gate } from '../support/agent-under-test.ts';
import { expectBilled, expectSound, lastOf, stores, types, type World, world } from './world.ts';

/** A tool that hangs in its first process and answers in later ones. */
function fragile(name: string, effect: ToolEffect, more: object = {}) {
  const begun = gate();
  const ran: { readonly what: string; readonly attempt: number; readonly key: string }[] = [];
  let lives = 0;
  const tool = defineTool({
    name,
    description: name,
    input: z.object({ what: z.string().transform((what) => what.trim()) }),
    effect,
    ...more,
    run({ what }, ctx): Promise<string> {
      ran.push({ what, attempt: ctx.attempt, key: ctx.idempotencyKey });
      begun.resolve();
      lives += 1;
      return lives === 1 ? new Promise(() => {}) : Promise.resolve(`${name} ${what}`);
    },
  });
  return { tool, ran, begun: begun.promise };
}

/** The session as the next process opens it, after its first one was ended in the middle of a call. */
async function afterCutOff(w: World, begun: Promise<void>) {
  const first = await w.open();
  const run = first.run('Go.');
  await begun;
  await first.close();
  await run;
  return w.open();
}

const call = (name: string, id = `call_${name}`) => toolUse(name, { what: ' x ' }, { id });
const IN_DOUBT = 'This call was interrupted: it may or may not have taken effect. Check before repeating it.';

describe.each(stores)('a call that was interrupted, %s', (_, make) => {
  it.each(['read', 'idempotent'] as const)('is repeated with the same key where it is %s', async (effect) => {
    await using here = await make();
    const { tool, ran, begun } = fragile('do', effect);
    const w = world({ ...here, tools: [tool], steps: [reply([call('do')]), reply('Done.')] });
    const next = await afterCutOff(w, begun);
    expect(next.pending).toEqual({ reason: 'interrupted', approvals: [] });
    expect((await next.resume()).outcome).toBe('completed');
    expect(ran).toEqual([
      { what: 'x', attempt: 1, key: ran[0]?.key },
      { what: 'x', attempt: 2, key: ran[0]?.key },
    ]);
    expectSound(w);
    expectBilled(next, w);
    await next.close();
  });

  it('waits for a decision where it is once and nobody can be asked', async () => {
    for (const [decision, told, times] of [
      [true, answered('call_do', 'do x'), 2],
      [{ allow: true, input: { what: 'y' } }, answered('call_do', 'do y'), 2],
      [false, failed('call_do', IN_DOUBT), 1],
      [
        { allow: false, reason: 'It did.' },
        failed('call_do', `${IN_DOUBT} A person decided not to repeat it: It did.`),
        1,
      ],
      [undefined, failed('call_do', IN_DOUBT), 1],
    ] as const) {
      await using here = await make();
      const { tool, ran, begun } = fragile('do', 'once');
      const w = world({ ...here, tools: [tool], steps: [reply([call('do')]), reply('Done.')] });
      const next = await afterCutOff(w, begun);
      expect(next.pending).toEqual({
        reason: 'interrupted',
        approvals: [{ callId: 'call_do', tool: 'do', input: { what: ' x ' }, agent: 'agent' }],
      });
      if (decision !== undefined) await next.approve('call_do', decision);
      await next.resume();
      expect(ran).toHaveLength(times);
      expect(lastOf(w, 1)).toEqual([told]);
      expectSound(w);
      await next.close();
    }
  });

  it('is asked about where it can be, and told as it is', async () => {
    for (const [found, told, times] of [
      [() => 'done before', answered('call_do', 'done before'), 1],
      [() => undefined, answered('call_do', 'do x'), 2],
      [
        () => {
          throw new Error('no line');
        },
        failed('call_do', expect.stringContaining('could not be found out (no line)')),
        1,
      ],
    ] as const) {
      await using here = await make();
      const { tool, ran, begun } = fragile('do', 'once', { reconcile: found });
      const w = world({ ...here, tools: [tool], steps: [reply([call('do')]), reply('Done.')] });
      const next = await afterCutOff(w, begun);
      expect(next.pending?.approvals).toEqual([]);
      await next.resume();
      expect(ran).toHaveLength(times);
      expect(lastOf(w, 1)).toEqual([told]);
      expectSound(w);
      await next.close();
    }
  });

  it('is repeated with the input a person made of it', async () => {
    await using here = await make();
    const { tool, ran, begun } = fragile('do', 'idempotent', { approve: true });
    const w = world({ ...here, tools: [tool], steps: [reply([call('do')]), reply('Done.')] });
    const first = await w.open();
    await first.run('Go.');
    await first.approve('call_do', { allow: true, input: { what: 'changed' } });
    const run = first.resume();
    await begun;
    await first.close();
    await run;
    const next = await w.open();
    await next.resume();
    expect(ran.map(({ what }) => what)).toEqual(['changed', 'changed']);
    expect(lastOf(w, 1)).toEqual([answered('call_do', 'do changed')]);
    await next.close();
  });

  it('is not repeated where its tool has become stricter, or was when it was started', async () => {
    for (const [before, after] of [
      ['once', 'idempotent'],
      ['idempotent', 'once'],
    ] as const) {
      await using here = await make();
      const strict = fragile('do', before);
      const w = world({ ...here, steps: [reply([call('do')]), reply('Done.')] });
      const first = await w.open({ tools: [strict.tool] });
      const run = first.run('Go.');
      await strict.begun;
      await first.close();
      await run;
      const later = fragile('do', after);
      const next = await w.open({ tools: [later.tool] });
      expect(next.pending?.approvals).toHaveLength(1);
      await next.resume();
      expect(later.ran).toEqual([]);
      expect(lastOf(w, 1)).toEqual([failed('call_do', IN_DOUBT)]);
      await next.close();
    }
  });

  it('is given up by a new input, and told honestly', async () => {
    await using here = await make();
    const { tool, begun } = fragile('do', 'once');
    const w = world({
      ...here,
      tools: [tool],
      limits: { concurrency: 1 },
      steps: [reply([call('do'), call('do', 'call_late')]), reply('Well.')],
    });
    const next = await afterCutOff(w, begun);
    await next.run('Something else.');
    expect(w.emulator.requests[1]?.body?.messages.at(-2)?.content).toEqual([
      failed(
        'call_do',
        'This call was interrupted and given up: it may or may not have taken effect. Check before repeating it.',
      ),
      failed('call_late', 'This call was given up before it was carried out.'),
    ]);
    expect(next.pending).toBeNull();
    expectSound(w);
    await next.close();
  });

  it('does not make its finished siblings run again', async () => {
    await using here = await make();
    const once = fragile('do', 'idempotent');
    let looks = 0;
    const look = defineTool({
      name: 'look',
      description: 'look',
      input: z.object({ what: z.string() }),
      effect: 'once',
      run: () => `seen ${(looks += 1)}`,
    });
    const w = world({
      ...here,
      tools: [look, once.tool],
      steps: [reply([call('look'), call('do'), call('look', 'call_2')]), reply('Done.')],
    });
    const first = await w.open();
    const stream = first.stream('Go.');
    const ended: string[] = [];
    for await (const event of stream) {
      if (event.type === 'tool-end') ended.push(event.callId);
      if (ended.length === 2) void first.close();
    }
    const next = await w.open();
    await next.resume();
    expect(looks).toBe(2);
    expect(lastOf(w, 1)).toEqual([
      answered('call_look', 'seen 1'),
      answered('call_do', 'do x'),
      answered('call_2', 'seen 2'),
    ]);
    expect(types(await w.entries()).filter((type) => type.startsWith('tool-start'))).toHaveLength(4);
    expectSound(w);
    await next.close();
  });
});
