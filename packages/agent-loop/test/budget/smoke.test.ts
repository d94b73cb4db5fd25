import { fault, reply, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { defineTool } from '../../src/index.ts';
import { createBudget } from '../../src/budget.ts';
import { endOf, play, stage, story } from '../loop/stage.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen '.repeat(50),
});

test('limit', async () => {
  const set = stage({
    tools: [look],
    maxTokens: 4000,
    limits: { usd: 0.03 },
    steps: Array.from(
      { length: 30 },
      () => (request) =>
        request.body.tool_choice?.type === 'none'
          ? reply('Closing.')
          : reply([toolUse('look', {})], { usage: { output_tokens: request.body.max_tokens } }),
    ),
  });
  const played = await play(set.agent);
  console.log(
    story(played.events).filter((l) => /request|reply|input of the|run-end/.test(l)),
    played.result?.reason,
    set.emulator.bill.usd,
    played.result?.cost,
  );
  console.log(played.events.filter((e) => e.type === 'request').map((e) => [e.maxTokens, e.reserved]));
});

test('shared', async () => {
  const budget = createBudget({ usd: 0.2, reserve: 0.02 });
  const set = stage({
    tools: [look],
    maxTokens: 4000,
    budget,
    world: {
      respond: (request) =>
        request.body.tool_choice?.type === 'none'
          ? reply('Closing.')
          : reply([toolUse('look', {})], { usage: { output_tokens: request.body.max_tokens } }),
    },
  });
  const all = await Promise.all(Array.from({ length: 50 }, () => play(set.agent)));
  console.log(
    all.map(endOf).join(' '),
    set.emulator.bill.usd,
    await budget.state(),
    set.emulator.requests.length,
  );
});
