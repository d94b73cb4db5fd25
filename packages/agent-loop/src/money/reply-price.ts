import type { Message } from '../api.ts';
import type { CostEvent, ReplyEvent, ReplyLostEvent, RequestEvent } from '../journal/events.ts';
import { usdOf } from './ledger.ts';
import type { LostReply } from '../request/lost-reply.ts';
import type { Price, PricedUsage } from './pricing.ts';
import type { RunState } from '../loop/run-state.ts';

/** What a reply costs, as its entry keeps it: by the prices of the moment it came, for good. */
export function priceFields(
  run: RunState,
  message: Message,
  { amount, byModel, saved }: Price = run.spec.pricing.priceOfReply(message, run.seams.now()),
): PriceFields {
  const { miss } = run.state.cache.factsOf(message);
  const price = { usd: usdOf(amount), savedUsd: usdOf(saved), ...(miss && { cacheMiss: miss }) };
  if ([...byModel.keys()].every((model) => model === message.model)) return price;
  const parts = [...byModel].map(([model, part]) => [model, usdOf(part)] as const);
  return { ...price, usdByModel: Object.fromEntries(parts) };
}

type PriceFields = Pick<ReplyEvent, 'usd' | 'usdByModel' | 'savedUsd' | 'cacheMiss'>;

/** What the last reply of a run cost, once it is folded. */
export function costOfLast({ runId, tally }: RunState): ReplyCost | undefined {
  const step = tally.steps.findLast((each) => each.runId === runId);
  if (!step) return undefined;
  const { turn, model, usd, usage, savedUsd, cacheMiss: miss = null } = step;
  const { cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage;
  return { turn, model, usd, totalUsd: tally.usd, usage, cache: { written, read, savedUsd, miss } };
}

type ReplyCost = Pick<CostEvent, 'turn' | 'model' | 'usd' | 'totalUsd' | 'usage' | 'cache'>;

type LossFields = Pick<ReplyLostEvent, 'usage' | 'worst'> & { readonly lostUsd: number | null };

/** What the server may have billed for a reply that broke off, as its entry keeps it: an estimate. */
export function lossFields(run: RunState, lost: LostReply, request: Sent): LossFields {
  const { usage = null, model = request.model, text = '' } = lost.partial ?? {};
  const isFree = lost.unbilled || !MAY_BE_BILLED.has(lost.code);
  if (!usage && isFree) return { usage, lostUsd: 0 };
  if (typeof usage?.input_tokens !== 'number') return worstFields(run, request);
  // The output is told at the end only: until then what has arrived says more.
  const output_tokens = Math.max(usage.output_tokens ?? 0, Math.ceil(text.length / CHARS_PER_TOKEN));
  const reckoned: PricedUsage = { ...usage, output_tokens };
  return { usage, lostUsd: usdOf(run.spec.pricing.priceOf(model, reckoned, run.seams.now())) };
}

/** A request as its entry describes it. */
type Sent = Pick<RequestEvent, 'model' | 'bytes' | 'maxTokens'>;

/** What the server may have billed for a request of which nothing came back, or nothing that tells: at most. */
export function worstFields(run: RunState, { model, bytes, maxTokens }: Sent): LossFields & { usage: null } {
  const worst = { input_tokens: bytes, output_tokens: maxTokens };
  const { speed, inference_geo: geo } = run.params;
  const rates = run.spec.pricing.rates.of(model, { at: run.seams.now(), promptTokens: bytes, speed, geo });
  const input = rates && [rates.input, rates.write5m, rates.write1h].reduce(dearer);
  const lostUsd = rates && input ? usdOf(BigInt(bytes) * input + BigInt(maxTokens) * rates.output) : null;
  return { usage: null, worst, lostUsd };
}

function dearer<T extends bigint | null>(one: T, other: T): T {
  return one === null || (other !== null && other > one) ? other : one;
}

const CHARS_PER_TOKEN = 4;
/** Where the API answers with an error, or was not reached, it bills nothing. Where nothing came, nobody knows. */
const MAY_BE_BILLED: ReadonlySet<string> = new Set(['stopped', 'time-limit', 'stream-broken', 'connection']);
