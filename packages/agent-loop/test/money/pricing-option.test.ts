import { expect, test } from 'vitest';
import { toUsd } from '../../src/money/amount.ts';
import { createAgent } from '../../src/index.ts';
import { type PricingOptions, toPricing } from '../../src/money/pricing-option.ts';

const at = Date.parse('2026-11-20');
const million = { input_tokens: 1_000_000, output_tokens: 0 };

function price(pricing: PricingOptions, model: string, usage: object = million, when = at): number | null {
  const amount = toPricing(pricing).priceOf(model, usage, when);
  return amount === null ? null : toUsd(amount);
}

test('own prices join the list, and take the place of those of the same model under all its names', () => {
  const own = {
    models: { 'claude-opus-4-5': { input: 4.5, output: 22 }, 'my-model': { input: 1, output: 2 } },
  };
  expect(price(own, 'my-model')).toBe(1);
  expect(price(own, 'claude-opus-4-5')).toBe(4.5);
  expect(price(own, 'claude-opus-4-5-20251101')).toBe(4.5);
  expect(price(own, 'claude-opus-5-5')).toBe(4);
  // Its cache rates are not those of the model it replaces.
  expect(price(own, 'claude-opus-4-5', { cache_read_input_tokens: 1 })).toBeNull();
  expect(price({ ...own, replace: true }, 'claude-opus-5-5')).toBeNull();
});

test('two names of one model may have two prices', () => {
  const two = {
    models: {
      'claude-opus-4-5': { input: 1, output: 1 },
      'claude-opus-4-5-20251101': { input: 2, output: 2 },
    },
  };
  expect(price(two, 'claude-opus-4-5')).toBe(1);
  expect(price(two, 'claude-opus-4-5-20251101')).toBe(2);
});

test('own prices have days, bands, fast mode and searches like those of the list', () => {
  const row = { input: 2, output: 2, fast: { input: 4, output: 4, until: '2026-11-01' } };
  const own: PricingOptions = {
    models: {
      m: [
        { ...row, input: 9 },
        { ...row, from: '2026-01-01', long: { above: 5, input: 3, output: 3 } },
      ],
    },
    webSearch: 0.02,
  };
  const searches = { web_search_requests: 3, web_fetch_requests: 9 };
  const searched = { input_tokens: 5, output_tokens: 0, server_tool_use: searches };
  expect(price(own, 'm', million, Date.parse('2025-12-31'))).toBe(9);
  expect(price(own, 'm')).toBe(3);
  expect(price(own, 'm', searched)).toBe(0.06001);
  expect(price(own, 'm', { ...million, speed: 'fast' }, Date.parse('2026-10-31'))).toBe(4);
  expect(price(own, 'm', { ...million, speed: 'fast' })).toBeNull();
});

test('odd prices lose no digit', () => {
  const own = { models: { m: { input: 0.1234567891, output: 3.3333333333 } } };
  const half = { service_tier: 'batch', inference_geo: 'us' };
  // 7 x 0.1234567891 + 3 x 3.3333333333 = 10.8641975236 per million; half of it, and 1.1 times that.
  expect(price(own, 'm', { input_tokens: 7, output_tokens: 3 })).toBe(0.0000108641975236);
  expect(price(own, 'm', { input_tokens: 7, output_tokens: 3, ...half })).toBe(0.00000597530863798);
});

test.each<[name: string, pricing: unknown, message: string]>([
  ['not an object', 5, 'pricing: Invalid input: expected object, received number.'],
  ['an unknown field', { prices: {} }, 'pricing: Unrecognized key: "prices".'],
  ['a missing rate', { models: { m: { input: 1 } } }, 'pricing.models["m"].output: expected a price in USD.'],
  [
    'an unknown rate',
    { models: { m: { input: 1, output: 1, cacheRead: 1 } } },
    'pricing.models["m"]: Unrecognized key: "cacheRead".',
  ],
  [
    'a price below 0',
    { models: { m: { input: -1, output: 1 } } },
    'pricing.models["m"].input: expected a price of at least 0 USD.',
  ],
  [
    'too many decimals',
    { models: { m: { input: 1, output: 1, fast: { input: 1 / 3, output: 1 } } } },
    'pricing.models["m"].fast.input: expected at most 10 decimals: more would have to be rounded, and the bill would not be exact.',
  ],
  [
    'a day that is none',
    { models: { m: { input: 1, output: 1, from: 'tomorrow' } } },
    'pricing.models["m"].from: expected a day in UTC such as "2026-10-07".',
  ],
  ['no rows', { models: { m: [] } }, 'pricing.models["m"]: expected at least one row of prices.'],
  [
    'rows out of order',
    {
      models: {
        m: [
          { input: 1, output: 1, from: '2026-02-01' },
          { input: 1, output: 1, from: '2026-01-01' },
        ],
      },
    },
    'pricing.models["m"]: expected rows in the order of time, each but the first with the day ("from") it begins.',
  ],
])('%s is refused when the agent is made', (_, pricing, message) => {
  expect(() => createAgent({ model: 'm', pricing: pricing as PricingOptions })).toThrow(message);
});
