import { fault, reply, text, toolUse } from '@pawl/emulator';
import { expect, expectTypeOf, test } from 'vitest';
import { costReport, defineTool, type RunError, type RunResult, type Session } from '../../src/index.ts';
import { play, stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});

const written = {
  input_tokens: 10,
  output_tokens: 20,
  cache_creation_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 0 },
};
const read = { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 300 };

test('a report has a row for every model call, with a running total, and a line on the cache', async () => {
  const time = virtualTime();
  const { agent } = stage({
    time,
    name: 'scout',
    tools: [look],
    steps: [
      reply([toolUse('look'), toolUse('look')], { usage: written }),
      reply(text('Lost'), {
        fault: fault.earlyEnd({ afterEvents: 4 }),
        usage: { ...read, output_tokens: 1 },
      }),
      reply('Done.', { usage: read }),
    ],
  });
  const { result } = await time.pass(play(agent));
  if (!result) throw new Error('The run failed.');
  const of = { agent: 'scout', model: 'claude-sonnet-5-5' };
  // 10 x 2 + 20 x 10 + 300 x 2.50; then 5 x 2 + 6 x 10 + 300 x 0.10 USD per million.
  expect(costReport(result)).toEqual({
    rows: [
      {
        ...of,
        step: 1,
        tools: ['look', 'look'],
        input: 310,
        cached: 0,
        output: 20,
        usd: 0.00097,
        totalUsd: 0.00097,
      },
      {
        ...of,
        step: 2,
        tools: [],
        input: 5,
        cached: 300,
        output: 1,
        usd: 0,
        totalUsd: 0.00097,
        // 5 x 2 + 1 x 10 + 300 x 0.10
        lostUsd: 0.00005,
      },
      { ...of, step: 3, tools: [], input: 5, cached: 300, output: 6, usd: 0.0001, totalUsd: 0.00107 },
    ],
    total: { input: 320, cached: 600, output: 27, usd: 0.00107, lostUsd: 0.00005, unpriced: [] },
    // 300 x (2 - 0.10) less 300 x (2.50 - 2); what a lost reply would have saved is not counted.
    cache: { written: 300, read: 600, savedUsd: 0.00042, misses: expect.any(Array) as unknown },
  });
});

test('what comes after a step without a price has no running total', async () => {
  const { agent } = stage({
    tools: [look],
    steps: [reply([toolUse('look')]), reply([toolUse('look')], { model: 'claude-next' }), reply('Done.')],
  });
  const { result } = await play(agent);
  const { rows, total } = costReport(result ?? { steps: [] });
  expect(rows.map(({ totalUsd }) => totalUsd === null)).toEqual([false, true, true]);
  expect(rows[2]?.usd).toBeGreaterThan(0);
  expect(total).toMatchObject({ usd: null, unpriced: ['claude-next'] });
});

test('runs, sessions and failed runs have one', () => {
  expectTypeOf(costReport).toBeCallableWith({} as RunResult);
  expectTypeOf(costReport).toBeCallableWith({} as Session);
  expectTypeOf(costReport).toBeCallableWith({} as RunError);
  expect(costReport({ steps: [] })).toEqual({
    rows: [],
    total: { input: 0, cached: 0, output: 0, usd: 0, lostUsd: null, unpriced: [] },
    cache: { written: 0, read: 0, savedUsd: 0, misses: [] },
  });
});
