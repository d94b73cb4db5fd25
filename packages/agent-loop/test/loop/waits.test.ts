import { reply, script } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, createBudget, createGovernor, defineTool } from '../../src/index.ts';
import { look, SYSTEM } from '../cache/places.ts';
import { calling } from '../support/agent-under-test.ts';
import { play, stage, type StageOptions } from './stage.ts';
import { type VirtualTime, virtualTime } from './time.ts';

/** The waits that were told: when, of what, why, and how long they were to be. */
const waits = (events: readonly AgentEvent[], time: VirtualTime) =>
  events.flatMap((event) =>
    event.type === 'wait'
      ? [
          [event.at - time.seams.now() + time.now(), event.callId ?? '', event.reason, event.delayMs].join(
            ' ',
          ),
        ]
      : [],
  );

/** What as many runs of one agent at the same time, each with one request of 700 ms, tell of their waits. */
async function crowd(count: number, options: StageOptions): Promise<string[][]> {
  const time = virtualTime();
  const world = {
    respond: script(Array.from({ length: count }, () => reply('Done.', { delayMs: 700 }))),
    clock: () => time.seams.now(),
    sleep: time.sleep,
  };
  const { agent } = stage({ time, world, ...options });
  const runs = Array.from({ length: count }, (_, index) => play(agent, `Item ${index}.`));
  const played = await time.pass(Promise.all(runs));
  return played.map(({ events }) => waits(events, time));
}

describe('a wait is told as it begins, with its reason and an estimate, and only where one can not go on', () => {
  test('for a prefix that another request is writing', async () => {
    const told = await crowd(3, { system: SYSTEM, tools: [look] });
    expect(told).toEqual([[], ['0  cache 2000'], ['0  cache 2000']]);
  });

  test('for what others have reserved of a budget, told once however often it is asked for', async () => {
    const told = await crowd(4, { cache: 'off', maxTokens: 1000, budget: createBudget({ tokens: 1800 }) });
    expect(told).toEqual([[], ['0  budget 5000'], ['0  budget 5000'], ['0  budget 5000']]);
  });

  test('for a governor, short ones too', async () => {
    const told = await crowd(3, { cache: 'off', governor: createGovernor({ concurrency: 1 }) });
    expect(told).toEqual([[], ['0  first-answer 5000'], ['0  concurrency 10000']]);
  });

  test('of calls for those before them: as many as may run at once do, or one uses what the other would', async () => {
    const time = virtualTime();
    const work = defineTool({
      name: 'work',
      description: 'Works.',
      input: z.object({ on: z.string() }),
      access: ({ on }) => ({ writes: [on] }),
      run: ({ on }) => time.sleep(on === 'b' ? 200 : 100).then(() => 'done'),
    });
    const calls = calling(
      ['work', { on: 'a' }],
      ['work', { on: 'b' }],
      ['work', { on: 'a' }],
      ['work', { on: 'c' }],
    );
    const limits = { concurrency: 2 };
    const { agent } = stage({ time, limits, tools: [work], steps: [reply(calls), reply('Done.')] });
    const { events } = await time.pass(play(agent));
    expect(waits(events, time)).toEqual([
      '0 call_3 conflict 5000',
      '0 call_4 concurrency 5000',
      '100 call_3 concurrency 3775',
    ]);
  });
});
