import type { AgentSpec } from '../agent/agent-spec.ts';
import { type Amount, toUsd } from './amount.ts';
import type { Message, MessageParam, RequestParams } from '../api.ts';
import type { Spend } from './budget-book.ts';
import { WINDOW_TOKENS } from './context-window.ts';
import { type CacheMarks, NO_MARKS } from '../cache/cache-marks.ts';
import { ConfigError, RunError } from '../errors.ts';
import { type CacheMarker, dearest, type HiddenCosts, hiddenCosts, type OtherModel } from './hidden-costs.ts';
import type { Pricing, Rates } from './pricing.ts';
import { type Glance, PromptBound, promptBound } from './prompt-bound.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest, SessionState } from '../journal/session-state.ts';

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

/** A request can stream for as long: a price that changes meanwhile counts. */
const LONGEST_REPLY_MS = 3_600_000;

/**
 * The most that a request can cost and use. Throws a RunError `config` that says what to set where no bound can be given,
 * or where a price is not known.
 */
export function worstCase(facts: WorstCaseFacts, pricing: Pricing | null): WorstCase {
  const hidden = hiddenCosts(facts.params);
  if (hidden.problem !== null) throw unbounded(hidden.problem);
  const prompt = Math.min(
    hidden.opaque ? WINDOW_TOKENS : (facts.promptTokens ?? WINDOW_TOKENS),
    WINDOW_TOKENS,
  );
  const own = use(hidden, prompt);
  const models = [{ model: facts.params.model, uses: 1, maxTokens: null }, ...hidden.fallbacks];
  const uses = [
    ...models.map((other) => times(own, other)),
    ...hidden.advisors.map((other) => advice(other, own)),
  ];
  return {
    tokens: {
      base: sum(uses.map(({ input, output }) => input.base + output.base)),
      perToken: sum(uses.map(({ input, output }) => input.perToken + output.perToken)),
    },
    money: pricing && price(uses, hidden, facts, pricing),
  };
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

/** The passes of one model over a prompt. Each may be preceded by one that writes a summary, as long as a reply. */
function use({ passes, growth, compactFrom }: HiddenCosts, prompt: number): Omit<Use, 'model'> {
  const later = passes - 1;
  const grows = growth === 'output' ? 1 : 0;
  const last = growth === 'window' ? WINDOW_TOKENS : prompt;
  const input = { base: prompt + later * last, perToken: (grows * (later * passes)) / 2 };
  const largest = { base: last, perToken: grows * later };
  const compacts = compactFrom !== null && (growth !== 'none' || prompt >= compactFrom) ? 2 : 1;
  return { input: scale(input, compacts), output: { base: 0, perToken: passes * compacts }, largest };
}

/** Another model in place of this one: it may write as much as the request says, or as its own limit does. */
function times(own: Omit<Use, 'model'>, { model, maxTokens }: OtherModel): Use {
  if (maxTokens === null) return { model, ...own };
  return { model, ...own, output: { base: own.output.perToken * maxTokens, perToken: 0 } };
}

/** An advisor reads what there is by then, as often as it is asked. */
function advice({ model, uses, maxTokens }: OtherModel, { largest, output }: Omit<Use, 'model'>): Use {
  const advised = uses * (maxTokens ?? 0);
  const reads = { base: largest.base + advised, perToken: Math.max(largest.perToken, output.perToken) };
  return { model, input: scale(reads, uses), output: { base: advised, perToken: 0 }, largest: reads };
}

function price(
  uses: readonly Use[],
  hidden: HiddenCosts,
  { params, marker, at, servedIn }: WorstCaseFacts,
  pricing: Pricing,
): NonNullable<WorstCase['money']> {
  const marked = dearest([hidden.marker, marker]);
  let base = 0n;
  let perToken = 0n;
  for (const { model, input, output, largest } of uses) {
    const promptTokens = Math.min(largest.base + largest.perToken * params.max_tokens, WINDOW_TOKENS);
    const rates = dearestRates(pricing, { model, params, promptTokens, at, servedIn }, marked);
    base += BigInt(input.base) * rates.input + BigInt(output.base) * rates.output;
    perToken += BigInt(input.perToken) * rates.input + BigInt(output.perToken) * rates.output;
    if (hidden.searches > 0 && model === params.model) base += BigInt(hidden.searches) * rates.search;
  }
  return { base, perToken };
}

interface RateQuestion {
  readonly model: string;
  readonly params: RequestParams;
  readonly promptTokens: number;
  readonly at: number;
  readonly servedIn: string | null | undefined;
}

/** The dearest rates that may apply: speed, region and band are what the reply says, which is not known yet. */
function dearestRates(
  pricing: Pricing,
  { model, params, promptTokens, at, servedIn }: RateQuestion,
  marker: CacheMarker,
): { readonly input: Amount; readonly output: Amount; readonly search: Amount } {
  const { speed } = params;
  // Where the request names no region, that of the workspace holds; replies tell which.
  const asked = params.inference_geo ?? servedIn;
  const geo = asked === undefined ? 'us' : asked;
  // Mostly the same ones each time.
  const found = new Set<Rates>();
  for (const each of speed === 'fast' ? ['fast', undefined] : [undefined]) {
    for (const when of [at, at + LONGEST_REPLY_MS]) {
      for (const size of [1, promptTokens]) {
        const rates = pricing.ratesOf(model, { at: when, promptTokens: size, speed: each, geo });
        if (rates) found.add(rates);
        else if (when === at && each === (speed === 'fast' ? 'fast' : undefined))
          throw unpriced(model, speed, asked);
      }
    }
  }
  let [input, output, search] = [0n, 0n, 0n];
  for (const rates of found) {
    const own = dearestInput(rates, marker);
    if (own === null) throw unpriced(model, speed, asked);
    input = dearer(input, own);
    output = dearer(output, rates.output);
    search = dearer(search, rates.webSearch);
  }
  return { input, output, search };
}

function dearestInput({ input, write5m, write1h, read }: Rates, marker: CacheMarker): Amount | null {
  if (marker === null) return input;
  if (write5m === null || (marker === '1h' && write1h === null)) return null;
  const short = dearer(dearer(input, write5m), read ?? 0n);
  return marker === '1h' ? dearer(short, write1h ?? 0n) : short;
}

const served = new WeakMap<object, string | null>();

/** A request of a run, looked at once for all of its gates. */
export interface Assessment {
  readonly glance: Glance;
  /** Whether `count_tokens` can make the bound tighter. */
  readonly countable: boolean;
  /** The most it can use, with so many more tokens in its prompt. */
  worst(pricing: Pricing | null, more?: number): WorstCase;
  /** The same if its prompt were nothing: no count can make it less. */
  least(pricing: Pricing | null): WorstCase;
  /** Learns from the reply what the next bound can lean on. */
  learn(reply: Message): void;
}

/** That of the latest request of a session. Not by request: what a weak map has as keys outlives many a collection. */
const latest = new WeakMap<
  SessionState,
  { readonly request: ModelRequest; readonly assessment: Assessment }
>();

/** Looks at a request of a run. */
export function assess(run: RunState, request: ModelRequest): Assessment {
  const known = latest.get(run.state);
  if (known?.request === request) return known.assessment;
  const assessment = assessAnew(run, request);
  latest.set(run.state, { request, assessment });
  return assessment;
}

function assessAnew(run: RunState, request: ModelRequest): Assessment {
  const { params, spec, seams, state } = run;
  const hidden = hiddenCosts(params);
  const glance = promptBound(state).glance(params, request, hidden.added);
  const of = (pricing: Pricing | null, promptTokens: number | null): WorstCase => {
    const facts = {
      params,
      promptTokens,
      marker: glance.marker,
      at: seams.now(),
      servedIn: served.get(spec),
    };
    return worstCase(facts, pricing);
  };
  // Several gates ask the same.
  let last:
    | { readonly pricing: Pricing | null; readonly promptTokens: number | null; readonly worst: WorstCase }
    | undefined;
  return {
    glance,
    get countable() {
      return !glance.counted && !hidden.opaque && hidden.growth !== 'window';
    },
    worst(pricing, more = 0) {
      const { tokens } = glance;
      const promptTokens = tokens === null ? null : tokens + more;
      if (last?.pricing !== pricing || last.promptTokens !== promptTokens)
        last = { pricing, promptTokens, worst: of(pricing, promptTokens) };
      return last.worst;
    },
    least: (pricing) => of(pricing, 0),
    learn(reply) {
      glance.learn(reply);
      const region = reply.usage.inference_geo ?? null;
      if (served.get(spec) !== region) served.set(spec, region);
    },
  };
}

/** The most that a first request can cost in USD, of a prompt of so many tokens; null where that can not be told. */
export function worstUsd(
  spec: AgentSpec,
  { messages, ...params }: RequestParams & { readonly messages: readonly MessageParam[] },
  inputTokens: number,
): number | null {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...params, messages }));
  // Whatever of it is cached, an hour is the dearest.
  const marks: CacheMarks = spec.cache.places ? { ...NO_MARKS, end: '1h' } : NO_MARKS;
  const glance = new PromptBound().glance(
    params,
    { params, messages, all: messages, bytes, marks },
    hiddenCosts(params).added,
  );
  glance.count(inputTokens);
  const { tokens: promptTokens, marker } = glance;
  const facts = { params, promptTokens, marker, at: spec.seams.now(), servedIn: served.get(spec) };
  try {
    return toUsd(worstAt(worstCase(facts, spec.pricing), params.max_tokens).amount);
  } catch (error) {
    if (RunError.is(error) && error.code === 'config') return null;
    throw error;
  }
}

/** Throws a ConfigError unless a model has a price, for an option that limits money. */
export function checkPriced(option: string, model: string, pricing: Pricing, at: number): void {
  if (pricing.ratesOf(model, { at, promptTokens: 1 })) return;
  throw new ConfigError(
    option,
    `limits money, but no price is known for the model "${model}". Give its price with the pricing option, or limit tokens or turns instead.`,
  );
}

function unbounded(problem: string): RunError {
  return new RunError('config', `A budget can not be kept: ${problem}`);
}

function unpriced(model: string, speed: unknown, geo: unknown): RunError {
  const how = `${speed === 'fast' ? ' in fast mode' : ''}${geo == null ? '' : ` in the region ${JSON.stringify(geo)}`}`;
  return new RunError(
    'config',
    `A money limit can not be kept: no price is known for the model "${model}"${how}. Give its price with the pricing option, or limit tokens or turns instead.`,
  );
}

function scale({ base, perToken }: Line, factor: number): Line {
  return { base: base * factor, perToken: perToken * factor };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function dearer(one: Amount, other: Amount): Amount {
  return other > one ? other : one;
}
