import { toUsd } from './amount.ts';
import type { Message } from '../api.ts';
import { windowOf } from './context-window.ts';
import type { CostEvent, NewDelta, WarningEvent } from '../journal/events.ts';
import { NEARLY_FULL, promptOf } from './large-request.ts';
import { passesOf } from './pricing.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest, SessionState } from '../journal/session-state.ts';
import { promptTokensOf } from './usage.ts';

/** Something is dear from so many times the median of the earlier replies on, and these have to be so many. */
const DEAR = { times: 5, earlier: 3 };

type Warning = Extract<NewDelta, { type: 'warning' }>;

/** What a run was warned of already, the turn of its latest warning, and that of the latest request that was dear. */
interface Warned {
  readonly causes: Set<WarningEvent['cause']>;
  turn: number;
  dear: number;
}

const warned = new WeakMap<RunState, Warned>();
const earlier = new WeakMap<SessionState, number[]>();

/**
 * Warns of a request before it is sent: its prompt nearly fills the context window, has a higher price for every token, or
 * will cost more than five times what whole replies have cost so far. One request warns once, and a run once of each cause.
 */
export function watchRequest(run: RunState, turn: number, request: ModelRequest): void {
  const known = warnedOf(run);
  if (known.turn === turn) return;
  const { model } = request.params;
  const { tokens } = promptOf(run, request);
  const seen = { turn, promptTokens: tokens };
  const warning =
    unsaid(known, nearlyFull(model, seen)) ??
    unsaid(known, dearBand(run, model, seen)) ??
    unsaid(known, dearRequest(run, turn, request, tokens));
  if (warning) warn(run, known, turn, warning);
}

/** Warns of a reply that shows what its request did not: it was dear, or its prompt larger than it could be known to be. */
export function watchReply(run: RunState, { model, usage }: Message, cost: ReplyCost): void {
  const known = warnedOf(run);
  const { turn, usd, cache } = cost;
  const dear = usd === null ? null : dearReply(run, turn, usd, cache.miss);
  if (known.turn === turn) return;
  const isNews = known.dear !== turn;
  // Server tools give the model several passes over a prompt; the reply tells of their sum.
  const promptTokens = Math.max(...passesOf(model, usage).map((pass) => promptTokensOf(pass.usage)));
  const seen = { turn, promptTokens };
  const warning =
    unsaid(known, nearlyFull(model, seen)) ??
    unsaid(known, dearBand(run, model, seen)) ??
    unsaid(known, isNews ? dear : null);
  if (warning) warn(run, known, turn, warning);
}

type ReplyCost = Pick<CostEvent, 'turn' | 'usd' | 'cache'>;

function warnedOf(run: RunState): Warned {
  let known = warned.get(run);
  if (!known) warned.set(run, (known = { causes: new Set(), turn: 0, dear: 0 }));
  return known;
}

/** A warning, unless the run was warned of that cause. */
function unsaid({ causes }: Warned, warning: Warning | null): Warning | null {
  return warning && !causes.has(warning.cause) ? warning : null;
}

function warn(run: RunState, known: Warned, turn: number, warning: Warning): void {
  known.causes.add(warning.cause);
  known.turn = turn;
  run.logger.warn(warning, warning.message);
  run.tell(warning);
}

/** What the latest whole replies of the conversation have cost, the cheapest first. */
function pricesOf({ state, spec }: RunState): number[] {
  let prices = earlier.get(state);
  if (!prices) {
    const own = state.total.latestSteps.filter(({ agent, lost }) => agent === spec.name && !lost);
    prices = own.flatMap(({ usd }) => usd ?? []).toSorted((one, other) => one - other);
    earlier.set(state, prices);
  }
  return prices;
}

/** What is dear, and the median by which it is; null where there is too little to compare with. */
function dearFrom(prices: readonly number[]): { readonly usd: number; readonly medianUsd: number } | null {
  const medianUsd = prices[Math.floor(prices.length / 2)] ?? 0;
  return prices.length < DEAR.earlier ? null : { usd: DEAR.times * medianUsd, medianUsd };
}

function dearRequest(
  run: RunState,
  turn: number,
  request: ModelRequest,
  promptTokens: number,
): Warning | null {
  const dear = dearFrom(pricesOf(run));
  if (!dear) return null;
  const { model, speed, inference_geo: geo } = request.params;
  const at = run.seams.now();
  const rates = run.spec.pricing.rates.of(model, { at, promptTokens, speed, geo });
  if (!rates) return null;
  const { held, lost } = run.state.cache.outlook(model, at);
  const cachedTokens = lost === null ? Math.min(held, promptTokens) : 0;
  const written = { '5m': rates.write5m, '1h': rates.write1h, none: rates.input }[
    request.marks.end ?? 'none'
  ];
  const fresh = BigInt(promptTokens - cachedTokens) * (written ?? rates.input);
  const usd = toUsd(BigInt(cachedTokens) * (rates.read ?? rates.input) + fresh);
  if (usd <= dear.usd) return null;
  warnedOf(run).dear = turn;
  const { medianUsd } = dear;
  const newTokens = Math.max(promptTokens - (run.state.cache.last?.prompt ?? 0), 0);
  const why = lost === null ? '' : `; ${held} that were cached can not be read: ${lost}`;
  const message = `The prompt of turn ${turn} will cost about ${short(usd)} USD, whole replies so far ${short(medianUsd)} USD (median): about ${promptTokens} tokens, ${newTokens} of them new${why}.`;
  const sizes = { promptTokens, cachedTokens, newTokens };
  return {
    type: 'warning',
    cause: 'dear-request',
    turn,
    message,
    usd,
    medianUsd,
    ...sizes,
    ...(lost && { miss: lost }),
  };
}

function short(usd: number): string {
  return String(Number(usd.toPrecision(3)));
}

function dearReply(run: RunState, turn: number, usd: number, miss: string | null): Warning | null {
  const prices = pricesOf(run);
  const dear = dearFrom(prices);
  // Prompts grow, so a later price mostly belongs near the end.
  prices.splice(prices.findLastIndex((price) => price <= usd) + 1, 0, usd);
  if (!dear || usd <= dear.usd) return null;
  const { medianUsd } = dear;
  const why = miss === null ? '' : `; not read from the cache: ${miss}`;
  const message = `The reply of turn ${turn} cost ${usd} USD, those before it ${medianUsd} USD (median)${why}.`;
  return { type: 'warning', cause: 'dear-reply', turn, message, usd, medianUsd };
}

interface Seen {
  readonly turn: number;
  readonly promptTokens: number;
}

function dearBand(run: RunState, model: string, { turn, promptTokens }: Seen): Warning | null {
  const above = run.spec.pricing.rates.dearAbove(model, run.seams.now());
  if (above === null || promptTokens <= above) return null;
  const message = `The prompt of turn ${turn} has ${promptTokens} tokens: above ${above} every token of ${model} has a higher price.`;
  return { type: 'warning', cause: 'dear-band', turn, message, promptTokens };
}

function nearlyFull(model: string, { turn, promptTokens }: Seen): Warning | null {
  const windowTokens = windowOf(model);
  if (promptTokens <= NEARLY_FULL * windowTokens) return null;
  const message = `The prompt of turn ${turn} has ${promptTokens} tokens, and the context window of ${model} ${windowTokens}.`;
  return { type: 'warning', cause: 'window', turn, message, promptTokens, windowTokens };
}
