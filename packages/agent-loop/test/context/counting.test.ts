import { apiError, createEmulator, fault, reply, script, type Step, toolUse } from '@pawl/emulator';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import {
  type AgentEvent,
  type AgentOptions,
  createAgent,
  createBudget,
  defineTool,
  RunError,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { clientOf, play, stage, type Stage, story } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';
import { world } from '../session/world.ts';

/** The emulator counts a third of a token for a character, of older models a quarter. */
const long = (tokens: number): string => 'abc '.repeat(Math.ceil((tokens * 4) / 1.3 / 4));
const asked = ({ emulator }: Pick<Stage, 'emulator'>): string[] =>
  emulator.requests.map(({ path }) => (path.includes('count_tokens') ? 'count' : 'message'));
const finds = (text: string) =>
  defineTool({
    name: 'look',
    description: 'Looks.',
    effect: 'read',
    input: { type: 'object' },
    run: () => text,
    maxResultBytes: 1e7,
  });
const lines = (events: readonly AgentEvent[]): string[] => story(events);

test('a prompt that does not fit the context window ends the run as context-full, and nothing is sent but the count', async () => {
  const set = stage({ model: 'claude-haiku-4-5', steps: [] });
  const { events, result } = await play(set.agent, long(280_000));
  expect(asked(set)).toEqual(['count']);
  expect(lines(events)).toEqual(['run-start', 'input of the user', 'run-end: context-full']);
  expect(result).toMatchObject({ outcome: 'context-full', turns: 0, cost: { usd: 0 } });
  expect(result?.reason).toMatch(
    /^the prompt has 2\d{5} tokens, and the context window of claude-haiku-4-5 200000: it was not sent$/,
  );
  expect(set.emulator.bill.usd).toBe(0);
});

test('in a session it takes back the input that would have every later request refused', async () => {
  const w = world({ store: memoryStore(), model: 'claude-haiku-4-5', steps: [reply('Yes.')] });
  const session = await w.open();
  const first = await session.run(long(280_000));
  expect(first.outcome).toBe('context-full');
  expect(session.messages).toEqual([]);
  expect((await session.run('And now?')).text).toBe('Yes.');
  await session.close();
});

test('what a tool found can make it too long: the calls have their results, and the transcript stays valid', async () => {
  const set = stage({
    model: 'claude-haiku-4-5',
    tools: [finds(long(280_000))],
    steps: [reply(toolUse('look', {}, { id: 'toolu_1' }))],
  });
  const { result } = await play(set.agent);
  expect(result).toMatchObject({ outcome: 'context-full', turns: 1 });
  expect(result?.messages.at(-1)?.content).toMatchObject([{ type: 'tool_result', tool_use_id: 'toolu_1' }]);
  expect(asked(set)).toEqual(['message', 'count']);
});

test.each<[what: string, model: string, tokens: number, sent: readonly string[]]>([
  ['an ordinary one is not counted', 'claude-sonnet-5-5', 100_000, ['message']],
  ['nor a large one that fits for sure', 'claude-sonnet-5-5', 200_000, ['message']],
  ['one that may nearly fill the window is', 'claude-sonnet-5-5', 300_000, ['count', 'message']],
  ['and one that may be in the dearer band', 'claude-haiku-5-5', 40_000, ['count', 'message']],
])('%s', async (_, model, tokens, sent) => {
  const set = stage({ model, steps: [reply('Yes.')] });
  const { events } = await play(set.agent, long(tokens));
  expect(asked(set)).toEqual(sent);
  expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
});

test('a count says for sure what is warned of before the request is sent', async () => {
  const set = stage({ model: 'claude-haiku-5-5', steps: [reply('Yes.')] });
  const { events } = await play(set.agent, long(101_000));
  expect(lines(events).slice(0, 4)).toEqual([
    'run-start',
    'input of the user',
    'warning: dear-band',
    'request 1.1',
  ]);
  const told = events.find((event) => event.type === 'warning');
  expect(told?.promptTokens).toBe(set.emulator.bill.inputTokens + set.emulator.bill.cacheWrite5mTokens);
});

test('it is counted once for a budget as well, and once where it is tried again', async () => {
  const time = virtualTime();
  const set = stage({
    time,
    model: 'claude-haiku-5-5',
    limits: { usd: 0.1, turnRetries: 1 },
    steps: [reply('So', { fault: fault.cut({ afterEvents: 3 }) }), reply('Yes.')],
  });
  await time.pass(play(set.agent, long(60_000)));
  expect(asked(set).filter((each) => each === 'count')).toHaveLength(1);
});

test.each<[string, AgentOptions['context'], readonly string[]]>([
  ['switched off', { countFrom: false }, ['message']],
  ['asked for from more on', { countFrom: 500_000 }, ['message']],
  ['asked for from less on', { countFrom: 50_000 }, ['count', 'message']],
])('countFrom: %s', async (_, context, sent) => {
  const set = stage({ model: 'claude-haiku-5-5', ...(context && { context }), steps: [reply('Yes.')] });
  await play(set.agent, long(60_000));
  expect(asked(set)).toEqual(sent);
});

test('a server that does not count is asked once, it is logged once, and requests go out as they are', async () => {
  const emulator = createEmulator({ respond: script([reply('One.'), reply('Two.')] satisfies Step[]) });
  let counts = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (!String(input instanceof Request ? input.url : input).includes('count_tokens'))
      return emulator.fetch(input, init);
    counts += 1;
    return new Response('not found', { status: 404 });
  };
  const logged: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
  const agent = createAgent({ model: 'claude-haiku-5-5', client: clientOf(fetch), logger });
  for (const expected of ['One.', 'Two.']) {
    const { result } = await play(agent, long(60_000));
    expect(result?.text).toBe(expected);
  }
  expect(counts).toBe(1);
  expect(logged).toEqual(['the server does not count prompts: they are taken for as long as they can be']);
});

describe('a prompt that the API refuses as too long ends the run as context-full too', () => {
  const model = 'claude-haiku-4-5';
  const context = { countFrom: false } as const;

  test('nothing is paid, and the reason has the two sizes', async () => {
    const set = stage({ model, context, steps: [] });
    const { events, result } = await play(set.agent, long(280_000));
    expect(asked(set)).toEqual(['message']);
    expect(lines(events)).toEqual([
      'run-start',
      'input of the user',
      'warning: window',
      'request 1.1',
      'reply-lost: invalid-request',
      'run-end: context-full',
    ]);
    expect(result).toMatchObject({ outcome: 'context-full', messages: [], cost: { usd: 0, lostUsd: 0 } });
    expect(result?.reason).toMatch(
      /^the API refused it: prompt is too long: 2\d{5} tokens > 200000 maximum$/,
    );
  });

  test('in a session it takes back the input, and the recording plays again', async () => {
    const w = world({ store: memoryStore(), model, context, steps: [reply('Yes.')] });
    const session = await w.open();
    expect((await session.run(long(280_000))).outcome).toBe('context-full');
    expect(session.messages).toEqual([]);
    expect((await session.run('And now?')).text).toBe('Yes.');
    await session.close();
    const results = await replaySession(await w.entries(), w.agent());
    expect(results.map(({ outcome }) => outcome)).toEqual(['context-full', 'completed']);
  });

  test('another refusal is an error as ever', async () => {
    const set = stage({ steps: [apiError(400, { message: 'messages: roles must alternate' })] });
    expect((await play(set.agent)).error?.code).toBe('invalid-request');
  });
});

describe('an answer that is no count is taken for none', () => {
  const json = { 'content-type': 'application/json' };
  const answers: readonly [what: string, body: string | null, init: ResponseInit][] = [
    ['an empty object', '{}', { headers: json }],
    ['a page', '<html></html>', { headers: { 'content-type': 'text/html' } }],
    ['a stream', 'event: ping\ndata: {}\n\n', { headers: { 'content-type': 'text/event-stream' } }],
    ['nothing', null, { status: 204 }],
    ['null', 'null', { headers: json }],
    ['a text', '{"input_tokens":"12"}', { headers: json }],
    ['less than nothing', '{"input_tokens":-1}', { headers: json }],
    ['a part of a token', '{"input_tokens":1.5}', { headers: json }],
  ];
  /** The emulator behind a server that answers every count so. */
  const behind = (body: string | null, init: ResponseInit, ...steps: readonly Step[]) => {
    const emulator = createEmulator({ respond: script(steps) });
    const client = clientOf(async (input, more) =>
      String(input instanceof Request ? input.url : input).includes('count_tokens')
        ? new Response(body, init)
        : emulator.fetch(input, more),
    );
    return { emulator, client };
  };

  test.each(answers)('%s: a budget goes by the bound alone', async (_, body, init) => {
    const { client } = behind(body, init, reply('Yes.'));
    const model = 'claude-sonnet-5-5';
    const usd = createAgent({ model, client, limits: { usd: 0.001 } });
    const { result, error } = await play(usd, long(400));
    expect(error).toBe(undefined);
    expect(result?.outcome).toBe('budget-limit');
    const tokens = createAgent({ model, client, budget: createBudget({ tokens: 500 }) });
    expect((await play(tokens, long(400))).result?.reason).toMatch(
      / \d{4,} tokens at worst for the shortest, 500 left$/,
    );
  });

  test('a large prompt is sent uncounted', async () => {
    const { client } = behind('{}', { headers: json }, reply('Yes.'));
    const { result } = await play(createAgent({ model: 'claude-haiku-5-5', client }), long(60_000));
    expect(result?.text).toBe('Yes.');
  });

  test.each(answers)('%s: preview says so', async (_, body, init) => {
    const { client } = behind(body, init);
    const error = await createAgent({ model: 'claude-haiku-5-5', client })
      .preview('Go.')
      .catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && error.code).toBe('bad-reply');
    expect(error).toMatchObject({ message: expect.stringContaining('count_tokens') as string });
  });
});

test('an image is no text: what it takes in bytes is not taken for tokens', async () => {
  const set = stage({ model: 'claude-sonnet-5-5', steps: [reply('A dot.')] });
  const data = Buffer.alloc(1_200_000, 7).toString('base64');
  await play(set.agent, [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
    { type: 'text', text: 'What is it?' },
  ]);
  expect(asked(set)).toEqual(['message']);
});
