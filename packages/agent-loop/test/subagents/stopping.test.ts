import { reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Gate } from '../../src/loop/admission.ts';
import { specOf } from '../../src/agent/agent.ts';
import {
  type AgentEvent,
  type AgentStream,
  defineTool,
  openSession,
  type RunOptions,
} from '../../src/index.ts';
import { memoryJournal } from '../../src/journal/journal.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { startRun } from '../../src/loop/start-run.ts';
import { memoryStore } from '../../src/store.ts';
import { virtualTime } from '../loop/time.ts';
import { entriesIn, family, lines, realTime, watch } from './family.ts';

/** A lead, a worker that has looked once and asks on, and under it one whose tool ignores its signal. */
function deepTree(time = virtualTime()) {
  const delegate = (name: string) => reply([text(`Asking ${name}.`), toolUse(name, { task: 'Go.' })]);
  const f = family(
    {
      lead: (turn) => (turn === 0 ? delegate('worker') : reply('Done.')),
      worker: (turn) =>
        turn === 0
          ? reply([toolUse('slow', { task: 'Go.' }), toolUse('deaf', { task: 'Go.' })])
          : reply('Done.'),
      slow: () => reply('Too late.', { delayMs: 10_000 }),
      deaf: () => reply(toolUse('forever', {})),
    },
    time,
  );
  const forever = defineTool({
    name: 'forever',
    description: 'Heeds nobody.',
    input: z.object({}),
    run: () => new Promise<string>(() => {}),
  });
  const worker = f.agent('worker', { subagents: [f.agent('slow'), f.agent('deaf', { tools: [forever] })] });
  return { ...f, lead: f.agent('lead', { subagents: [worker], limits: { timeMs: 5000 } }), worker };
}

const END = [
  'deaf: forever unknown',
  'slow: ends: stopped',
  'deaf: ends: stopped',
  'lead: ends: stopped',
  'worker: ends: stopped',
];

async function stopped(meet: (stream: AgentStream, abort: AbortController) => void) {
  const tree = deepTree();
  const abort = new AbortController();
  const options: RunOptions = { signal: abort.signal };
  const stream = tree.lead.stream('Go.', options);
  tree.time.after(500, () => meet(stream, abort));
  const watched = await watch(tree.time, stream);
  return { ...tree, ...watched };
}

describe('the end of a run reaches all below it', () => {
  it.each([
    ['stop()', (stream: AgentStream) => stream.stop('enough')],
    ['an aborted signal', (_: AgentStream, abort: AbortController) => abort.abort('enough')],
  ])('%s', async (_, meet) => {
    const { events, result, emulator, time } = await stopped(meet);
    expect(result).toMatchObject({ outcome: 'stopped', reason: 'enough' });
    const kept = lines(events);
    for (const line of END) expect(kept).toContain(line);
    expect(kept.at(-1)).toBe('lead: ends: stopped');
    // Every end is kept below before it is kept above.
    const ends = [
      'deaf: ends: stopped',
      'worker: deaf ended: stopped',
      'worker: ends: stopped',
      'lead: worker ended: stopped',
    ];
    const at = ends.map((line) => kept.indexOf(line));
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(time.now()).toBeLessThan(600);
    expect(emulator.refusals).toEqual([]);
    const results = JSON.stringify(result?.messages.at(-1));
    expect(results).toContain('The subagent \\"worker\\" was stopped: enough.');
  });

  it('a time limit', async () => {
    const { events, result, emulator, time } = await stopped(() => {});
    expect(result).toMatchObject({ outcome: 'time-limit' });
    const kept = lines(events);
    for (const line of END.filter((each) => !each.startsWith('lead'))) expect(kept).toContain(line);
    expect(kept.at(-1)).toBe('lead: ends: time-limit');
    expect(time.now()).toBeLessThan(5100);
    expect(emulator.refusals).toEqual([]);
  });

  it('a budget that is spent: the next request of any of them is refused, and the work so far is told', async () => {
    const f = family({
      lead: (turn) =>
        turn === 0 ? reply([1, 2, 3].map((n) => toolUse('worker', { task: `${n}` }))) : reply('Done.'),
      worker: (turn) => (turn < 3 ? reply([text(`Step ${turn}.`), toolUse('look', {})]) : reply('Done.')),
    });
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      effect: 'read',
      run: () => 'seen',
    });
    let left = 6;
    const permit = { settle() {}, lose() {}, release() {} };
    const gate: Gate = { admit: () => ((left -= 1) < 0 ? { refused: 'the budget is spent' } : permit) };
    const lead = f.agent('lead', { subagents: [f.agent('worker', { tools: [look] })] });
    const events: AgentEvent[] = [];
    const started = startRun({
      spec: specOf(lead),
      journal: memoryJournal(),
      state: new SessionState(),
      sessionId: null,
      input: 'Go.',
      sink: (event) => events.push(event),
      gates: [gate],
    });
    const result = await f.time.pass(started.result);
    expect(result).toMatchObject({ outcome: 'budget-limit', reason: 'the budget is spent' });
    expect(f.emulator.requests).toHaveLength(6);
    expect(result.steps).toHaveLength(6);
    expect(JSON.stringify(result.messages.at(-1))).toContain('reached its budget: the budget is spent');
  });

  it('closing a session leaves all of them to be resumed', async () => {
    const store = memoryStore();
    const f = deepTree(realTime());
    const session = await openSession({ agent: f.lead, store, id: 'top' });
    const stream = session.stream('Go.');
    const reading = (async () => {
      for await (const event of stream) {
        if (event.type === 'tool-start' && event.tool === 'forever') void session.close();
      }
    })();
    await f.time.pass(reading);
    expect(await stream.result).toMatchObject({ outcome: 'stopped' });
    for (const { id } of await store.list()) {
      const entries = await entriesIn(store, id);
      expect(entries.filter(({ type }) => type === 'run-end' || type === 'child-end')).toEqual([]);
    }
    expect(await store.list()).toHaveLength(4);
  });
});
