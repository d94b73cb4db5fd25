import type { Amount } from './amount.ts';
import type { RequestParams } from '../api.ts';
import type { Spend } from './budget-book.ts';
import { WINDOW_TOKENS } from './context-window.ts';
import { dearestRates } from './dearest-rates.ts';
import { RunError } from '../errors.ts';
import { type CacheMarker, dearest, type HiddenCosts, type OtherModel } from './hidden-costs.ts';
import type { Pricing } from './pricing.ts';

/** The most that a request can use: `base` however short its reply is, and `perToken` for each token of `max_tokens`. */
export interface WorstCase {
  /** Null where money plays no part. */
  readonly money: { readonly base: Amount; readonly perToken: Amount } | null;
  readonly tokens: { readonly base: number; readonly perToken: number };
}

/** What a worst case is reckoned from. */
export interface WorstCaseFacts {
  readonly params: RequestParams;
  /** The most tokens the prompt can have; null where only the context window bounds it. */
  readonly promptTokens: number | null;
  /** The longest-lived cache marker in the messages. */
  readonly marker: CacheMarker;
  readonly at: number;
  /** The region that replies have named so far; undefined while none has. */
  readonly servedIn: string | null | undefined;
}

/**
 * The most that a request can cost and use. Throws a RunError `config` that says what to set where no bound can be given,
 * or where a price is not known.
 */
export function worstCase(facts: WorstCaseFacts, hidden: HiddenCosts, pricing: Pricing | null): WorstCase {
  if (hidden.problem !== null) throw unbounded(hidden.problem);
  const uses = usesOf(hidden, facts);
  const tokens = { base: 0, perToken: 0 };
  for (const { input, output } of uses) {
    tokens.base += input.base + output.base;
    tokens.perToken += input.perToken + output.perToken;
  }
  return { tokens, money: pricing && price(uses, hidden, facts, pricing) };
}

/** What a reply of that length can cost at most. */
export function worstAt({ money, tokens }: WorstCase, maxTokens: number): Spend {
  return {
    amount: money ? money.base + money.perToken * BigInt(maxTokens) : 0n,
    tokens: tokens.base + tokens.perToken * maxTokens,
  };
}

/** Tokens as a line: so many, and so many for each token of `max_tokens`. */
interface Line {
  readonly base: number;
  readonly perToken: number;
}
interface Use {
  readonly model: string;
  readonly input: Line;
  readonly output: Line;
  /** The largest prompt of a pass, by which bands are told; a line as well. */
  readonly largest: Line;
}

/** What each of the models makes of it that may answer, or give advice. */
function usesOf(hidden: HiddenCosts, { params, promptTokens }: WorstCaseFacts): readonly Use[] {
  const known = hidden.opaque || promptTokens === null ? WINDOW_TOKENS : promptTokens;
  const own = use(params.model, hidden, Math.min(known, WINDOW_TOKENS));
  const { fallbacks, advisors } = hidden;
  if (fallbacks.length === 0 && advisors.length === 0) return [own];
  return [
    own,
    ...fallbacks.map((each) => inPlaceOf(own, each)),
    ...advisors.map((each) => advice(each, own)),
  ];
}

/** The passes of one model over a prompt. Each may be preceded by one that writes a summary, as long as a reply. */
function use(model: string, { passes, growth, compactFrom }: HiddenCosts, prompt: number): Use {
  const later = passes - 1;
  const grows = growth === 'output' ? 1 : 0;
  const last = growth === 'window' ? WINDOW_TOKENS : prompt;
  const input = { base: prompt + later * last, perToken: (grows * (later * passes)) / 2 };
  const largest = { base: last, perToken: grows * later };
  const compacts = compactFrom !== null && (growth !== 'none' || prompt >= compactFrom) ? 2 : 1;
  return { model, input: scale(input, compacts), output: { base: 0, perToken: passes * compacts }, largest };
}

/** Another model in place of this one: it may write as much as the request says, or as its own limit does. */
function inPlaceOf(own: Use, { model, maxTokens }: OtherModel): Use {
  if (maxTokens === null) return { ...own, model };
  return { ...own, model, output: { base: own.output.perToken * maxTokens, perToken: 0 } };
}

/** An advisor reads what there is by then, as often as it is asked. */
function advice({ model, uses, maxTokens }: OtherModel, { largest, output }: Use): Use {
  const advised = uses * (maxTokens ?? 0);
  const reads = { base: largest.base + advised, perToken: Math.max(largest.perToken, output.perToken) };
  return { model, input: scale(reads, uses), output: { base: advised, perToken: 0 }, largest: reads };
}

function price(
  uses: readonly Use[],
  hidden: HiddenCosts,
  facts: WorstCaseFacts,
  pricing: Pricing,
): NonNullable<WorstCase['money']> {
  const { params, marker } = facts;
  const marked = dearest([hidden.marker, marker]);
  let base = 0n;
  let perToken = 0n;
  for (const { model, input, output, largest } of uses) {
    const promptTokens = Math.min(largest.base + largest.perToken * params.max_tokens, WINDOW_TOKENS);
    const rates = dearestRates(pricing, model, promptTokens, marked, facts);
    base += BigInt(input.base) * rates.input + BigInt(output.base) * rates.output;
    perToken += BigInt(input.perToken) * rates.input + BigInt(output.perToken) * rates.output;
    if (hidden.searches > 0 && model === params.model) base += BigInt(hidden.searches) * rates.webSearch;
  }
  return { base, perToken };
}

function unbounded(problem: string): RunError {
  return new RunError('config', `A budget can not be kept: ${problem}`);
}

function scale({ base, perToken }: Line, factor: number): Line {
  return { base: base * factor, perToken: perToken * factor };
}
