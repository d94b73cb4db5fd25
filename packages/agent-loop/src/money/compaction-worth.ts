import { type Amount, toUsd } from './amount.ts';
import type { Model } from '../api.ts';
import { type Pricing, standardPricing } from './pricing.ts';
import type { RateFacts } from './rate-table.ts';
import { type PricingOptions, toPricing } from './pricing-option.ts';
import { checkCount, refuseUnknown } from '../option-checks.ts';
import { ConfigError } from '../errors.ts';
import { systemSeams } from '../seams.ts';

/** A compaction to be reckoned with. `compaction` entries have its three sizes under the same names. */
export interface CompactionSizes {
  readonly model: Model;
  /** The prompt before it, in tokens. */
  readonly fromTokens: number;
  /** The prompt after it: tools, system prompt and summary. */
  readonly toTokens: number;
  /** What it writes, in tokens. Default `toTokens`, which is the most that it can have been. */
  readonly summaryTokens?: number;
  /** How the prompt is cached. Default `'5m'`. */
  readonly cache?: '5m' | '1h' | 'off';
  /** Where the model may run, such as `'us'`. */
  readonly inferenceGeo?: string;
  /** As for `createAgent`. */
  readonly pricing?: PricingOptions;
}

/** What a compaction costs and saves. */
export interface CompactionWorth {
  /** From how many further turns on it has paid for itself; null where it never does. */
  readonly turns: number | null;
  /** What it costs once, in USD. */
  readonly onceUsd: number;
  /** What each further turn costs less, in USD. */
  readonly perTurnUsd: number;
}

const FIELDS: readonly (keyof CompactionSizes)[] = [
  'model',
  'fromTokens',
  'toTokens',
  'summaryTokens',
  'cache',
  'inferenceGeo',
  'pricing',
];

/**
 * From how many further turns on a compaction pays for itself; null where a price is not known. With `N` tokens before
 * and `M` after it, a summary of `S` tokens, and `r`, `w`, `o` the prices of a token that is read from the cache, written
 * to it, or output:
 *
 * - The turn with the compaction reads the old prompt once, to sum it up, writes the summary, and then writes the new
 *   prompt to the cache: `r·N + o·S + w·M`. Without it the turn would have read the old prompt: `r·N`. So it costs
 *   `o·S + w·M` once.
 * - Every further turn reads `M` instead of `N`: it costs `r·(N - M)` less. What a turn adds is the same either way.
 *
 * It has paid for itself after `(o·S + w·M) / (r·(N - M))` turns, rounded up. Without a cache `r` and `w` are the price of
 * input. Where prices depend on the size of the prompt, those of `N` hold before and those of `M` after. Tools and system
 * prompt may still be cached, so that not all of `M` is written: the number is one of turns that surely suffice.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/compaction
 */
export function compactionWorth(sizes: CompactionSizes): CompactionWorth | null {
  check(sizes);
  const pricing = sizes.pricing === undefined ? standardPricing() : toPricing(sizes.pricing);
  return worthOf(pricing, { at: systemSeams.now(), geo: sizes.inferenceGeo }, sizes);
}

/** The same by these prices, of a compaction that was checked. */
export function worthOf(
  pricing: Pricing,
  facts: Omit<RateFacts, 'promptTokens'>,
  { model, fromTokens, toTokens, summaryTokens = toTokens, cache = '5m' }: Omit<CompactionSizes, 'pricing'>,
): CompactionWorth | null {
  const [before, after] = [fromTokens, toTokens].map((promptTokens) =>
    pricing.rates.of(model, { ...facts, promptTokens }),
  );
  if (!before || !after) return null;
  const written = { '5m': after.write5m, '1h': after.write1h, off: after.input }[cache];
  const [oldRead, newRead] = cache === 'off' ? [before.input, after.input] : [before.read, after.read];
  if (written === null || oldRead === null || newRead === null) return null;
  const once = BigInt(summaryTokens) * before.output + BigInt(toTokens) * written;
  const saved = BigInt(fromTokens) * oldRead - BigInt(toTokens) * newRead;
  return { turns: turnsOf(once, saved), onceUsd: toUsd(once), perTurnUsd: toUsd(saved) };
}

function turnsOf(once: Amount, saved: Amount): number | null {
  return saved > 0n ? Number((once + saved - 1n) / saved) : null;
}

function check(sizes: CompactionSizes): void {
  if (typeof sizes !== 'object' || sizes === null)
    throw new ConfigError('compactionWorth', 'expected an object of options.');
  refuseUnknown('compactionWorth', sizes, FIELDS);
  const { fromTokens, toTokens, summaryTokens, cache } = sizes;
  for (const [name, tokens] of Object.entries({ fromTokens, toTokens, summaryTokens: summaryTokens ?? 1 })) {
    const option = `compactionWorth.${name}`;
    if (tokens === undefined) throw new ConfigError(option, 'is missing: a number of tokens.');
    checkCount(option, tokens);
  }
  if (cache !== undefined && !['5m', '1h', 'off'].includes(cache))
    throw new ConfigError(
      'compactionWorth.cache',
      `must be "5m", "1h" or "off", got ${JSON.stringify(cache)}.`,
    );
}
