/**
 * An amount of money in whole attodollars (1e-18 USD), so that sums and the factors 1.1 and 0.5 are exact. A price of up
 * to ten decimals per million tokens is a whole number of them per token, whatever factor it is taken by.
 */
export type Amount = bigint;

const DECIMALS = 18;
/** The grid that shares are cut on: a double shows multiples of it without loss up to 4,500 USD. */
const PICO = 1_000_000n;
const PICO_PER_USD = 1e12;

/** The number of USD next to an amount. Exact in all digits that a number has. */
export function toUsd(amount: Amount): number {
  const pico = Number(amount / PICO);
  // Whole picodollars, which nearly all amounts are, need no detour over text: one division rounds once, to the nearest.
  if (Number.isSafeInteger(pico) && amount % PICO === 0n) return pico / PICO_PER_USD;
  return Number(`${amount}e-${DECIMALS}`);
}

/** The same number mostly comes several times in a row: a session and its run count it, each by itself and by its limits. */
let latest = { usd: 0, amount: 0n };

/** The amount that a number of USD shows: `fromUsd(toUsd(amount))` is `amount` where that has up to 15 digits. */
export function fromUsd(usd: number): Amount {
  if (usd !== latest.usd) latest = { usd, amount: read(usd) };
  return latest.amount;
}

function read(usd: number): Amount {
  const pico = Math.round(usd * PICO_PER_USD);
  // Of 15 digits no two show as the same number.
  if (Math.abs(pico) < 1e15 && pico / PICO_PER_USD === usd) return BigInt(pico) * PICO;
  const amount = scaled(usd, DECIMALS);
  if (amount === null) throw new RangeError(`${usd} is not an amount in USD.`);
  return amount;
}

/** `value` times ten to the power of `decimals`, by its decimal digits; null where that is not a whole number. */
export function scaled(value: number, decimals: number): bigint | null {
  if (!Number.isFinite(value)) return null;
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = decimals - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  return shift >= 0 ? digits * 10n ** BigInt(shift) : null;
}

/** Divides an amount into parts in the ratio of whole `weights`, to the last digit: the parts add up to it. */
export function share(amount: Amount, weights: readonly number[]): Amount[] {
  const total = BigInt(weights.reduce((sum, weight) => sum + weight, 0));
  if (total === 0n) throw new RangeError('There is nobody to share among.');
  const parts = weights.map((weight) => ((amount / PICO) * BigInt(weight)) / total);
  const given = parts.reduce((sum, part) => sum + part, 0n);
  // What does not divide goes to the first, by whom it is told from the others alone.
  return parts.map((part, index) => part * PICO + (index === 0 ? amount - given * PICO : 0n));
}

/** An amount as JSON can hold it: the number of attodollars in digits. */
export type SavedAmount = string | null;

/** An amount that may be unknown, for JSON. */
export function savedAmount(amount: Amount | null): SavedAmount {
  return amount === null ? null : String(amount);
}

/** The amount that `savedAmount` has saved. */
export function restoredAmount(saved: SavedAmount): Amount | null {
  return saved === null ? null : BigInt(saved);
}
