import { type Amount, scaled } from './amount.ts';
import type { Message, ReplyUsage } from '../api.ts';
import { PRICES, type ModelPrices, type PriceTable, type TokenPrices } from './prices.ts';

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

/**
 * Token counts as a reply, a part of one, or a pass inside it states them. What is left out or null counts as 0; without
 * `input_tokens` or `output_tokens` there is no price.
 */
export type PricedUsage = { readonly [K in keyof ReplyUsage]?: ReplyUsage[K] | null } & {
  readonly iterations?: unknown;
};

/** One pass of a model over a prompt, as far as it is billed. A reply is one, or several. */
export interface Pass {
  readonly model: string;
  readonly usage: PricedUsage;
}

/** What a reply costs: in all, and by the model of each pass. */
export interface Price {
  /** Null where the price of any part is not known. */
  readonly amount: Amount | null;
  readonly byModel: ReadonlyMap<string, Amount | null>;
  /** What caching saved: what the prompt would have cost as plain input, less what it did. Below 0 where only written. */
  readonly saved: Amount | null;
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

/** Prices requests and replies by a table. All arithmetic is exact; what the table does not know is null, never guessed. */
export class Pricing {
  /** By every name of a model. The latest comes last. */
  readonly #periods = new Map<string, readonly Period[]>();
  readonly #webSearch: Amount;

  constructor({ models, aliases, webSearch }: PriceTable) {
    this.#webSearch = exact(webSearch, PER_SEARCH);
    for (const [model, rows] of Object.entries(models))
      this.#periods.set(
        model,
        listOf(rows).map((row, index, all) => toPeriod(row, all[index + 1], this.#webSearch)),
      );
    for (const [alias, model] of Object.entries(aliases)) {
      const periods = this.#periods.get(model);
      if (periods) this.#periods.set(alias, periods);
    }
  }

  /** What a token of such a request costs; null where no price is known for it. */
  ratesOf(model: string, { at, promptTokens, speed, geo, batch = false }: RateFacts): Rates | null {
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
  possibleRates(model: string, { from, to, promptTokens, speed, geo }: RateRange): readonly Rates[] {
    const found: Rates[] = [];
    if (!this.ratesOf(model, { at: from, promptTokens, speed, geo })) return found;
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

  /** What a usage of a model costs, with all of its passes; null where a part of it has no known price. */
  priceOf(model: string, usage: PricedUsage, at: number): Amount | null {
    return this.#price(model, usage, at).amount;
  }

  /** What a whole reply costs. One that was refused before any output is not billed. */
  priceOfReply({ model, usage, content, stop_reason }: Message, at: number): Price {
    // https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
    const isFree = stop_reason === 'refusal' && content.length === 0;
    if (!isFree) return this.#price(model, usage, at);
    const byModel = new Map(passesOf(model, usage).map((pass) => [pass.model, 0n] as const));
    return { amount: 0n, saved: 0n, byModel };
  }

  #price(model: string, usage: PricedUsage, at: number): Price {
    const byModel = new Map<string, Amount | null>();
    let saved: Amount | null = 0n;
    for (const pass of passesOf(model, usage)) {
      const before = byModel.get(pass.model);
      const { amount, plain } = this.#tokens(pass, usage, at);
      saved = minus(plus(saved, plain), amount);
      byModel.set(pass.model, before === undefined ? amount : plus(before, amount));
    }
    const searches = count(usage.server_tool_use?.web_search_requests);
    // Searches are of the reply, not of a pass.
    if (searches !== 0n) {
      const paid = searches === null ? null : searches * this.#webSearch;
      const before = byModel.get(model);
      byModel.set(model, before === undefined ? paid : plus(before, paid));
    }
    return { amount: [...byModel.values()].reduce(plus, 0n), byModel, saved };
  }

  /** What the tokens of a pass cost, and what they would have cost without a cache. */
  #tokens(pass: Pass, { speed, inference_geo: geo, service_tier }: PricedUsage, at: number): Tokens {
    const used = countsOf(pass.usage);
    if (!used) return UNKNOWN;
    const prompt = used.input + used.read + used.write5m + used.write1h;
    const facts = { at, promptTokens: Number(prompt), speed, geo, batch: service_tier === 'batch' };
    const rates = this.ratesOf(pass.model, facts);
    if (!rates) return UNKNOWN;
    let amount: Amount | null = 0n;
    for (const kind of KINDS) amount = plus(amount, cost(used[kind], rates[kind]));
    return { amount, plain: prompt * rates.input + used.output * rates.output };
  }
}

interface Tokens {
  readonly amount: Amount | null;
  readonly plain: Amount | null;
}
const UNKNOWN: Tokens = { amount: null, plain: null };

const KINDS = ['input', 'output', 'write5m', 'write1h', 'read'] as const;

let standard: Pricing | undefined;

/** The pricing of agents that were given none: by the table of this version. */
export function standardPricing(): Pricing {
  standard ??= new Pricing(PRICES);
  return standard;
}

/**
 * The passes of a reply that are billed. Where the API lists them, they are the whole bill: the numbers of the reply
 * itself leave out compaction and advisors, and tell of the last attempt alone where there were several. An attempt that
 * was declined before any output, and followed by one of another model, is listed but free.
 * See https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
 */
export function passesOf(model: string, usage: PricedUsage): readonly Pass[] {
  const listed = Array.isArray(usage.iterations) ? (usage.iterations as Iteration[]) : [];
  if (listed.length === 0) return [{ model, usage }];
  const served = listed.findLastIndex(({ type }) => type === 'fallback_message');
  const billed = listed.filter(
    ({ type, output_tokens }, index) => !(type === 'message' && !output_tokens && index < served),
  );
  return billed.map((usage) => ({ model: usage.model ?? model, usage }));
}

type Iteration = Omit<PricedUsage, 'iterations'> & { readonly type?: string; readonly model?: string | null };

/** The sum, or null where either is not known. */
export function plus(one: Amount | null, other: Amount | null): Amount | null {
  return one === null || other === null ? null : one + other;
}

function minus(one: Amount | null, other: Amount | null): Amount | null {
  return one === null || other === null ? null : one - other;
}

/** Whether the price of a region is known. */
function isPriced(geo: unknown): boolean {
  return geo === 'us' || PLAIN_REGIONS.has(geo);
}

function servedIn({ plain, us, batch, usBatch }: Tier, geo: unknown, isBatch: boolean): Rates {
  return geo === 'us' ? (isBatch ? usBatch : us) : isBatch ? batch : plain;
}

/** Nothing costs nothing, at whatever rate. */
function cost(tokens: bigint, rate: Amount | null): Amount | null {
  if (tokens === 0n) return 0n;
  return rate === null ? null : tokens * rate;
}

function countsOf(usage: PricedUsage): Readonly<Record<(typeof KINDS)[number], bigint>> | null {
  if (!tellsTokens(usage)) return null;
  const input = count(usage.input_tokens);
  const output = count(usage.output_tokens);
  const read = count(usage.cache_read_input_tokens);
  const written = count(usage.cache_creation_input_tokens);
  const hour = count(usage.cache_creation?.ephemeral_1h_input_tokens);
  if (input === null || output === null || read === null || written === null || hour === null) return null;
  const write1h = hour < written ? hour : written;
  return { input, output, read, write1h, write5m: written - write1h };
}

/** Whether a usage has what every reply of the API has. Servers that leave it out tell nothing of what was used. */
export function tellsTokens({ input_tokens, output_tokens }: PricedUsage): boolean {
  return typeof input_tokens === 'number' && typeof output_tokens === 'number';
}

/** A count as the API gives it, or null where it is none. */
function count(value: unknown): bigint | null {
  if (value === undefined || value === null) return 0n;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? BigInt(value as number) : null;
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
