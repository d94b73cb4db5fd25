import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Agent, defineTool, type Hooks } from '../../src/index.ts';
import { family, lines, resultsIn, watch } from './family.ts';

const delegate = (name: string) => (turn: number) =>
  turn === 0 ? reply(toolUse(name, { task: 'Go.' })) : reply('Done.');

describe('the limits of a tree', () => {
  it('let subagents go as deep as the agent above allows, and no deeper', async () => {
    const f = family({ a: delegate('b'), b: delegate('c'), c: delegate('d'), d: () => reply('Deep.') });
    const d = f.agent('d');
    const c = f.agent('c', { subagents: [d] });
    const b = f.agent('b', { subagents: [c], limits: { depth: 4 } });
    const a = f.agent('a', { subagents: [b], limits: { depth: 2 } });
    const { events, result } = await watch(f.time, a.stream('Go.'));
    expect(lines(events).filter((line) => line.includes('starts '))).toEqual(['a: starts b', 'b: starts c']);
    expect(resultsIn(f.emulator.requests[3])).toEqual([
      'The subagent "d" was not started: limits.depth is reached: subagents of subagents go no deeper.',
    ]);
    expect(result?.outcome).toBe('completed');
  });

  it('end a circle of agents', async () => {
    const f = family({ a: delegate('a') });
    // A tool that runs its own agent.
    const itself: { agent?: Agent } = {};
    const again = defineTool({
      name: 'a',
      description: 'Asks itself.',
      input: z.object({ task: z.string() }),
      run: (input, ctx) => itself.agent?.asTool().run(input, ctx),
    });
    itself.agent = f.agent('a', { tools: [again] });
    const { events, result } = await watch(f.time, itself.agent.stream('Go.'));
    expect(lines(events).filter((line) => line === 'a: starts a')).toHaveLength(4);
    expect(result?.outcome).toBe('completed');
    expect(f.emulator.refusals).toEqual([]);
  });

  it('count all subagents of a run, those of its subagents too', async () => {
    const twice = (name: string) => (turn: number) =>
      turn === 0 ? reply([toolUse(name, { task: '1' }), toolUse(name, { task: '2' })]) : reply('Done.');
    const f = family({ a: twice('b'), b: twice('c'), c: () => reply('Leaf.') });
    const b = f.agent('b', { subagents: [f.agent('c')] });
    const a = f.agent('a', { subagents: [b], limits: { children: 5 } });
    const { events } = await watch(f.time, a.stream('Go.'));
    expect(lines(events).filter((line) => line.includes('starts '))).toHaveLength(5);
    const refused = f.emulator.requests.flatMap(resultsIn).filter((text) => text.includes('not started'));
    expect(refused).toEqual([
      'The subagent "c" was not started: limits.children (5) is reached: no more subagents.',
    ]);
  });

  it('leave the slots of concurrency to those who work', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      async run() {
        await f.time.sleep(10);
        return 'seen';
      },
    });
    const f = family({
      a: (turn) =>
        turn === 0
          ? reply([toolUse('look', {}), ...[1, 2, 3].map((n) => toolUse('b', { task: `${n}` }))])
          : reply('Done.'),
      b: (turn) => (turn === 0 ? reply([toolUse('c', { task: '' }), toolUse('look', {})]) : reply('Done.')),
      c: (turn) => (turn === 0 ? reply([toolUse('look', {}), toolUse('look', {})]) : reply('Done.')),
    });
    const limits = { concurrency: 1 };
    const c = f.agent('c', { tools: [look], limits });
    const b = f.agent('b', { tools: [look], limits, subagents: [c] });
    const { result } = await watch(
      f.time,
      f.agent('a', { tools: [look], limits, subagents: [b] }).stream('Go.'),
    );
    expect(result?.outcome).toBe('completed');
  });

  it('run 20 subagents of a second each in a second', async () => {
    const names = Array.from({ length: 20 }, (_, index) => toolUse('b', { task: `${index}` }));
    const f = family({
      a: (turn) => (turn === 0 ? reply(names) : reply('Done.')),
      b: () => reply('Done.', { delayMs: 1000 }),
    });
    const { result } = await watch(f.time, f.agent('a', { subagents: [f.agent('b')] }).stream('Go.'));
    expect(result?.steps).toHaveLength(22);
    expect(f.time.now()).toBeLessThan(1100);
  });
});

describe('a subagent may do at most what the agents above it may', () => {
  const work = (approve: boolean) =>
    defineTool({ name: 'work', description: 'Works.', input: z.object({}), approve, run: () => 'worked' });
  const tree = async (
    above: { approve?: (name: string) => boolean; hooks?: Hooks },
    own?: boolean,
    ownHooks?: Hooks,
  ) => {
    const f = family({
      a: delegate('b'),
      b: (turn) => (turn === 0 ? reply(toolUse('work', {})) : reply('Done.')),
    });
    const b = f.agent('b', {
      tools: [work(above.approve !== undefined)],
      ...(own !== undefined && { approve: () => own }),
      ...(ownHooks && { hooks: ownHooks }),
    });
    const { approve, hooks } = above;
    const a = f.agent('a', {
      subagents: [b],
      ...(approve && { approve: (call) => approve(call.agent) }),
      ...(hooks && { hooks }),
    });
    const { result } = await watch(f.time, a.stream('Go.'));
    return { result, results: resultsIn(f.emulator.requests[2]) };
  };

  it('a hook above denies its calls', async () => {
    const { results } = await tree({
      hooks: { beforeTool: ({ agent, tool }) => (agent === 'b' ? { deny: `no ${tool} here` } : undefined) },
    });
    expect(results).toEqual(['This call was denied: no work here']);
  });

  it('a hook above that says nothing leaves the decision to its own; what is no verdict runs nothing', async () => {
    const silent = { beforeTool: () => false as never };
    const own = { beforeTool: () => ({ deny: 'no' }) };
    expect((await tree({ hooks: silent }, undefined, own)).results).toEqual(['This call was denied: no']);
    const odd = {
      beforeTool: ({ agent }: { agent: string }) => (agent === 'b' ? { allow: true } : undefined) as never,
    };
    expect((await tree({ hooks: odd })).results).toEqual([
      expect.stringContaining('the beforeTool hook failed'),
    ]);
  });

  it('the approval above decides where it has none of its own, and has to agree where it has', async () => {
    expect((await tree({ approve: (agent) => agent === 'b' })).results).toEqual(['worked']);
    expect((await tree({ approve: () => false })).results).toEqual(['This call was denied.']);
    expect((await tree({ approve: () => true }, true)).results).toEqual(['worked']);
    expect((await tree({ approve: () => true }, false)).results).toEqual(['This call was denied.']);
    expect((await tree({ approve: () => false }, true)).results).toEqual(['This call was denied.']);
  });
});
