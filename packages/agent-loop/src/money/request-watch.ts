import type { Message } from '../api.ts';
import type { CostEvent, NewDelta, WarningEvent } from '../journal/events.ts';
import { passesOf } from './pricing.ts';
import type { RunState } from '../loop/run-state.ts';
import { WINDOW_TOKENS } from './prompt-bound.ts';
import { promptTokensOf } from './usage.ts';

/** A reply is dear from so many times the median of the run's earlier ones on, and these have to be so many. */
const DEAR = { times: 5, earlier: 3 };
/** The share of the context window from which its end is near. */
const NEARLY_FULL = 0.8;
/** See https://platform.claude.com/docs/en/about-claude/models/overview */
const SMALL_WINDOW = { models: /-4-5(-\d{8})?$/, tokens: 200_000 };

type Warning = Extract<NewDelta, { type: 'warning' }>;

/** What a run was warned of already, and what its replies have cost, the cheapest first. */
interface Watched {
  readonly told: Set<WarningEvent['cause']>;
  readonly prices: number[];
}

const watched = new WeakMap<RunState, Watched>();

/** Warns, once for each cause, of a reply that was unusually dear, or whose prompt makes the next ones dear or impossible. */
export function watchReply(run: RunState, message: Message, cost: ReplyCost): void {
  let known = watched.get(run);
  if (!known) watched.set(run, (known = { told: new Set(), prices: [] }));
  const { turn, usd, cache } = cost;
  const found = [
    usd === null ? null : dearReply(known, turn, usd, cache.miss),
    ...largePrompt(run, turn, message),
  ];
  for (const warning of found) {
    if (!warning || known.told.has(warning.cause)) continue;
    known.told.add(warning.cause);
    run.logger.warn(warning, warning.message);
    run.tell(warning);
  }
}

type ReplyCost = Pick<CostEvent, 'turn' | 'usd' | 'cache'>;

function dearReply({ prices }: Watched, turn: number, usd: number, miss: string | null): Warning | null {
  const medianUsd = prices[Math.floor(prices.length / 2)] ?? 0;
  const isDear = prices.length >= DEAR.earlier && usd > DEAR.times * medianUsd;
  // Prompts grow, so a later price mostly belongs near the end.
  prices.splice(prices.findLastIndex((price) => price <= usd) + 1, 0, usd);
  if (!isDear) return null;
  const why = miss === null ? '' : `; not read from the cache: ${miss}`;
  const message = `The reply of turn ${turn} cost ${usd} USD, those before it ${medianUsd} USD (median)${why}.`;
  return { type: 'warning', cause: 'dear-reply', turn, message, usd, medianUsd };
}

function largePrompt(run: RunState, turn: number, { model, usage }: Message): (Warning | null)[] {
  // Server tools give the model several passes over a prompt; the reply tells of their sum.
  const promptTokens = Math.max(...passesOf(model, usage).map((pass) => promptTokensOf(pass.usage)));
  const windowTokens = SMALL_WINDOW.models.test(model) ? SMALL_WINDOW.tokens : WINDOW_TOKENS;
  const at = run.seams.now();
  const { pricing } = run.spec;
  const small = pricing.ratesOf(model, { at, promptTokens: 1 });
  const large = pricing.ratesOf(model, { at, promptTokens });
  const common = { type: 'warning', turn, promptTokens } as const;
  return [
    small && large && large.input > small.input
      ? {
          ...common,
          cause: 'dear-band',
          message: `The prompt of turn ${turn} has ${promptTokens} tokens: for one so long every token of ${model} has a higher price.`,
        }
      : null,
    promptTokens > NEARLY_FULL * windowTokens
      ? {
          ...common,
          cause: 'window',
          windowTokens,
          message: `The prompt of turn ${turn} has ${promptTokens} tokens, and the context window of ${model} ${windowTokens}.`,
        }
      : null,
  ];
}
