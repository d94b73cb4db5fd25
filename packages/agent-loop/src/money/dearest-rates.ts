import type { Amount } from './amount.ts';
import type { RequestParams } from '../api.ts';
import { ConfigError, RunError } from '../errors.ts';
import type { CacheMarker } from './hidden-costs.ts';
import type { Pricing } from './pricing.ts';
import type { Rates } from './rate-table.ts';

/** The most that a token of a request can cost, and a search. */
export interface DearestRates {
  readonly input: Amount;
  readonly output: Amount;
  readonly webSearch: Amount;
}

/** What they depend on. */
export interface RateQuestion {
  readonly params: RequestParams;
  readonly at: number;
  /** The region that replies have named so far; undefined while none has. */
  readonly servedIn: string | null | undefined;
}

/** A request can stream for as long: a price that changes meanwhile counts. */
const LONGEST_REPLY_MS = 3_600_000;

/**
 * The dearest rates that may apply to a prompt of up to so many tokens, with that cache marker. Throws a RunError `config`
 * where no price is known.
 */
export function dearestRates(
  pricing: Pricing,
  model: string,
  promptTokens: number,
  marker: CacheMarker,
  { params, at, servedIn }: RateQuestion,
): DearestRates {
  const { speed } = params;
  // Where the request names no region, that of the workspace holds; replies tell which.
  const asked = params.inference_geo ?? servedIn;
  const geo = asked === undefined ? 'us' : asked;
  const range = { from: at, to: at + LONGEST_REPLY_MS, promptTokens, speed, geo };
  let dearest: DearestRates | null = null;
  for (const rates of pricing.rates.possible(model, range)) {
    const { output, webSearch } = rates;
    const input = dearestInput(rates, marker);
    if (input === null) throw unpriced(model, speed, asked);
    dearest = dearest ? dearerOf(dearest, { input, output, webSearch }) : { input, output, webSearch };
  }
  if (!dearest) throw unpriced(model, speed, asked);
  return dearest;
}

function dearerOf(one: DearestRates, other: DearestRates): DearestRates {
  return {
    input: dearer(one.input, other.input),
    output: dearer(one.output, other.output),
    webSearch: dearer(one.webSearch, other.webSearch),
  };
}

function dearestInput({ input, write5m, write1h, read }: Rates, marker: CacheMarker): Amount | null {
  if (marker === null) return input;
  if (write5m === null || (marker === '1h' && write1h === null)) return null;
  const short = dearer(dearer(input, write5m), read ?? 0n);
  return marker === '1h' ? dearer(short, write1h ?? 0n) : short;
}

function dearer(one: Amount, other: Amount): Amount {
  return other > one ? other : one;
}

function unpriced(model: string, speed: unknown, geo: unknown): RunError {
  const how = `${speed === 'fast' ? ' in fast mode' : ''}${geo == null ? '' : ` in the region ${JSON.stringify(geo)}`}`;
  return new RunError(
    'config',
    `A money limit can not be kept: no price is known for the model "${model}"${how}. Give its price with the pricing option, or limit tokens or turns instead.`,
  );
}

/** Throws a ConfigError unless a model has a price, for an option that limits money. */
export function checkPriced(option: string, model: string, pricing: Pricing, at: number): void {
  if (pricing.rates.of(model, { at, promptTokens: 1 })) return;
  throw new ConfigError(
    option,
    `limits money, but no price is known for the model "${model}". Give its price with the pricing option, or limit tokens or turns instead.`,
  );
}
