import type { CacheTtl } from './cache-option.ts';

/** Prices of a token of a prompt, as multiples of one that the cache has nothing to do with. */
export interface CacheRates {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
}

/** Where no price is known. Writes are the API's rule for all models, reads were a tenth when it was made. */
export const USUAL_RATES: CacheRates = { read: 0.1, write5m: 1.25, write1h: 2 };

/** The chance that a next request comes within five minutes (`soon`), or after these and within an hour (`later`). */
export interface NextRequest {
  readonly soon: number;
  readonly later: number;
}

/** What is decided on: a prefix of which some tokens are cached, the others `fresh`, and who will ask for it again. */
export interface CacheQuestion {
  readonly cached: number;
  readonly fresh: number;
  readonly next: NextRequest;
  readonly rates?: CacheRates;
}

/** What a prefix is expected to cost, now and when it is asked for again, in tokens at the input price. */
export interface CacheCosts {
  readonly none: number;
  readonly '5m': number;
  readonly '1h': number;
}

/**
 * The arithmetic behind a breakpoint. With `c` tokens cached, `f` fresh, `p = c + f`, chances `s` (soon) and `l` (later)
 * of a next request with this prefix, `r` the price of a read and `w5`, `w1` those of a write, all in units of the input
 * price:
 *
 * - without a breakpoint all is plain input, and written by the next request, if one comes: `p + (s + l)·w5·p`
 * - for five minutes: `r·c + w5·f + s·r·p + l·w5·p`
 * - for an hour: `r·c + w1·f + (s + l)·r·p`
 *
 * With nothing cached (`c = 0`) five minutes beat nothing from `s = (w5 - 1) / (w5 - r)` on: about one chance in five
 * (0.21 at `r = 0.05`, 0.22 at 0.1). An hour beats five minutes from `l·(w5 - r)·p = (w1 - w5)·f` on: a pause pays the
 * more, the less of the prefix is fresh. See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export function cacheCosts({ cached, fresh, next, rates = USUAL_RATES }: CacheQuestion): CacheCosts {
  const { soon, later } = next;
  const { read, write5m, write1h } = rates;
  const prefix = cached + fresh;
  return {
    none: prefix + (soon + later) * write5m * prefix,
    '5m': read * cached + write5m * fresh + soon * read * prefix + later * write5m * prefix,
    '1h': read * cached + write1h * fresh + (soon + later) * read * prefix,
  };
}

/** The cheapest of the three by `cacheCosts`; null is no breakpoint. */
export function worthwhileTtl(question: CacheQuestion): CacheTtl | null {
  const costs = cacheCosts(question);
  if (costs['1h'] < costs['5m'] && costs['1h'] < costs.none) return '1h';
  return costs['5m'] < costs.none ? '5m' : null;
}
