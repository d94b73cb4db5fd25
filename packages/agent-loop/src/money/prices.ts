/** USD per million tokens. A rate that is left out is not known: what was used at it has no price. */
export interface TokenPrices {
  /** Input that was neither read from the cache nor written to it. */
  readonly input: number;
  /** Output, thinking included. */
  readonly output: number;
  /** Input written to the cache for five minutes. */
  readonly write5m?: number | undefined;
  /** Input written to the cache for an hour. */
  readonly write1h?: number | undefined;
  /** Input read from the cache. */
  readonly read?: number | undefined;
}

/** The prices of a model, from a day on. */
export interface ModelPrices extends TokenPrices {
  /** First day they hold (UTC), such as `2026-10-07`. Default: from the beginning. */
  readonly from?: string | undefined;
  /** Prices of fast mode, where the model has it. `until`: first day (UTC) it has it no more. */
  readonly fast?: (TokenPrices & { readonly until?: string | undefined }) | undefined;
  /** Prices of the whole request where its prompt is of more than `above` tokens, cached ones included. */
  readonly long?: (TokenPrices & { readonly above: number }) | undefined;
}

/** A price list. */
export interface PriceTable {
  /** By model id. Where prices changed: the oldest first. */
  readonly models: Readonly<Record<string, ModelPrices | readonly ModelPrices[]>>;
  /** Other names of models in the list. */
  readonly aliases: Readonly<Record<string, string>>;
  /** USD per web search. */
  readonly webSearch: number;
}

function tokens(
  input: number,
  output: number,
  write5m?: number,
  write1h?: number,
  read?: number,
): TokenPrices {
  return { input, output, write5m, write1h, read };
}

const FABLE_5_2 = tokens(8, 40, 10, 16, 0.2);
const FABLE_5_1 = tokens(10, 50, 12.5, 20, 0.25);
const FABLE_5 = tokens(10, 50, 12.5, 20, 1);
const OPUS = tokens(5, 25, 6.25, 10, 0.5);
const OPUS_FAST = tokens(10, 50, 12.5, 20, 1);
const OPUS_4 = tokens(15, 75, 18.75, 30, 1.5);
const SONNET = tokens(3, 15, 3.75, 6, 0.3);

/**
 * The prices of the Claude API as of 2026-11-19, in USD per million tokens.
 *
 * Prices that change get a further row with its first day; old rows stay, as do models that were retired: journals are
 * read for years. Batches are half of every rate, `inference_geo: "us"` is 1.1 times every rate; both are arithmetic and
 * not in the list. See https://platform.claude.com/docs/en/about-claude/pricing
 */
export const PRICES: PriceTable = {
  models: {
    'claude-fable-5-2': { ...FABLE_5_2, fast: tokens(16, 80, 20, 32, 0.4) },
    'claude-mythos-5-2': FABLE_5_2,
    'claude-fable-5-1': FABLE_5_1,
    'claude-mythos-5-1': FABLE_5_1,
    'claude-fable-5': FABLE_5,
    'claude-mythos-5': FABLE_5,
    'claude-opus-5-5': { ...tokens(4, 20, 5, 8, 0.2), fast: tokens(8, 40, 10, 16, 0.4) },
    'claude-opus-5': { ...OPUS, fast: OPUS_FAST },
    'claude-opus-4-8': { ...OPUS, fast: { ...OPUS_FAST, until: '2026-12-01' } },
    'claude-opus-4-7': OPUS,
    'claude-opus-4-6': OPUS,
    'claude-opus-4-5': OPUS,
    'claude-sonnet-5-5': [tokens(2, 10, 2.5, 4, 0.2), { from: '2026-10-07', ...tokens(2, 10, 2.5, 4, 0.1) }],
    'claude-sonnet-5': tokens(2, 10, 2.5, 4, 0.2),
    'claude-sonnet-4-6': SONNET,
    'claude-sonnet-4-5': SONNET,
    'claude-haiku-5-5': {
      ...tokens(0.1, 0.5, 0.125, 0.2, 0.01),
      long: { above: 100_000, ...tokens(0.5, 2.5, 0.625, 1, 0.05) },
    },
    'claude-haiku-4-5': tokens(1, 5, 1.25, 2, 0.1),

    // Retired. Cache prices that are left out were not published in what we could read.
    'claude-opus-4-1-20250805': OPUS_4,
    'claude-opus-4-20250514': OPUS_4,
    'claude-sonnet-4-20250514': SONNET,
    'claude-3-7-sonnet-20250219': SONNET,
    'claude-3-5-haiku-20241022': tokens(0.8, 4, 1, 1.6, 0.08),
    'claude-3-haiku-20240307': tokens(0.25, 1.25),
    'claude-3-opus-20240229': tokens(15, 75),
    'claude-3-5-sonnet-20240620': tokens(3, 15),
    'claude-3-5-sonnet-20241022': tokens(3, 15),
  },
  aliases: {
    'claude-opus-4-5-20251101': 'claude-opus-4-5',
    'claude-sonnet-4-5-20250929': 'claude-sonnet-4-5',
    'claude-haiku-4-5-20251001': 'claude-haiku-4-5',
    'claude-opus-4-1': 'claude-opus-4-1-20250805',
    'claude-opus-4-0': 'claude-opus-4-20250514',
    'claude-sonnet-4-0': 'claude-sonnet-4-20250514',
  },
  webSearch: 0.01,
};

/** Models that the API serves and no price was ever published for. */
export const WITHOUT_PRICE: readonly string[] = ['claude-mythos-preview'];
