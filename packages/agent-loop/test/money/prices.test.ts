import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { toUsd } from '../../src/money/amount.ts';
import { standardPricing } from '../../src/money/pricing.ts';
import { WITHOUT_PRICE } from '../../src/money/prices.ts';

const at = Date.parse('2026-11-20');
const pricing = standardPricing();
const plain = { at, promptTokens: 1 };

test('every model that the SDK knows has a price, or is known to have none', async () => {
  const file = new URL(import.meta.resolve('@anthropic-ai/sdk/resources/messages/messages'));
  const source = await readFile(new URL(file.pathname.replace(/\.m?js$/, '.d.ts'), 'file:'), 'utf8');
  const union = /export type Model = (.*);/.exec(source)?.[1] ?? '';
  const known = [...union.matchAll(/'([^']+)'/g)].map(([, id = '']) => id);
  expect(known.length).toBeGreaterThan(15);
  expect(known.filter((id) => pricing.rates.of(id, plain) === null)).toEqual(WITHOUT_PRICE);
});

test('rates change on their day, at midnight UTC', () => {
  const readOf = (day: string) =>
    pricing.rates.of('claude-sonnet-5-5', { ...plain, at: Date.parse(day) })?.read;
  expect(perMillion(readOf('2026-10-06T23:59:59.999Z'))).toBe(0.2);
  expect(perMillion(readOf('2026-10-07T00:00:00.000Z'))).toBe(0.1);
  const fast = (day: string) =>
    pricing.rates.of('claude-opus-4-8', { ...plain, speed: 'fast', at: Date.parse(day) });
  expect(perMillion(fast('2026-11-30T23:59:59.999Z')?.output)).toBe(50);
  expect(fast('2026-12-01T00:00:00.000Z')).toBeNull();
});

test('a long prompt of Haiku 5.5 makes every rate of its request dearer', () => {
  const rates = (promptTokens: number) => {
    const { webSearch: _, ...found } = pricing.rates.of('claude-haiku-5-5', { at, promptTokens }) ?? {};
    return Object.fromEntries(Object.entries(found).map(([kind, rate]) => [kind, perMillion(rate)]));
  };
  expect(rates(100_000)).toEqual({ input: 0.1, output: 0.5, write5m: 0.125, write1h: 0.2, read: 0.01 });
  expect(rates(100_001)).toEqual({ input: 0.5, output: 2.5, write5m: 0.625, write1h: 1, read: 0.05 });
});

test('what is not in the list has no price', () => {
  const usage = { input_tokens: 10, output_tokens: 10 };
  const priceOf = (model: string, more: object = {}) => pricing.priceOf(model, { ...usage, ...more }, at);
  expect(priceOf('claude-next')).toBeNull();
  expect(priceOf('claude-sonnet-5-5-20261007')).toBeNull();
  expect(priceOf('claude-mythos-preview')).toBeNull();
  expect(priceOf('claude-sonnet-5-5', { speed: 'fast' })).toBeNull();
  expect(priceOf('claude-opus-5-5', { speed: 'fast', service_tier: 'batch' })).toBeNull();
  expect(priceOf('claude-opus-5-5', { inference_geo: 'moon' })).toBeNull();
  expect(priceOf('claude-opus-5-5', { output_tokens: -1 })).toBeNull();
  expect(priceOf('claude-opus-5-5', { server_tool_use: { web_search_requests: 0.5 } })).toBeNull();
  // Retired, and its cache rates were not published: without cached tokens there is nothing unknown.
  expect(priceOf('claude-3-opus-20240229', { cache_read_input_tokens: 1 })).toBeNull();
  expect(toUsd(priceOf('claude-3-opus-20240229') ?? 0n)).toBe(0.0009);
});

function perMillion(rate: bigint | null | undefined): number | null {
  return rate == null ? null : toUsd(rate * 1_000_000n);
}
