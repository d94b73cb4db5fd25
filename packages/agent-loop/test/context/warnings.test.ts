import { fault, reply, type ReplySpec, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { type AgentEvent, type AgentOptions, defineTool } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { expectSound, type Played, play, stage, story } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';
import { world } from '../session/world.ts';

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

/** Prompts are as large as replies say they were: the emulator would count others. */
const uncounted = { cache: 'off', context: { countFrom: false } } as const;

async function watched(steps: readonly ReplySpec[], options: Partial<AgentOptions> = {}): Promise<Played> {
  const time = virtualTime();
  const set = stage({ ...uncounted, time, tools: [look], steps: [...steps, reply('Done.')], ...options });
  const played = await time.pass(play(set.agent));
  expectSound(set);
  return played;
}

const warnings = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event] : []));

const turn = (number: number, ...told: string[]) => [
  `request ${number}.1`,
  'input of look: {}',
  'reply: tool_use',
  ...told,
  'tool-start: look',
  'tool-end: look ok',
];
const begins = ['run-start', 'input of the user'];
const ends = (number: number) => [
  `request ${number}.1`,
  'text: Done.',
  'reply: end_turn',
  'run-end: completed',
];

test('warns before a request whose prompt alone will cost more than five times what replies did', async () => {
  // What a tool found makes the third prompt long: some 33,000 tokens of 2 USD a million, after replies of 0.003 USD.
  const finds = defineTool({
    name: 'look',
    description: 'Looks.',
    effect: 'once',
    input: { type: 'object' },
    run: () => (++looks < 3 ? 'seen' : 'x'.repeat(66_000)),
  });
  let looks = 0;
  const { events } = await watched([asks(1000), asks(1000), asks(1000), asks(34_000)], { tools: [finds] });
  expect(story(events)).toEqual([
    ...begins,
    ...turn(1),
    ...turn(2),
    ...turn(3),
    'warning: dear-request',
    ...turn(4),
    ...ends(5),
  ]);
  const [warning, ...others] = warnings(events);
  expect(others).toEqual([]);
  expect(warning).toMatchObject({ turn: 4, medianUsd: 0.003, cachedTokens: 0 });
  expect(warning).not.toHaveProperty('seq');
  const { usd, promptTokens, newTokens } = warning ?? {};
  expect(promptTokens).toBeGreaterThan(30_000);
  expect(usd).toBe(((promptTokens ?? 0) * 2) / 1e6);
  expect(newTokens).toBe((promptTokens ?? 0) - 1000);
  expect(warning?.message).toMatch(
    /^The prompt of turn 4 will cost about 0\.06\d+ USD, whole replies so far 0\.003 USD \(median\): about \d+ tokens, \d+ of them new\.$/,
  );
});

test('says why what was cached can not be read, and knows the earlier runs of a session', async () => {
  const time = virtualTime();
  const cached = (read: number, written: number): ReplySpec =>
    reply('So.', {
      usage: {
        input_tokens: 3,
        output_tokens: 10,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: written,
      },
    });
  const steps = [cached(30_000, 100), cached(30_100, 100), cached(30_200, 100), cached(0, 30_400)];
  const store = memoryStore();
  const options = { store, steps, world: { clock: () => time.seams.now(), cache: false } } as const;
  const w = world({ ...options, seams: time.seams, cache: '1h', context: { countFrom: false } });
  const told: AgentEvent[] = [];
  const ask = async (pauseMs: number): Promise<void> => {
    await time.pass(time.sleep(pauseMs));
    const session = await w.open();
    const stream = session.stream('And?');
    const reading = (async () => {
      for await (const event of stream) told.push(event);
    })();
    await time.pass(Promise.all([reading, stream.result]));
    await session.close();
  };
  for (const pauseMs of [0, 1000, 1000, 3 * 3_600_000]) await ask(pauseMs);
  const [warning, ...others] = warnings(told);
  expect(others).toEqual([]);
  expect(warning).toMatchObject({ cause: 'dear-request', cachedTokens: 0, miss: 'expired' });
  expect(warning?.message).toMatch(/; 30300 that were cached can not be read: expired\.$/);
  expect(told.indexOf(warning as AgentEvent)).toBeLessThan(
    told.findLastIndex(({ type }) => type === 'request'),
  );
});

test('warns after a reply that was dear for what its request did not show, and of each cause once', async () => {
  // 0.003 USD, and then 0.0151; the last request has so long a prompt for sure.
  const { events } = await watched([asks(1000), asks(1000), asks(1000), asks(7050), asks(90_000)]);
  expect(story(events)).toEqual([
    ...begins,
    ...turn(1),
    ...turn(2),
    ...turn(3),
    ...turn(4, 'warning: dear-reply'),
    ...turn(5),
    'warning: dear-request',
    ...ends(6),
  ]);
  expect(warnings(events)[0]).toMatchObject({
    turn: 4,
    usd: 0.0151,
    medianUsd: 0.003,
    message:
      'The reply of turn 4 cost 0.0151 USD, those before it 0.003 USD (median); not read from the cache: not-marked.',
  });
});

test('does not call five times dear, nor anything before there are three replies to compare with', async () => {
  const { events } = await watched([asks(1000), asks(1000), asks(7000), asks(1000)]);
  expect(warnings(events)).toEqual([]);
});

test('warns of a prompt so long that every token has a higher price before it is sent', async () => {
  const { events } = await watched([asks(100_000), asks(100_200), asks(150_000)], {
    model: 'claude-haiku-5-5',
  });
  const told = warnings(events);
  expect(told).toEqual([expect.objectContaining({ cause: 'dear-band', turn: 2 })]);
  expect(told[0]?.promptTokens).toBeGreaterThan(100_000);
  expect(told[0]?.promptTokens).toBeLessThan(100_300);
  expect(story(events).indexOf('warning: dear-band')).toBe(story(events).indexOf('request 2.1') - 1);
});

test.each([
  ['claude-opus-5-5', 1_000_000],
  ['claude-haiku-4-5-20251001', 200_000],
])('warns of a context window that is nearly full: %s', async (model, windowTokens) => {
  const nearly = windowTokens * 0.8;
  const { events } = await watched([asks(nearly - 500), asks(nearly + 1), asks(nearly + 2)], { model });
  expect(warnings(events)).toEqual([
    expect.objectContaining({ cause: 'window', turn: 2, promptTokens: nearly + 1, windowTokens }),
  ]);
  // The reply of the second turn told it: only the server knew.
  expect(story(events)[story(events).indexOf('warning: window') - 1]).toBe('reply: tool_use');
});

test('one request warns once, also where it is tried again', async () => {
  const lost = reply('So', { fault: fault.cut({ afterEvents: 3 }) });
  const { events } = await watched([asks(99_990), lost, asks(120_000), asks(900_000), asks(900_000)], {
    model: 'claude-haiku-5-5',
    limits: { turnRetries: 1 },
  });
  // The third reply is dear and near the end of the window: the end is said, and of the price the next request.
  expect(warnings(events).map(({ cause, turn: at }) => `${at} ${cause}`)).toEqual([
    '2 dear-band',
    '3 window',
    '4 dear-request',
  ]);
  expect(story(events).filter((line) => line.startsWith('request'))).toContain('request 2.2');
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
