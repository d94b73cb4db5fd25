import { reply, type ReplySpec, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { type AgentEvent, type AgentOptions, defineTool } from '../../src/index.ts';
import { expectSound, type Played, play, stage, story } from '../loop/stage.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});
/** A reply that asks for a tool, on a prompt of so many tokens. */
const asks = (input_tokens: number, more: object = {}): ReplySpec =>
  reply([toolUse('look')], { usage: { input_tokens, output_tokens: 100, ...more } });

async function watched(steps: readonly ReplySpec[], options: Partial<AgentOptions> = {}): Promise<Played> {
  const set = stage({ cache: 'off', tools: [look], steps: [...steps, reply('Done.')], ...options });
  const played = await play(set.agent);
  expectSound(set);
  return played;
}

const warnings = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event] : []));

test('warns once of a reply that costs more than five times what those before it did', async () => {
  // 0.003 USD, and then 0.0151 and more.
  const { events } = await watched([asks(1000), asks(1000), asks(1000), asks(7050), asks(90_000)]);
  const turn = (number: number, ...told: string[]) => [
    `request ${number}.1`,
    'input of look: {}',
    'reply: tool_use',
    ...told,
    'tool-start: look',
    'tool-end: look ok',
  ];
  expect(story(events)).toEqual([
    'run-start',
    'input of the user',
    ...turn(1),
    ...turn(2),
    ...turn(3),
    ...turn(4, 'warning: dear-reply'),
    ...turn(5),
    'request 6.1',
    'text: Done.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expect(warnings(events)).toEqual([
    expect.objectContaining({
      turn: 4,
      usd: 0.0151,
      medianUsd: 0.003,
      message:
        'The reply of turn 4 cost 0.0151 USD, those before it 0.003 USD (median); not read from the cache: not-marked.',
    }),
  ]);
  expect(warnings(events)[0]).not.toHaveProperty('seq');
});

test('does not call five times dear, nor anything before there are three replies to compare with', async () => {
  const { events } = await watched([asks(1000), asks(1000), asks(90_000), asks(7000), asks(1000)]);
  expect(warnings(events)).toEqual([]);
});

test('warns of a prompt so long that every token has a higher price', async () => {
  const { events } = await watched([asks(100_000), asks(100_001), asks(150_000)], {
    model: 'claude-haiku-5-5',
  });
  expect(warnings(events)).toEqual([
    expect.objectContaining({ cause: 'dear-band', turn: 2, promptTokens: 100_001 }),
  ]);
});

test.each([
  ['claude-opus-5-5', 1_000_000],
  ['claude-haiku-4-5-20251001', 200_000],
])('warns of a context window that is nearly full: %s', async (model, windowTokens) => {
  const nearly = windowTokens * 0.8;
  const { events } = await watched([asks(nearly), asks(nearly + 1), asks(nearly + 2)], { model });
  expect(warnings(events)).toEqual([
    expect.objectContaining({ cause: 'window', turn: 2, promptTokens: nearly + 1, windowTokens }),
  ]);
});

test('looks at the largest pass of a reply, not at their sum', async () => {
  const pass = (type: string, input_tokens: number) => ({ type, input_tokens, output_tokens: 10 });
  const iterations = [pass('message', 90_000), pass('message', 95_000)];
  const { events } = await watched([asks(185_000, { iterations })], { model: 'claude-haiku-5-5' });
  expect(warnings(events)).toEqual([]);
  const compacted = { iterations: [pass('compaction', 120_000), pass('message', 5000)] };
  const after = await watched([asks(5000, compacted)], { model: 'claude-haiku-5-5' });
  expect(warnings(after.events).map(({ cause }) => cause)).toEqual(['dear-band']);
});
