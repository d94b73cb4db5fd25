import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromUsd, scaled, share, toUsd } from '../../src/money/amount.ts';

const pico = fc.bigInt({ min: 0n, max: 4_500n * 10n ** 12n });

test('an amount of whole picodollars is shown as a number and read back without loss', () => {
  fc.assert(
    fc.property(pico, (amount) => {
      expect(fromUsd(toUsd(amount * 1_000_000n))).toBe(amount * 1_000_000n);
    }),
  );
});

test('what a number shows is an amount, and the same number again', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.bigInt({ min: -(10n ** 18n), max: 10n ** 24n }),
        pico.map((amount) => amount * 1_000_000n),
      ),
      (amount) => {
        const usd = toUsd(amount);
        expect(usd).toBe(Number(`${amount}e-18`));
        expect(fromUsd(usd)).toBe(scaled(usd, 18));
        expect(toUsd(fromUsd(usd))).toBe(usd);
      },
    ),
  );
  expect(() => fromUsd(1e-19)).toThrow('1e-19 is not an amount in USD.');
  expect(() => fromUsd(Number.NaN)).toThrow('NaN is not an amount in USD.');
});

test('shares add up to what was shared, and differ by their weights', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 21n }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 }),
      (amount, weights) => {
        const parts = share(amount, weights);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
      },
    ),
  );
  expect(share(10n * 10n ** 6n, [1, 1, 1])).toEqual([4_000_000n, 3_000_000n, 3_000_000n]);
  expect(share(9n * 10n ** 6n, [2, 1])).toEqual([6_000_000n, 3_000_000n]);
});
