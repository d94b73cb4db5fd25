import { reply, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { createGovernor } from '../../src/index.ts';
import { family, watch } from '../subagents/family.ts';

test('at concurrency 1 a parent and its subagents take turns: who waits for a child holds no place', async () => {
  const set = family({
    lead: (turn) =>
      turn === 0
        ? reply([toolUse('one', { task: 'a' }), toolUse('two', { task: 'b' })], { delayMs: 1000 })
        : reply('Both.', { delayMs: 1000 }),
    one: () => reply('One.', { delayMs: 1000 }),
    two: () => reply('Two.', { delayMs: 1000 }),
  });
  const governor = createGovernor({ concurrency: 1 });
  const children = ['one', 'two'].map((name) => set.agent(name, { description: `Does ${name}.` }));
  const lead = set.agent('lead', { subagents: children, governor });
  const { events, result } = await watch(set.time, lead.stream('Go.'));
  expect(result).toMatchObject({ outcome: 'completed', text: 'Both.' });
  // The children, which have no governor of their own, pass their parent's: one request after the other.
  const [first = { at: 0 }] = set.emulator.requests;
  expect(set.emulator.requests.map(({ at }) => at - first.at)).toEqual([0, 1000, 2000, 3000]);
  const waits = events.filter((event) => event.type === 'wait');
  expect(waits).toMatchObject([
    {
      agent: 'two',
      reason: 'concurrency',
      parentRunId: result?.runId,
      delayMs: expect.any(Number) as number,
    },
  ]);
  expect(governor).toMatchObject({ inFlight: 0, waiting: 0 });
});
