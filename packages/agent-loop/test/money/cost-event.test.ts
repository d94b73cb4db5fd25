import { fault, reply, text, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { type AgentEvent, defineTool } from '../../src/index.ts';
import { play, stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});

const costs = (events: readonly AgentEvent[]) => events.filter((event) => event.type === 'cost');

test('a cost event comes right after every reply, and adds up to the cost of the run', async () => {
  const time = virtualTime();
  const { agent } = stage({
    time,
    tools: [look],
    steps: [
      reply([toolUse('look')], {
        usage: {
          input_tokens: 10,
          output_tokens: 20,
          cache_creation_input_tokens: 300,
          cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
        },
      }),
      reply(text('Lost'), { fault: fault.earlyEnd({ afterEvents: 4 }) }),
      reply('Done.', { usage: { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 300 } }),
    ],
  });
  const { events, result } = await time.pass(play(agent));
  const order = events.flatMap(({ type }) =>
    /^(reply|reply-lost|cost|tool-start)$/.test(type) ? [type] : [],
  );
  expect(order).toEqual(['reply', 'cost', 'tool-start', 'reply-lost', 'reply', 'cost']);
  const [first, , second] = result?.steps ?? [];
  // 10 x 2 + 20 x 10 + 100 x 2.50 + 200 x 4; then 5 x 2 + 6 x 10 + 300 x 0.10 USD per million.
  expect(costs(events)).toEqual([
    expect.objectContaining({
      turn: 1,
      model: 'claude-sonnet-5-5',
      usd: 0.00127,
      totalUsd: 0.00127,
      usage: first?.usage,
      cache: { written: 300, read: 0, savedUsd: -0.00045, miss: 'first-request' },
    }),
    expect.objectContaining({
      turn: 2,
      usd: 0.0001,
      totalUsd: 0.00137,
      usage: second?.usage,
      cache: { written: 0, read: 300, savedUsd: 0.00057, miss: null },
    }),
  ]);
  expect(result?.cost.usd).toBe(0.00137);
});

test('money is null where a price is not known', async () => {
  const { agent } = stage({ steps: [reply('Done.', { model: 'claude-next' })] });
  const { events } = await play(agent);
  expect(costs(events)).toEqual([
    expect.objectContaining({ model: 'claude-next', usd: null, totalUsd: null }),
  ]);
});
