import { compaction, reply, text, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { defineTool, type Entry } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { conversations, expectSound, play, stage, story } from '../loop/stage.ts';
import { types, world } from '../session/world.ts';

const context = { compactAt: 50_000 };
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});
/** A pass over a prompt, half of which was in the cache. */
const pass = (type: string, tokens: number, output: number) => ({
  type,
  input_tokens: tokens / 2,
  output_tokens: output,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: tokens / 2,
});
const usage = {
  input_tokens: 2000,
  output_tokens: 40,
  cache_read_input_tokens: 2000,
  iterations: [pass('compaction', 60_000, 900), pass('message', 4000, 40)],
};
const compactions = (entries: readonly { readonly type: string }[]): unknown[] =>
  entries.filter(({ type }) => type === 'compaction');

test('a compaction on the way to a reply is recorded with its sizes, kept, sent back as it came, and billed', async () => {
  const set = stage({
    context,
    tools: [look],
    steps: [
      reply([compaction('They want a coat.'), text('I look.'), toolUse('look', {}, { id: 'toolu_1' })], {
        usage: usage as never,
      }),
      reply('Take one.'),
    ],
  });
  const { events, result } = await play(set.agent, 'Coat?');
  expect(story(events)).toEqual([
    'run-start',
    'input of the user',
    'request 1.1',
    'text: I look.',
    'input of look: {}',
    'reply: tool_use',
    'compaction',
    'tool-start: look',
    'tool-end: look ok',
    'request 2.1',
    'text: Take one.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expect(compactions(events)).toEqual([
    expect.objectContaining({ turn: 1, fromTokens: 60_000, toTokens: 4000, summaryTokens: 900 }),
  ]);
  const [, second] = conversations(set.emulator) as { content: object[] }[][];
  expect(second?.[1]?.content[0]).toEqual({ type: 'compaction', content: 'They want a coat.' });
  expect(result?.cost.usd).toBe(set.emulator.bill.usd);
  expectSound(set);
});

test('a summary that could not be made is recorded as failed, and sent back all the same', async () => {
  const set = stage({
    context,
    tools: [look],
    steps: [reply([compaction(null), toolUse('look', {}, { id: 'toolu_1' })]), reply('Take one.')],
  });
  const { events } = await play(set.agent, 'Coat?');
  const [entry] = compactions(events) as object[];
  expect(entry).toMatchObject({ turn: 1, failed: true });
  expect(entry).not.toHaveProperty('fromTokens');
  const [, second] = conversations(set.emulator) as { content: object[] }[][];
  expect(second?.[1]?.content[0]).toEqual({ type: 'compaction', content: null });
  expectSound(set);
});

test('it is recorded once, wherever in between the process ends', async () => {
  const steps = [
    reply([compaction('They want a coat.'), toolUse('look', {}, { id: 'toolu_1' })], {
      usage: usage as never,
    }),
    reply('Take one.'),
  ];
  const options = { context, tools: [look], cache: 'off' } as const;
  const whole = world({ store: memoryStore(), steps, ...options });
  const first = await whole.open();
  await first.run('Coat?');
  await first.close();
  const entries = await whole.entries();
  const at = entries.findIndex(({ type }) => type === 'reply');
  expect(types(entries.slice(at, at + 3))).toEqual(['reply', 'compaction', 'tool-start look 1']);
  for (const kept of [at + 1, at + 2]) {
    const store = memoryStore();
    await keepIn(store, entries.slice(0, kept));
    const after = world({ store, steps: steps.slice(1), ...options });
    const session = await after.open();
    await session.resume();
    await session.close();
    const known = await after.entries();
    expect(compactions(known)).toEqual([
      expect.objectContaining({ turn: 1, fromTokens: 60_000, toTokens: 4000, summaryTokens: 900 }),
    ]);
    expect(types(known).at(-1)).toBe('run-end completed');
  }
});

async function keepIn(store: ReturnType<typeof memoryStore>, entries: readonly Entry[]): Promise<void> {
  const journal = await store.open('review');
  await journal.append(entries, 0);
  await journal.close();
}
