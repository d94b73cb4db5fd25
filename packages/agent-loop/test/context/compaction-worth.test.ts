import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { compactionWorth } from '../../src/index.ts';

describe('what a compaction is worth', () => {
  it.each([
    // 6,000 x 10 + 8,000 x 2.50 once; 142,000 x 0.10 a turn, in USD per million.
    ['a long prompt', { fromTokens: 150_000, toTokens: 8000, summaryTokens: 6000 }, 6, 0.08, 0.0142],
    // 42,000 x 0.10 a turn.
    ['a shorter one', { fromTokens: 50_000, toTokens: 8000, summaryTokens: 6000 }, 20, 0.08, 0.0042],
    // 8,000 x 4 are written.
    [
      'kept for an hour',
      { fromTokens: 150_000, toTokens: 8000, summaryTokens: 6000, cache: '1h' },
      7,
      0.092,
      0.0142,
    ],
    // All at 2: the new prompt is read once more, and every turn saves twenty times as much.
    [
      'without a cache',
      { fromTokens: 150_000, toTokens: 8000, summaryTokens: 6000, cache: 'off' },
      1,
      0.076,
      0.284,
    ],
    [
      'in a region',
      { fromTokens: 150_000, toTokens: 8000, summaryTokens: 6000, inferenceGeo: 'us' },
      6,
      0.088,
      0.01562,
    ],
    ['a summary of unknown length', { fromTokens: 150_000, toTokens: 8000 }, 8, 0.1, 0.0142],
    [
      'nothing that becomes shorter',
      { fromTokens: 8000, toTokens: 8000, summaryTokens: 6000 },
      null,
      0.08,
      0,
    ],
  ] as const)('%s', (_, sizes, turns, onceUsd, perTurnUsd) => {
    expect(compactionWorth({ model: 'claude-sonnet-5-5', ...sizes })).toEqual({ turns, onceUsd, perTurnUsd });
  });

  it('knows prices that depend on the size of the prompt', () => {
    // Before: 0.05 to read, 2.50 out. After: 0.01 to read, 0.125 to write.
    const sizes = { fromTokens: 150_000, toTokens: 10_000, summaryTokens: 6000 };
    expect(compactionWorth({ model: 'claude-haiku-5-5', ...sizes })).toEqual({
      turns: 3,
      onceUsd: 0.01625,
      perTurnUsd: 0.0074,
    });
  });

  it('is unknown where a price is, and takes prices of its own', () => {
    const sizes = { model: 'my-model', fromTokens: 60_000, toTokens: 6000 };
    expect(compactionWorth(sizes)).toBeNull();
    const pricing = { models: { 'my-model': { input: 1, output: 2 } } };
    expect(compactionWorth({ ...sizes, pricing })).toBeNull();
    expect(compactionWorth({ ...sizes, pricing, cache: 'off' })).toEqual({
      turns: 1,
      onceUsd: 0.018,
      perTurnUsd: 0.054,
    });
  });

  it.each([
    [
      { fromTokens: 1.5, toTokens: 1 },
      'compactionWorth.fromTokens: must be a whole number above 0, got 1.5.',
    ],
    [{ fromTokens: 10 }, 'compactionWorth.toTokens: is missing: a number of tokens.'],
    [
      { fromTokens: 10, toTokens: 1, cache: '2h' },
      'compactionWorth.cache: must be "5m", "1h" or "off", got "2h".',
    ],
    [{ fromTokens: 10, toTokens: 1, now: 1 }, 'there is no option "now"'],
  ])('checks what it is given: %j', (sizes, message) => {
    expect(() => compactionWorth({ model: 'claude-sonnet-5-5', ...sizes } as never)).toThrow(message);
  });
});

test('with that many further turns a compaction is not dearer than none, with one less it is', () => {
  const tokens = fc.integer({ min: 1, max: 1_000_000 });
  const model = fc.constantFrom(
    'claude-sonnet-5-5',
    'claude-opus-5-5',
    'claude-haiku-5-5',
    'claude-fable-5-2',
  );
  fc.assert(
    fc.property(model, tokens, tokens, tokens, (id, fromTokens, toTokens, summaryTokens) => {
      const worth = compactionWorth({ model: id, fromTokens, toTokens, summaryTokens });
      const { turns, onceUsd, perTurnUsd } = worth ?? { turns: null, onceUsd: 0, perTurnUsd: 0 };
      if (turns === null) {
        expect(perTurnUsd).toBeLessThanOrEqual(0);
        return;
      }
      expect(turns * perTurnUsd).toBeGreaterThanOrEqual(onceUsd * (1 - 1e-12));
      expect((turns - 1) * perTurnUsd).toBeLessThan(onceUsd * (1 + 1e-12));
    }),
  );
});
