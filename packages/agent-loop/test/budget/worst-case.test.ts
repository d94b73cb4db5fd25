import { createEmulator, reply, toolUse } from '@pawl/emulator';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toUsd } from '../../src/money/amount.ts';
import type { RequestParams } from '../../src/api.ts';
import { createAgent, createBudget, defineTool, RunError } from '../../src/index.ts';
import { hiddenCosts } from '../../src/money/hidden-costs.ts';
import { standardPricing } from '../../src/money/pricing.ts';
import { worstAt, worstCase, type WorstCaseFacts } from '../../src/money/worst-case.ts';
import { clientOf } from '../loop/stage.ts';

const AT = Date.UTC(2026, 10, 20);

/** The most, in USD, that a request with these fields and a prompt of 1,000 tokens can cost. */
function worst(
  fields: Partial<RequestParams> & Record<string, unknown> = {},
  facts: Partial<WorstCaseFacts> = {},
): number {
  const params = { model: 'claude-sonnet-5-5', max_tokens: 1000, stream: true, ...fields } as RequestParams;
  const given = { params, promptTokens: 1000, marker: null, at: AT, servedIn: null, ...facts };
  return toUsd(worstAt(worstCase(given, hiddenCosts(params), standardPricing()), params.max_tokens).amount);
}

const tools = (...list: object[]) => ({ tools: list as RequestParams['tools'] & object });

describe('the most that a request can cost', () => {
  // Sonnet 5.5: 2 USD a million tokens of input, 10 of output, cache writes 2.5 and 4.
  test.each([
    ['input and output', {}, {}, 0.002 + 0.01],
    ['written to the cache for five minutes', {}, { marker: '5m' }, 0.0025 + 0.01],
    ['written to the cache for an hour', {}, { marker: '1h' }, 0.004 + 0.01],
    ['a marker on the request', { cache_control: { type: 'ephemeral', ttl: '1h' } }, {}, 0.004 + 0.01],
    ['in the US', { inference_geo: 'us' }, {}, 0.012 * 1.1],
    ['in a region that no reply has told yet', {}, { servedIn: undefined }, 0.012 * 1.1],
    ['in the region that the request asks for', { inference_geo: 'global' }, { servedIn: undefined }, 0.012],
    ['fast', { model: 'claude-opus-5-5', speed: 'fast' }, {}, 0.008 + 0.04],
    ['up to the band of Haiku 5.5', { model: 'claude-haiku-5-5' }, { promptTokens: 100_000 }, 0.01 + 0.0005],
    ['above it', { model: 'claude-haiku-5-5' }, { promptTokens: 100_001 }, 0.0500005 + 0.0025],
    ['a prompt of unknown size is at most the context window', {}, { promptTokens: null }, 2 + 0.01],
    [
      'a price that rises while the reply may stream',
      { model: 'claude-opus-4-8', speed: 'fast' },
      { at: Date.UTC(2026, 10, 30, 23, 30) },
      0.01 + 0.05,
    ],
    [
      'a fallback: both may write all they can',
      { fallbacks: [{ model: 'claude-opus-5-5' }] },
      {},
      0.012 + 0.004 + 0.02,
    ],
    [
      'a compaction before the reply, where the prompt is long enough',
      {
        context_management: {
          edits: [{ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 50_000 } }],
        },
      },
      { promptTokens: 50_000 },
      2 * (0.1 + 0.01),
    ],
    [
      'none where it is not',
      { context_management: { edits: [{ type: 'compact_20260112' }] } },
      { promptTokens: 50_000 },
      0.1 + 0.01,
    ],
    [
      'searches: each costs, and gives the model another pass over up to all of its window',
      tools({ type: 'web_search_20260318', name: 'web_search', max_uses: 2 }),
      {},
      2 * 0.01 + 0.002 + 2 * 2 + 3 * 0.01,
    ],
    [
      'an advisor, at its own rates, for what there is by then',
      tools({
        type: 'advisor_20260301',
        name: 'advisor',
        model: 'claude-opus-5-5',
        max_uses: 1,
        max_tokens: 2048,
      }),
      {},
      // Two passes of its own: the second with what the first wrote. The advisor reads up to that, and its own words.
      0.002 + 0.002 + 0.002 + 2 * 0.01 + (1000 + 2 * 1000 + 2048) * 4e-6 + 2048 * 20e-6,
    ],
  ] as const)('%s', (_name, fields, facts, usd) => {
    expect(worst(fields as never, facts)).toBeCloseTo(usd, 9);
  });

  test.each([
    [tools({ type: 'web_search_20260318', name: 'web_search' }), /Set max_uses on it/],
    [
      tools({ type: 'advisor_20260301', name: 'advisor', model: 'claude-opus-5-5' }),
      /Set max_uses and max_tokens on it/,
    ],
    [
      tools({ type: 'code_execution_20260521', name: 'code_execution' }),
      /billed by the hour .* add one, or take the tool out/,
    ],
    [
      tools({ type: 'telepathy_20270101', name: 'telepathy' }),
      /what the tool type telepathy_20270101 costs is not known/,
    ],
    [{ fallbacks: 'default' }, /List them: fallbacks: \[\{ model: "..." \}\]/],
    [{ model: 'claude-next' }, /no price is known for the model "claude-next"\. Give its price/],
    [
      { model: 'claude-haiku-5-5', speed: 'fast' },
      /no price is known for the model "claude-haiku-5-5" in fast mode/,
    ],
    [{ inference_geo: 'moon' }, /in the region "moon"/],
    [{ fallbacks: [{ model: 'claude-next' }] }, /no price is known for the model "claude-next"/],
  ] as const)('%j has no bound, and is refused with what to do', (fields, message) => {
    expect(() => worst(fields as never)).toThrow(RunError);
    expect(() => worst(fields as never)).toThrow(message);
  });

  test('code execution is free beside web search', () => {
    const both = tools(
      { type: 'code_execution_20260521', name: 'code_execution' },
      { type: 'web_search_20260318', name: 'web_search', max_uses: 1 },
    );
    expect(worst(both)).toBeGreaterThan(20);
  });
});

/** A picture of 8 by 8 white pixels. */
const PIXELS =
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4//8/AwwwMTAwAAAb6gYBsg8RUAAAAABJRU5ErkJggg==';

describe('what is reserved', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 60, unit: 'grapheme' }),
    fc.constantFrom(
      'word '.repeat(300),
      '天気'.repeat(200),
      '🧥'.repeat(100),
      'a',
      '\n'.repeat(300),
      '"\\'.repeat(300),
    ),
  );
  const part = fc.oneof(
    { weight: 4, arbitrary: text.map((value) => ({ type: 'text' as const, text: `.${value}` })) },
    {
      weight: 1,
      arbitrary: fc.constant({
        type: 'image' as const,
        source: { type: 'base64' as const, media_type: 'image/png' as const, data: PIXELS },
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        {
          type: 'document' as const,
          source: { type: 'text' as const, media_type: 'text/plain' as const, data: 'Once.' },
        },
        { type: 'document' as const, source: { type: 'url' as const, url: 'https://example.com/a.pdf' } },
      ),
    },
  );
  const world = fc.record({
    model: fc.constantFrom('claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-haiku-4-5', 'claude-opus-5-5'),
    system: text,
    input: fc.array(part, { minLength: 1, maxLength: 4 }),
    results: fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
    cache: fc.constantFrom('auto' as const, '1h' as const, 'off' as const),
    output: fc.constantFrom('modest', 'all'),
    withTool: fc.boolean(),
  });

  test('covers what the server then bills, whatever the request', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ model, system, input, results, cache, output, withTool }) => {
        let turn = 0;
        const emulator = createEmulator({
          respond({ body }) {
            const usage = output === 'all' ? { output_tokens: body.max_tokens } : {};
            turn += 1;
            if (turn > results.length || !withTool) return reply('Done.', { usage });
            return reply([toolUse('look', { why: 'to see'.repeat(turn) })], { usage });
          },
        });
        const look = defineTool({
          name: 'look',
          description: 'Looks.',
          input: { type: 'object' },
          run: () => (results[turn - 1] ?? []) as never,
        });
        const agent = createAgent({
          model,
          ...(system.trim() !== '' && { system }),
          client: clientOf(emulator.fetch, { maxRetries: 0 }),
          tools: withTool ? [look] : [],
          maxTokens: 2000,
          budget: createBudget({ usd: 1000 }),
          cache,
        });
        const reserved: { usd: number | null; tokens: number }[] = [];
        const stream = agent.stream(input);
        for await (const event of stream) {
          if (event.type === 'request' && event.reserved) reserved.push(event.reserved);
        }
        const { steps } = await stream.result;
        expect(emulator.refusals).toEqual([]);
        expect(steps).toHaveLength(reserved.length);
        for (const [index, { usd, usage }] of steps.entries()) {
          const used =
            usage.input_tokens +
            usage.cache_creation_input_tokens +
            usage.cache_read_input_tokens +
            usage.output_tokens;
          expect(used).toBeLessThanOrEqual(reserved[index]?.tokens ?? 0);
          expect(usd ?? Number.NaN).toBeLessThanOrEqual(reserved[index]?.usd ?? 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('is tight once a reply has told the size of the prompt', async () => {
    const emulator = createEmulator({
      respond: ({ body }) => (body.messages.length < 20 ? reply(toolUse('look', {})) : reply('Done.')),
    });
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: { type: 'object' },
      run: () => 'seen',
    });
    const agent = createAgent({
      model: 'claude-sonnet-5-5',
      system: 'Be brief. '.repeat(2000),
      client: clientOf(emulator.fetch),
      tools: [look],
      maxTokens: 100,
      budget: createBudget({ usd: 10 }),
    });
    const tokens: number[] = [];
    const stream = agent.stream('Go.');
    for await (const event of stream) if (event.type === 'request') tokens.push(event.reserved?.tokens ?? 0);
    const { steps } = await stream.result;
    const last = steps.at(-1)?.usage;
    const prompt =
      (last?.input_tokens ?? 0) +
      (last?.cache_creation_input_tokens ?? 0) +
      (last?.cache_read_input_tokens ?? 0);
    // A token a byte at first, 20,000 for a fourth of that; then little more than there are.
    expect(tokens[0]).toBeGreaterThan(20_000);
    expect(tokens.at(-1)).toBeLessThan(prompt * 1.3);
  });
});
