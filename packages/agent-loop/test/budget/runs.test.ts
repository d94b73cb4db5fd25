import { setTimeout as delay } from 'node:timers/promises';
import { apiError, fault, reply, type StepFunction, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, createAgent, createBudget, defineTool } from '../../src/index.ts';
import { type BudgetStore, memoryStore } from '../../src/store.ts';
import {
  endOf,
  entriesOf,
  play,
  type Played,
  type Stage,
  type StageOptions,
  stage,
  story,
} from '../loop/stage.ts';
import { processTime } from '../loop/time.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen',
});

/** A model that always writes as much as it may: it calls a tool while it may, and closes when asked to. */
const greedy: StepFunction = ({ body }) => {
  const usage = { output_tokens: body.max_tokens };
  return body.tool_choice?.type === 'none'
    ? reply('What I have.', { usage })
    : reply(toolUse('look', {}), { usage });
};

const setUp = (respond: StepFunction, { world, ...options }: StageOptions = {}): Stage =>
  stage({ tools: [look], maxTokens: 4000, world: { respond, ...world }, ...options });

/** The longest reply that each request allowed. */
const allowed = (set: Stage): (number | undefined)[] => sent(set).map(({ body }) => body?.max_tokens);

/** Requests for a reply, without those that only count. */
const sent = ({ emulator }: Stage) => emulator.requests.filter(({ path }) => path === '/v1/messages');

/** Inputs, requests, replies and the end. */
const outline = ({ events }: Played): string[] =>
  story(events).filter((line) => /^(input of the|request|reply|run-end)/.test(line));

/** What the emulator bills: its own reckoning, with which ours has nothing in common. */
function billed({ emulator }: Stage): number {
  expect(emulator.refusals).toEqual([]);
  return emulator.bill.usd ?? Number.NaN;
}

describe('limits.usd', () => {
  test('cuts replies down while that makes sense, then ends the run as budget-limit', async () => {
    const set = setUp(greedy, { limits: { usd: 0.1 } });
    const played = await play(set.agent);
    expect(outline(played)).toEqual([
      'input of the user',
      'request 1.1',
      'reply: tool_use',
      'request 2.1',
      'reply: tool_use',
      'request 3.1',
      'reply: tool_use',
      'run-end: budget-limit',
    ]);
    const [first, second, third = 0] = allowed(set);
    expect([first, second]).toEqual([4000, 4000]);
    expect(third).toBeLessThan(4000);
    expect(third).toBeGreaterThanOrEqual(1024);
    expect(billed(set)).toBeLessThanOrEqual(0.1);
    expect(billed(set)).toBeGreaterThan(0.09);
    expect(played.result?.cost.usd).toBe(billed(set));
    expect(played.result?.reason).toMatch(
      /^limits\.usd \(0\.1\) has no room for another request: 0\.0\d\d\d USD at worst for the shortest, 0\.00\d\d USD left$/,
    );
  });

  test.each<[what: string, options: StageOptions]>([
    ['of money', { budget: createBudget({ usd: 0.001 }) }],
    ['of money, a part of it for the end', { budget: createBudget({ usd: 0.001, reserve: 0.0005 }) }],
    ['of tokens', { budget: createBudget({ tokens: 300 }) }],
    ['where replies are short anyway', { maxTokens: 100, limits: { usd: 0.001 } }],
    [
      'where a part of a reply is thinking',
      {
        budget: createBudget({ usd: 0.001 }),
        model: 'claude-sonnet-4-6',
        thinking: { type: 'enabled', budget_tokens: 2000 },
      },
    ],
  ])('the reason names the least that would have been enough: %s', async (_, options) => {
    const refused = setUp(() => reply('Done.'), options);
    const { reason = '' } = (await play(refused.agent)).result ?? {};
    expect(refused.emulator.requests.filter(({ path }) => path === '/v1/messages')).toEqual([]);
    const [, least = '', unit] =
      /: ([\d.]+) (USD|tokens) at worst for the shortest, /.exec(reason ?? '') ?? [];
    const { budget: _budget, limits: _limits, ...others } = options;
    const enough = Number(least);
    const tooLittle = unit === 'USD' ? Number((enough - 0.0001).toFixed(4)) : enough - 1;
    const run = async (amount: number) => {
      const budget = createBudget(unit === 'USD' ? { usd: amount } : { tokens: amount });
      const set = setUp(() => reply('Done.'), { ...others, budget });
      await play(set.agent);
      return set.emulator.requests.filter(({ path }) => path === '/v1/messages').length;
    };
    expect([await run(tooLittle), await run(enough)]).toEqual([0, 1]);
  });

  test('every request says what was reserved for it, and it never cost more', async () => {
    const set = setUp(greedy, { limits: { usd: 0.1 } });
    const { events, result } = await play(set.agent);
    const reserved = entriesOf(events).flatMap((entry) => (entry.type === 'request' ? [entry.reserved] : []));
    const steps = result?.steps ?? [];
    expect(reserved).toHaveLength(steps.length);
    for (const [index, { usd, usage }] of steps.entries()) {
      expect(usd).toBeLessThanOrEqual(reserved[index]?.usd ?? 0);
      expect(usage.input_tokens + usage.output_tokens).toBeLessThanOrEqual(reserved[index]?.tokens ?? 0);
    }
  });

  test('nothing is sent where not even a short reply fits', async () => {
    const set = setUp(greedy, { limits: { usd: 0.001 } });
    const played = await play(set.agent);
    expect(outline(played)).toEqual(['input of the user', 'run-end: budget-limit']);
    expect(set.emulator.requests).toEqual([]);
    expect(played.messages).toEqual([{ role: 'user', content: 'Go.' }]);
  });

  test('a reply that was cut only because it was cut down ends the run as budget-limit, not as truncated', async () => {
    const long: StepFunction = () => reply('word '.repeat(20_000));
    const set = setUp(long, { limits: { usd: 0.03 }, world: { enforceMaxTokens: true } });
    const { result } = await play(set.agent);
    expect(result).toMatchObject({
      outcome: 'budget-limit',
      reason: 'the reply was cut: the budget had no room for a longer one',
    });
    expect(result?.text).toMatch(/^word word/);
    expect(billed(set)).toBeLessThanOrEqual(0.03);
  });

  test('a long prompt is counted, for free, where a token a byte is too much', async () => {
    const set = setUp(() => reply('Short.'), { limits: { usd: 0.2 }, maxTokens: 1000 });
    // 100,000 bytes: 0.20 USD at a token a byte, but only a third of that in truth.
    const { result } = await play(set.agent, 'word '.repeat(20_000));
    expect(result?.outcome).toBe('completed');
    expect(set.emulator.requests.map(({ path }) => path)).toEqual([
      '/v1/messages/count_tokens',
      '/v1/messages',
    ]);
    expect(billed(set)).toBeLessThanOrEqual(0.2);
  });

  test('an unknown price is refused when the agent is made, unless one is given', () => {
    const options = { model: 'claude-next', limits: { usd: 1 } };
    expect(() => createAgent(options)).toThrow(
      'limits.usd: limits money, but no price is known for the model "claude-next". Give its price with the pricing option, or limit tokens or turns instead.',
    );
    expect(() => createAgent({ model: 'claude-next', budget: createBudget({ usd: 1 }) })).toThrow(
      ConfigError,
    );
    createAgent({ model: 'claude-next', budget: createBudget({ tokens: 1000 }) });
    createAgent({ ...options, pricing: { models: { 'claude-next': { input: 1, output: 5 } } } });
  });

  test.each([0, -1, Number.NaN, Infinity, '1'])('%s is refused', (usd) => {
    expect(() => createAgent({ model: 'claude-sonnet-5-5', limits: { usd: usd as number } })).toThrow(
      /^limits\.usd: must be a/,
    );
  });

  test('what has no bound is refused before it is sent, with what to set', async () => {
    const search = { type: 'web_search_20260318', name: 'web_search' } as const;
    const set = setUp(() => reply('Hello.'), { tools: [search], limits: { usd: 1 } });
    const { error } = await play(set.agent);
    expect(error).toMatchObject({ code: 'config' });
    expect(error?.message).toMatch(
      /web_search_20260318 may search any number of times .* Set max_uses on it\./,
    );
    expect(set.emulator.requests).toEqual([]);
  });
});

describe('the closing answer', () => {
  const budget = () => createBudget({ usd: 0.1, reserve: 0.01 });

  test('is asked for without tools, with what is held back for it', async () => {
    const set = setUp(greedy, { budget: budget() });
    const played = await play(set.agent);
    expect(outline(played).slice(-5)).toEqual([
      'reply: tool_use',
      'input of the budget',
      'request 3.1',
      'reply: end_turn',
      'run-end: budget-limit',
    ]);
    const last = sent(set).at(-1)?.body;
    expect(last?.tool_choice).toEqual({ type: 'none' });
    expect(last?.tools).toEqual(sent(set)[0]?.body?.tools);
    expect(last?.messages.at(-1)?.content).toMatch(
      /^The budget of this run does not allow another step\. Do not call tools\./,
    );
    expect(played.result).toMatchObject({
      text: 'What I have.',
      reason: 'the budget had no room for another step: the model was asked to finish',
    });
    expect(billed(set)).toBeLessThanOrEqual(0.1);
  });

  test('is the last one, whatever it is: its calls are not run', async () => {
    const stubborn: StepFunction = ({ body }) =>
      reply(toolUse('look', {}), { usage: { output_tokens: body.max_tokens } });
    const touch = defineTool({
      name: 'look',
      description: 'Looks.',
      input: { type: 'object' },
      run: () => 'seen',
    });
    const set = setUp(stubborn, { budget: budget(), tools: [touch] });
    const played = await play(set.agent);
    expect(outline(played).slice(-4)).toEqual([
      'input of the budget',
      'request 3.1',
      'reply: tool_use',
      'run-end: budget-limit',
    ]);
    expect(JSON.stringify(played.messages.at(-1))).toContain(
      'This call was not run: the budget of the run is used up.',
    );
    expect(billed(set)).toBeLessThanOrEqual(0.1);
  });

  test('can be the typed output', async () => {
    const output = z.object({ city: z.string() });
    const closing: StepFunction = (request, context) =>
      request.body.tool_choice?.type === 'none' ? reply('{"city":"Oslo"}') : greedy(request, context);
    const set = setUp(closing, { budget: budget(), output: output as never });
    const { result } = await play(set.agent);
    expect(result).toMatchObject({ outcome: 'budget-limit', output: { city: 'Oslo' } });
  });
});

describe('createBudget', () => {
  test.each([
    [{}, 'createBudget: limits nothing. Give usd, tokens, or both.'],
    [{ usd: -1 }, 'createBudget.usd: must be a number above 0, got -1.'],
    [{ usd: 1e-20 }, 'createBudget.usd: must be a finite number of USD of at most 18 decimals, got 1e-20.'],
    [{ tokens: 1.5 }, 'createBudget.tokens: must be a whole number above 0, got 1.5.'],
    [
      { usd: 1, per: 'week' },
      'createBudget.per: must be "run", "day" or "month", got "week". Leave it out for a budget for life.',
    ],
    [{ usd: 1, reserve: 1 }, 'createBudget.reserve: is a part of usd and must be below it, got 1 of 1.'],
    [
      { tokens: 9, reserve: 1 },
      'createBudget.reserve: is a part of usd and must be below it, got 1 of undefined.',
    ],
    [
      { usd: 1, store: {} },
      'createBudget.store: must be a store that keeps budgets, such as fileStore() or sqliteStore() of @pawl/stores.',
    ],
    [
      { usd: 1, per: 'run', store: memoryStore() },
      'createBudget.store: has no use for a budget per run: what a run has spent is in its session. Leave it out.',
    ],
    [
      { usd: 1, id: '../x' },
      'createBudget.id: must be 1 to 128 letters, digits, "_", "-" or ".", with no dot at either end, got "../x".',
    ],
    [
      { usd: 1, limit: 1 },
      'createBudget: there is no option "limit". Known: usd, tokens, per, store, id, reserve.',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => createBudget(options as never)).toThrow(
      new ConfigError(message.split(': ')[0] ?? '', message.slice(message.indexOf(': ') + 2)),
    );
  });

  test('only its own budgets are taken', () => {
    expect(() => createAgent({ model: 'claude-sonnet-5-5', budget: { usd: 1 } as never })).toThrow(
      'budget: expected a budget made by createBudget of this copy of @pawl/agent-loop.',
    );
  });

  test('is shared by agents: together they never pass it, and what is spent is told to the last digit', async () => {
    const budget = createBudget({ usd: 0.15 });
    const set = setUp(greedy, { budget });
    const opus = createAgent({
      model: 'claude-opus-5-5',
      client: set.client,
      tools: [look],
      maxTokens: 2000,
      budget,
    });
    const ends = await Promise.all([play(set.agent), play(opus), play(set.agent), play(opus)]);
    expect(ends.map(endOf)).toEqual(['budget-limit', 'budget-limit', 'budget-limit', 'budget-limit']);
    expect(billed(set)).toBeLessThanOrEqual(0.15);
    expect(await budget.state()).toMatchObject({
      window: 'total',
      usd: billed(set),
      lostUsd: 0,
      reservedUsd: 0,
    });
  });

  test('a request waits for what others have reserved to come back, rather than being refused', async () => {
    // Room for the worst case of one at a time, and for what all of them use.
    const budget = createBudget({ usd: 0.06 });
    const set = setUp(() => reply('Short.'), { budget });
    const ends = await Promise.all(Array.from({ length: 20 }, () => play(set.agent)));
    expect(new Set(ends.map(endOf))).toEqual(new Set(['completed']));
    expect(allowed(set).filter((tokens) => tokens === 4000).length).toBeGreaterThan(15);
    expect(billed(set)).toBeLessThanOrEqual(0.06);
  });

  test('limits tokens, of models without a price too', async () => {
    const budget = createBudget({ tokens: 10_000 });
    const set = setUp(greedy, { budget });
    const { result } = await play(set.agent);
    expect(result?.outcome).toBe('budget-limit');
    const { inputTokens, outputTokens } = set.emulator.bill;
    expect(inputTokens + outputTokens).toBeLessThanOrEqual(10_000);
    expect(await budget.state()).toMatchObject({ tokens: inputTokens + outputTokens, usd: 0 });
  });

  test('per run: each run has all of it', async () => {
    const set = setUp(greedy, { budget: createBudget({ usd: 0.06, per: 'run' }) });
    const runs = [await play(set.agent), await play(set.agent)];
    const costs = runs.map(({ result }) => result?.cost.usd ?? 0);
    expect(costs[0]).toBeGreaterThan(0.04);
    expect(costs[1]).toBeGreaterThan(0.04);
    expect(Math.max(...costs)).toBeLessThanOrEqual(0.06);
  });

  test.each(['day', 'month'] as const)('per %s of UTC, by the clock of the agent', async (per) => {
    let now = Date.UTC(2026, 10, 30, 23, 59, 59, 900);
    const budget = createBudget({ usd: 0.06, per });
    const set = setUp(greedy, { budget, seams: { now: () => now } });
    await play(set.agent);
    const { window, usd } = await budget.state();
    expect([window, usd]).toEqual([per === 'day' ? '2026-11-30' : '2026-11', billed(set)]);
    expect(endOf(await play(set.agent))).toBe('budget-limit');
    const before = billed(set);
    now += 100;
    await play(set.agent);
    expect(billed(set) - before).toBeGreaterThan(0.04);
    expect(await budget.state()).toMatchObject({ window: per === 'day' ? '2026-12-01' : '2026-12' });
    // A clock that is behind does not open the old window again.
    now -= 100;
    const spent = billed(set);
    expect(endOf(await play(set.agent))).toBe('budget-limit');
    expect(billed(set) - spent).toBeLessThan(0.02);
  });
});

test.each([
  ['completed', reply('Done.')],
  ['invalid-request', apiError(400)],
])('a store knows what a run spent when the run is over: %s', async (end, step) => {
  const kept = memoryStore();
  const slow: BudgetStore = {
    async updateBudget(id, change) {
      await delay(20);
      await kept.updateBudget(id, change);
    },
  };
  const set = stage({ steps: [step], budget: createBudget({ usd: 1, store: slow }) });
  expect(endOf(await play(set.agent))).toBe(end);
  const state = await createBudget({ usd: 1, store: kept }).state();
  expect(state).toMatchObject({ usd: billed(set), reservedUsd: 0 });
});

describe('a lost reply', () => {
  test('counts with its worst case: nobody knows what was billed', async () => {
    const budget = createBudget({ usd: 0.2 });
    const steps = [reply('Well', { fault: fault.cut() }), reply('Done.')];
    using time = processTime();
    const set = stage({ time, steps, maxTokens: 4000, budget });
    const { events, result } = await time.pass(play(set.agent));
    expect(result?.outcome).toBe('completed');
    const [lost] = entriesOf(events).flatMap((entry) =>
      entry.type === 'request' ? [entry.reserved?.usd] : [],
    );
    expect(await budget.state()).toMatchObject({ lostUsd: lost, usd: result?.cost.usd, reservedUsd: 0 });
  });

  test('is not sent again by the SDK, which would reserve nothing for it: the turn is tried again', async () => {
    const budget = createBudget({ usd: 0.2 });
    const steps = [reply('Never.', { fault: fault.connectionReset() }), reply('Done.')];
    using time = processTime();
    const set = stage({ time, steps, maxTokens: 4000, budget });
    const played = await time.pass(play(set.agent));
    expect(outline(played)).toEqual([
      'input of the user',
      'request 1.1',
      'reply-lost: connection',
      'request 1.2',
      'reply: end_turn',
      'run-end: completed',
    ]);
    const { usd, lostUsd } = await budget.state();
    expect(lostUsd).toBeGreaterThan(0.04);
    expect(usd).toBe(billed(set));
  });

  test('an error status is not billed and counts nothing', async () => {
    const budget = createBudget({ usd: 0.05 });
    const steps = [apiError(529), apiError(500), reply('Done.')];
    using time = processTime();
    const set = stage({ time, steps, maxTokens: 4000, budget });
    const { result } = await time.pass(play(set.agent));
    expect(result?.outcome).toBe('completed');
    expect(await budget.state()).toMatchObject({ lostUsd: 0, usd: billed(set) });
  });

  test('a request that is refused counts nothing', async () => {
    const budget = createBudget({ usd: 0.05 });
    const set = stage({ steps: [apiError(400)], maxTokens: 4000, budget });
    expect(endOf(await play(set.agent))).toBe('invalid-request');
    expect(await budget.state()).toMatchObject({ lostUsd: 0, usd: 0, reservedUsd: 0 });
  });
});

describe('preview', () => {
  test('tells the most that the request can cost, which is enough of a limit to send it', async () => {
    const set = setUp(greedy);
    const { worstUsd } = await set.agent.preview('Go.');
    expect(worstUsd).toBeGreaterThan(0.04);
    expect(worstUsd).toBeLessThan(0.052);
    const limited = setUp(greedy, { limits: { usd: worstUsd ?? 0 } });
    await play(limited.agent);
    expect(allowed(limited)[0]).toBeGreaterThan(3900);
  });

  test.each([
    ['a short prompt', {}],
    ['a long prompt', { system: 'Be brief. '.repeat(2000) }],
    ['a long prompt, without caching', { system: 'Be brief. '.repeat(2000), cache: 'off' as const }],
  ])('shows the very body that a run begins with: %s', async (_, options) => {
    const set = setUp(() => reply('Done.'), options);
    const { body } = await set.agent.preview('Go.');
    await set.agent.run('Go.');
    expect(body).toEqual(sent(set)[0]?.body);
  });

  test('tells null where no price is known', async () => {
    const set = setUp(greedy, { pricing: { models: {}, replace: true } });
    expect((await set.agent.preview('Go.')).worstUsd).toBe(null);
  });
});
