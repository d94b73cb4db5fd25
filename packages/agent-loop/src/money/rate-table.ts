import { type Amount, scaled } from './amount.ts';
import type { ModelPrices, PriceTable, TokenPrices } from './prices.ts';

/** What one token costs, and one web search; null where that is not known. */
export interface Rates {
  readonly input: Amount;
  readonly output: Amount;
  readonly write5m: Amount | null;
  readonly write1h: Amount | null;
  readonly read: Amount | null;
  readonly webSearch: Amount;
}

/** What the rates of a request depend on, beside its model. */
export interface RateFacts {
  /** When it was sent, in epoch milliseconds. */
  readonly at: number;
  /** The whole prompt: input, cache reads and cache writes. */
  readonly promptTokens: number;
  readonly speed?: string | null | undefined;
  readonly geo?: string | null | undefined;
  readonly batch?: boolean | undefined;
}

/** A request whose price is not settled yet: its reply says how fast it was, how long its prompt, and when it ends. */
export interface RateRange {
  /** When it is sent and when its reply has ended at the latest, in epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  /** The most its prompt can have. */
  readonly promptTokens: number;
  readonly speed: string | null | undefined;
  readonly geo: string | null | undefined;
}

/** Rates by where and how a request is served. */
interface Tier {
  readonly plain: Rates;
  readonly us: Rates;
  readonly batch: Rates;
  readonly usBatch: Rates;
}

interface Period {
  readonly from: number;
  readonly until: number;
  readonly standard: Tier;
  readonly fast: { readonly rates: Tier; readonly until: number } | undefined;
  readonly long: { readonly rates: Tier; readonly above: number } | undefined;
}
/** A USD per million tokens is a millionth of a USD per token. */
const PER_TOKEN = 12;
const PER_SEARCH = 18;
/** Regions at the plain price. Any other but `us` has none that is known. */
const PLAIN_REGIONS: ReadonlySet<unknown> = new Set([undefined, null, 'global', 'not_available']);

/** What tokens cost, by a price list. Exact; what the list does not know is null, never guessed. */
export class RateTable {
  /** Of one search, everywhere. */
  readonly webSearch: Amount;
  /** By every name of a model. The latest comes last. */
  readonly #periods = new Map<string, readonly Period[]>();

  constructor({ models, aliases, webSearch }: PriceTable) {
    this.webSearch = exact(webSearch, PER_SEARCH);
    for (const [model, rows] of Object.entries(models))
      this.#periods.set(
        model,
        listOf(rows).map((row, index, all) => toPeriod(row, all[index + 1], this.webSearch)),
      );
    for (const [alias, model] of Object.entries(aliases)) {
      const periods = this.#periods.get(model);
      if (periods) this.#periods.set(alias, periods);
    }
  }

  /** What a token of such a request costs; null where no price is known for it. */
  of(model: string, { at, promptTokens, speed, geo, batch = false }: RateFacts): Rates | null {
    const period = this.#periodOf(model, at);
    if (!period || !isPriced(geo)) return null;
    if (speed === 'fast') {
      // A batch is never fast: https://platform.claude.com/docs/en/build-with-claude/fast-mode
      if (!period.fast || at >= period.fast.until || batch) return null;
      return servedIn(period.fast.rates, geo, batch);
    }
    const isLong = period.long && promptTokens > period.long.above;
    return servedIn(isLong ? period.long.rates : period.standard, geo, batch);
  }

  /** All rates that may hold for such a request. None where it has no known price when it is sent. */
  possible(model: string, { from, to, promptTokens, speed, geo }: RateRange): readonly Rates[] {
    const found: Rates[] = [];
    if (!this.of(model, { at: from, promptTokens, speed, geo })) return found;
    for (const period of this.#periods.get(model) ?? []) {
      if (period.until <= from || period.from > to) continue;
      const { standard, fast, long } = period;
      found.push(servedIn(standard, geo, false));
      if (speed === 'fast' && fast && from < fast.until) found.push(servedIn(fast.rates, geo, false));
      if (long && promptTokens > long.above) found.push(servedIn(long.rates, geo, false));
    }
    return found;
  }

  /** The prompt size, in tokens, above which every token of a model has a higher price; null where there is none. */
  dearAbove(model: string, at: number): number | null {
    return this.#periodOf(model, at)?.long?.above ?? null;
  }

  #periodOf(model: string, at: number): Period | undefined {
    const periods = this.#periods.get(model) ?? [];
    for (let index = periods.length - 1; index >= 0; index -= 1) {
      const period = periods[index];
      if (period && period.from <= at) return period;
    }
    return undefined;
  }
}

/** Whether the price of a region is known. */
function isPriced(geo: unknown): boolean {
  return geo === 'us' || PLAIN_REGIONS.has(geo);
}

function servedIn({ plain, us, batch, usBatch }: Tier, geo: unknown, isBatch: boolean): Rates {
  return geo === 'us' ? (isBatch ? usBatch : us) : isBatch ? batch : plain;
}

function listOf(rows: ModelPrices | readonly ModelPrices[]): readonly ModelPrices[] {
  return Array.isArray(rows) ? (rows as readonly ModelPrices[]) : [rows as ModelPrices];
}

function toPeriod(
  { from, fast, long, ...prices }: ModelPrices,
  next: ModelPrices | undefined,
  webSearch: Amount,
): Period {
  return {
    from: from === undefined ? -Infinity : Date.parse(from),
    until: next?.from === undefined ? Infinity : Date.parse(next.from),
    standard: toTier(prices, webSearch),
    fast: fast && {
      rates: toTier(fast, webSearch),
      until: fast.until === undefined ? Infinity : Date.parse(fast.until),
    },
    long: long && { rates: toTier(long, webSearch), above: long.above },
  };
}

/** Prices have few enough decimals for all of them to be exact. */
function toTier(prices: TokenPrices, webSearch: Amount): Tier {
  const plain = toRates(prices, webSearch);
  return { plain, us: times(plain, 11n, 10n), batch: times(plain, 1n, 2n), usBatch: times(plain, 11n, 20n) };
}

/** A web search costs the same everywhere. */
function times(rates: Rates, factor: bigint, divisor: bigint): Rates {
  const { input, output, write5m, write1h, read, webSearch } = rates;
  const of = (rate: Amount): Amount => (rate * factor) / divisor;
  return {
    input: of(input),
    output: of(output),
    write5m: write5m === null ? null : of(write5m),
    write1h: write1h === null ? null : of(write1h),
    read: read === null ? null : of(read),
    webSearch,
  };
}

function toRates({ input, output, write5m, write1h, read }: TokenPrices, webSearch: Amount): Rates {
  const rate = (usd: number | undefined): Amount | null => (usd === undefined ? null : exact(usd, PER_TOKEN));
  return {
    input: exact(input, PER_TOKEN),
    output: exact(output, PER_TOKEN),
    write5m: rate(write5m),
    write1h: rate(write1h),
    read: rate(read),
    webSearch,
  };
}

function exact(usd: number, decimals: number): Amount {
  const amount = scaled(usd, decimals);
  if (amount === null) throw new RangeError(`${usd} is not a price.`);
  return amount;
}
