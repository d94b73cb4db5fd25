import { z } from 'zod';
import { scaled } from './amount.ts';
import { ConfigError } from '../errors.ts';
import { type ModelPrices, PRICES } from './prices.ts';
import { Pricing, standardPricing } from './pricing.ts';

/** Prices that an agent reckons with beside, or instead of, those of this version. */
export interface PricingOptions {
  /**
   * USD per million tokens, by model id as replies name it. A model of the built-in list is replaced under all its names.
   * Where prices change: a list, the oldest first, each but the first with the day it begins. A rate that is left out is
   * not known, and what is used at it has no price.
   */
  readonly models?: Readonly<Record<string, ModelPrices | readonly ModelPrices[]>>;
  /** USD per web search. Default 0.01. */
  readonly webSearch?: number;
  /** Whether `models` is the whole list. Default false: it extends the built-in one. */
  readonly replace?: boolean;
}

/** More decimals than these the arithmetic would not keep through a batch (half) in the US (1.1 times). */
const MAX_DECIMALS = 10;
const MAX_USD = 1_000_000;

/** Checks the `pricing` option. Throws a ConfigError that names the price at fault, what was expected and how to mend it. */
export function toPricing(given: PricingOptions | undefined): Pricing {
  if (given === undefined) return standardPricing();
  const { options, model, dated } = schemas();
  const { models = {}, webSearch = PRICES.webSearch, replace = false } = checked('pricing', options, given);
  const aliases: Record<string, string> = replace ? {} : { ...PRICES.aliases };
  const own: Record<string, ModelPrices | readonly ModelPrices[]> = {};
  for (const [id, rows] of Object.entries(models)) {
    const option = `pricing.models["${id}"]`;
    const prices = Array.isArray(rows) ? checked(option, dated, rows) : checked(option, model, rows);
    const name = aliases[id];
    // Where both names are given, each has prices of its own.
    if (name !== undefined && Object.hasOwn(models, name)) delete aliases[id];
    own[aliases[id] ?? id] = prices;
  }
  return new Pricing({ models: { ...(!replace && PRICES.models), ...own }, aliases, webSearch });
}

function checked<T>(option: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = [option, ...(issue?.path ?? [])].join('.');
  throw new ConfigError(where, `${issue?.message ?? 'has the wrong shape'}.`);
}

/** Made where the option is used: schemas at the top of a module would cost every start. */
function schemas() {
  const usd = z
    .number('expected a price in USD')
    .min(0, 'expected a price of at least 0 USD')
    .max(MAX_USD, `expected a price of at most ${MAX_USD} USD`)
    .refine(
      (value) => scaled(value, MAX_DECIMALS) !== null,
      `expected at most ${MAX_DECIMALS} decimals: more would have to be rounded, and the bill would not be exact`,
    );
  const day = z.iso.date('expected a day in UTC such as "2026-10-07"');
  const tokens = {
    input: usd,
    output: usd,
    write5m: usd.optional(),
    write1h: usd.optional(),
    read: usd.optional(),
  };
  const model = z.strictObject({
    ...tokens,
    from: day.optional(),
    fast: z.strictObject({ ...tokens, until: day.optional() }).optional(),
    long: z.strictObject({ ...tokens, above: z.int('expected a number of tokens').min(0) }).optional(),
  });
  const dated = z
    .array(model)
    .min(1, 'expected at least one row of prices')
    .refine(
      (rows) =>
        rows.slice(1).every(({ from }, index) => from !== undefined && (rows[index]?.from ?? '') < from),
      'expected rows in the order of time, each but the first with the day ("from") it begins',
    );
  const options = z.strictObject({
    models: z.record(z.string().min(1), z.unknown(), 'expected prices by model id').optional(),
    webSearch: usd.optional(),
    replace: z.boolean('expected true or false').optional(),
  });
  return { options, model, dated };
}
