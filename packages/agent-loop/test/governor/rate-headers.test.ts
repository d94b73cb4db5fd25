import { createEmulator } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { readRates } from '../../src/governor/rate-headers.ts';
import { modelClass, publicName } from '../../src/governor/rate-scope.ts';

describe('which models share their limits', () => {
  test.each([
    ['claude-opus-4-8', 'opus-4'],
    ['claude-opus-4-5-20251101', 'opus-4'],
    ['claude-opus-4-20250514', 'opus-4'],
    ['claude-sonnet-4-6', 'sonnet-4'],
    ['claude-opus-5', 'opus-5'],
    ['claude-opus-5-5', 'opus-5-5'],
    ['claude-sonnet-5', 'sonnet-5'],
    ['claude-sonnet-5-5', 'sonnet-5-5'],
    ['claude-haiku-4-5-20251001', 'haiku-4-5'],
    ['claude-haiku-5-5', 'haiku-5-5'],
    ['claude-fable-5', 'fable-5'],
    ['claude-fable-5-1', 'fable-5'],
    ['claude-fable-5-2', 'fable-5-2'],
    ['claude-mythos-5-1', 'mythos-5'],
    ['us.anthropic.claude-opus-4-6-v1', 'opus-4'],
    ['claude-sonnet-4-5@20250929', 'sonnet-4'],
    ['gpt-oss-120b', 'gpt-oss-120b'],
  ])('%s: %s', (model, group) => expect(modelClass(model)).toBe(group));
});

describe('what headers tell', () => {
  const headers = (values: Record<string, string>): Headers =>
    new Headers(
      Object.entries(values).map(([name, value]): [string, string] => [`anthropic-${name}`, value]),
    );

  test('of every response of the emulator: limits, and what remains', async () => {
    const { fetch } = createEmulator({ rateLimits: { requestsPerMinute: 50, inputTokensPerMinute: 30_000 } });
    const response = await fetch('http://x/v1/messages', {
      method: 'POST',
      headers: { 'x-api-key': 'k', 'anthropic-version': '2026-10-21' },
      body: JSON.stringify({
        model: 'claude-sonnet-5-5',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'x'.repeat(2000) }],
      }),
    });
    expect(readRates(response.headers, false)).toEqual({
      requests: { limit: 50, remaining: 49, plusMinus: 0 },
      input: { limit: 30_000, remaining: 29_000, plusMinus: 500 },
      output: { limit: 400_000, remaining: 400_000, plusMinus: 500 },
    });
  });

  test('tokens together count only where input and output are not told apart', () => {
    const tokens = { 'ratelimit-tokens-limit': '100', 'ratelimit-tokens-remaining': '7' };
    expect(readRates(headers(tokens), false)).toEqual({ tokens: { limit: 100, remaining: 7, plusMinus: 0 } });
    const input = { 'ratelimit-input-tokens-limit': '80', 'ratelimit-input-tokens-remaining': '5' };
    expect(readRates(headers({ ...tokens, ...input }), false)).toEqual({
      input: { limit: 80, remaining: 5, plusMinus: 0 },
    });
  });

  test('a fast request has tokens of its own', () => {
    const both = headers({
      'ratelimit-requests-limit': '10',
      'ratelimit-requests-remaining': '9',
      'ratelimit-input-tokens-limit': '80',
      'ratelimit-input-tokens-remaining': '5',
      'fast-input-tokens-limit': '20',
      'fast-input-tokens-remaining': '3',
    });
    expect(readRates(both, true)).toMatchObject({
      requests: { limit: 10 },
      input: { limit: 20, remaining: 3 },
    });
    expect(readRates(both, false)).toMatchObject({ input: { limit: 80, remaining: 5 } });
  });

  test.each([
    ['nothing', {}],
    ['no number', { 'ratelimit-requests-limit': 'many', 'ratelimit-requests-remaining': '1' }],
    ['half of it', { 'ratelimit-requests-limit': '10' }],
    ['no limit at all', { 'ratelimit-requests-limit': '0', 'ratelimit-requests-remaining': '0' }],
  ])('%s is nothing', (_name, values) => expect(readRates(headers(values), false)).toEqual({}));
});

test('the name that other processes see holds no key', async () => {
  expect(await publicName('["https://api.anthropic.com","sk-ant-1"] opus-4')).toMatch(/^[0-9a-f]{32}$/);
});
