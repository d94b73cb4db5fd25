import { apiError, fault, reply, text, toolUse } from '@pawl/emulator';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { fromUsd, toUsd } from '../../src/money/amount.ts';
import { defineTool, type Step } from '../../src/index.ts';
import { costOf } from '../../src/money/ledger.ts';
import { play, stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

const tool = (name: string) =>
  defineTool({ name, description: 'Looks.', effect: 'read', input: { type: 'object' }, run: () => name });

describe('the bill of a run', () => {
  it('is the bill of the server, by step, model, agent and tool', async () => {
    const { agent, emulator } = stage({
      name: 'scout',
      tools: [tool('left'), tool('right')],
      steps: [
        reply([toolUse('left'), toolUse('left'), toolUse('right')]),
        reply([toolUse('right')]),
        reply('Done.'),
      ],
    });
    const { result } = await play(agent);
    const { cost, steps } = result ?? {};
    expect(cost?.usd).toBeGreaterThan(0);
    expect(cost?.usd).toBe(emulator.bill.usd);
    expect(cost?.lostUsd).toBe(0);
    expect(sum(steps ?? [])).toBe(cost?.usd);
    expect(cost?.byModel['claude-sonnet-5-5']?.usd).toBe(cost?.usd);
    expect(cost?.byAgent['scout']?.usd).toBe(cost?.usd);
    expect(steps?.map(({ reads }) => reads)).toEqual([[], ['left', 'left', 'right'], ['right']]);
    // Two thirds of the second step were read for left.
    const [, second = 0, third = 0] = steps?.map(({ usd }) => usd ?? 0) ?? [];
    const { left, right } = cost?.byTool ?? {};
    expect(added(left?.usd, right?.usd)).toBe(added(second, third));
    expect(left?.usd).toBeCloseTo((second * 2) / 3, 12);
  });

  it('counts a lost reply as an estimate, apart from the exact sum', async () => {
    const time = virtualTime();
    const { agent, emulator } = stage({
      time,
      steps: [
        reply(text('Cut off here, after some words.'), { fault: fault.earlyEnd({ afterEvents: 5 }) }),
        reply('Whole.'),
      ],
    });
    const { result } = await time.pass(play(agent));
    const { cost, steps } = result ?? {};
    expect(steps?.map(({ lost, usd }) => [lost, usd])).toEqual([
      [true, 0],
      [false, cost?.usd],
    ]);
    expect(cost?.lostUsd).toBe(steps?.[0]?.lostUsd);
    expect(cost?.usd).toBeLessThan(emulator.bill.usd ?? 0);
    expect((cost?.usd ?? 0) + (cost?.lostUsd ?? 0)).toBeCloseTo(emulator.bill.usd ?? 0, 4);
  });

  it('takes the worst case where nothing came back at all, and nothing where the API answered with an error', async () => {
    const time = virtualTime();
    const lost = stage({ time, steps: [reply('x', { fault: fault.connectionReset() })], maxRetries: 0 });
    const { error, events } = await time.pass(play(lost.agent));
    const loss = events.find((event) => event.type === 'reply-lost');
    const bytes = lost.emulator.requests[0]?.bodyText.length ?? 0;
    expect(loss?.worst).toEqual({ input_tokens: bytes, output_tokens: 32_000 });
    // The dearest that the input can have been is a cache write for an hour.
    expect(error?.cost?.lostUsd).toBe(toUsd(BigInt(bytes) * 4n * 10n ** 12n + fromUsd(0.32)));
    expect(error?.cost?.usd).toBe(0);
    // There are no tokens to count: it is no step.
    expect(error?.steps).toEqual([]);

    const refused = stage({ steps: [apiError(400, { message: 'no' })] });
    const failed = await play(refused.agent);
    expect(failed.error?.code).toBe('invalid-request');
    expect(failed.error?.cost).toMatchObject({ usd: 0, lostUsd: 0 });
  });

  it('bills passes of other models at their own rates', async () => {
    const { agent } = stage({
      model: 'claude-opus-5-5',
      steps: [
        reply('Advised.', {
          usage: {
            input_tokens: 100,
            output_tokens: 10,
            server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
            iterations: [
              { type: 'message', model: null, ...pass(40, 4) },
              { type: 'advisor_message', model: 'claude-fable-5-2', ...pass(200, 20) },
              { type: 'message', model: null, ...pass(60, 6) },
              { type: 'compaction', ...pass(1000, 50) },
            ],
          },
        }),
      ],
    });
    const { result } = await play(agent);
    const step = result?.steps[0];
    // Opus: 1100 x 4 + 60 x 20 and a search; Fable: 200 x 8 + 20 x 40 USD per million.
    expect(result?.cost.usd).toBe(0.018);
    expect(step?.usage).toMatchObject({ input_tokens: 1300, output_tokens: 80 });
    expect(step?.byModel).toEqual(result?.cost.byModel);
    expect(result?.cost.byModel).toMatchObject({
      'claude-opus-5-5': {
        usd: 0.0156,
        usage: { input_tokens: 1100, server_tool_use: { web_search_requests: 1 } },
      },
      'claude-fable-5-2': { usd: 0.0024, usage: { input_tokens: 200, output_tokens: 20 } },
    });
  });

  it('has null for a model without a known price, and counts its tokens', async () => {
    const { agent } = stage({
      steps: [reply('x', { model: 'claude-next', usage: { input_tokens: 5, output_tokens: 6 } })],
    });
    const { cost } = (await play(agent)).result ?? {};
    expect(cost).toMatchObject({ usd: null, unpriced: ['claude-next'] });
    expect(cost?.byModel['claude-next']).toMatchObject({
      usd: null,
      usage: { input_tokens: 5, output_tokens: 6 },
    });
  });
});

function pass(input_tokens: number, output_tokens: number) {
  return {
    input_tokens,
    output_tokens,
    cache_creation: null,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
}

const counts = fc.nat({ max: 2_000_000 });
const usages = fc.record({
  input_tokens: counts,
  output_tokens: counts,
  cache_creation_input_tokens: counts,
  cache_read_input_tokens: counts,
  cache_creation: fc.record({ ephemeral_5m_input_tokens: counts, ephemeral_1h_input_tokens: counts }),
  output_tokens_details: fc.record({ thinking_tokens: counts }),
  server_tool_use: fc.record({ web_search_requests: counts, web_fetch_requests: counts }),
});
const names = fc.constantFrom('a', 'b', 'c');
/** Up to 100 USD, to the picodollar. */
const prices = fc.bigInt({ min: 0n, max: 100n * 10n ** 12n }).map((pico) => toUsd(pico * 1_000_000n));
const ledgers = fc.array(
  fc.record({
    runId: names,
    turn: fc.nat(),
    agent: names,
    model: names,
    tools: fc.array(names),
    reads: fc.array(names),
    usage: usages,
    usd: fc.option(prices, { freq: 20 }),
    savedUsd: fc.constant(0),
    lost: fc.constant(false),
    startedAt: fc.nat(),
    durationMs: fc.nat(),
  }),
  { maxLength: 12 },
);

describe('whatever the steps', () => {
  test('they add up to the total, which is also the sum by model and by agent, to the last digit', () => {
    fc.assert(
      fc.property(ledgers, (steps) => {
        const cost = costOf(steps, 0);
        const parts = [cost.byModel, cost.byAgent].map((by) => Object.values(by));
        if (cost.usd === null) {
          expect(cost.unpriced.length).toBeGreaterThan(0);
          return;
        }
        for (const part of [steps, ...parts]) expect(sum(part)).toBe(cost.usd);
        const read = steps.filter(({ reads }) => reads.length > 0);
        expect(sum(Object.values(cost.byTool))).toBe(sum(read));
        expect(tokens(Object.values(cost.byTool))).toBe(tokens(read));
      }),
    );
  });

  test('their order does not matter, and two ledgers are the sum of both', () => {
    fc.assert(
      fc.property(ledgers, ledgers, (one, other) => {
        const both = costOf([...one, ...other], 0);
        expect(costOf([...other, ...one].toReversed(), 0)).toEqual({
          ...both,
          unpriced: expect.arrayContaining([...both.unpriced]) as unknown,
        });
        const [left, right] = [costOf(one, 0), costOf(other, 0)];
        expect(left.usd === null || right.usd === null ? null : added(left.usd, right.usd)).toBe(both.usd);
        for (const agent of Object.keys(both.byAgent)) {
          const [a, b] = [left, right].map(({ byAgent }) => (byAgent[agent] ? byAgent[agent].usd : 0));
          expect(a === null || b === null ? null : added(a, b)).toBe(both.byAgent[agent]?.usd);
        }
      }),
    );
  });
});

function sum(parts: readonly Pick<Step, 'usd'>[]): number {
  return toUsd(parts.reduce((total, { usd }) => total + fromUsd(usd ?? 0), 0n));
}

function added(one: number | null | undefined, other: number | null | undefined): number {
  return sum([{ usd: one ?? 0 }, { usd: other ?? 0 }]);
}

function tokens(parts: readonly Pick<Step, 'usage'>[]): number {
  return parts.reduce(
    (total, { usage }) => total + usage.input_tokens + usage.server_tool_use.web_search_requests,
    0,
  );
}
