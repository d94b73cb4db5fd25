import type { Amount } from './amount.ts';
import type { Message, ReplyUsage } from '../api.ts';
import { PRICES, type PriceTable } from './prices.ts';
import { RateTable } from './rate-table.ts';

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

/** Prices requests and replies by a table. All arithmetic is exact; what the table does not know is null, never guessed. */
export class Pricing {
  readonly rates: RateTable;

  constructor(table: PriceTable) {
    this.rates = new RateTable(table);
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
      const paid = searches === null ? null : searches * this.rates.webSearch;
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
    const rates = this.rates.of(pass.model, facts);
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
