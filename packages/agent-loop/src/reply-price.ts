import type { Message } from './api.ts';
import type { ReplyEvent, ReplyLostEvent, RequestEvent } from './events.ts';
import { usdOf } from './ledger.ts';
import type { LostReply } from './lost-reply.ts';
import type { PricedUsage } from './pricing.ts';
import type { RunState } from './run-state.ts';

/** What a reply costs, as its entry keeps it: by the prices of this moment, for good. */
export function priceFields(run: RunState, message: Message): Pick<ReplyEvent, 'usd' | 'usdByModel'> {
  const { amount, byModel } = run.spec.pricing.priceOfReply(message, run.seams.now());
  const usd = usdOf(amount);
  if ([...byModel.keys()].every((model) => model === message.model)) return { usd };
  return { usd, usdByModel: Object.fromEntries([...byModel].map(([model, part]) => [model, usdOf(part)])) };
}

type LossFields = Pick<ReplyLostEvent, 'usage' | 'worst' | 'lostUsd'>;

/** What the server may have billed for a reply that broke off, as its entry keeps it: an estimate. */
export function lossFields(run: RunState, lost: LostReply, request: Sent): LossFields {
  const { usage = null, model = request.model, text = '' } = lost.partial ?? {};
  if (!usage) return MAY_BE_BILLED.has(lost.code) ? worstFields(run, request) : { usage, lostUsd: 0 };
  // The output is told at the end only: until then what has arrived says more.
  const output_tokens = Math.max(usage.output_tokens ?? 0, Math.ceil(text.length / CHARS_PER_TOKEN));
  const reckoned: PricedUsage = { ...usage, output_tokens };
  return { usage, lostUsd: usdOf(run.spec.pricing.priceOf(model, reckoned, run.seams.now())) };
}

/** A request as its entry describes it. */
type Sent = Pick<RequestEvent, 'model' | 'bytes' | 'maxTokens'>;

/** What the server may have billed for a request of which nothing came back: at most. */
export function worstFields(run: RunState, { model, bytes, maxTokens }: Sent): LossFields & { usage: null } {
  const worst = { input_tokens: bytes, output_tokens: maxTokens };
  const { speed, inference_geo: geo } = run.params;
  const rates = run.spec.pricing.ratesOf(model, { at: run.seams.now(), promptTokens: bytes, speed, geo });
  const input = rates && [rates.input, rates.write5m, rates.write1h].reduce(dearer);
  const lostUsd = rates && input ? usdOf(BigInt(bytes) * input + BigInt(maxTokens) * rates.output) : null;
  return { usage: null, worst, lostUsd };
}

function dearer<T extends bigint | null>(one: T, other: T): T {
  return one === null || (other !== null && other > one) ? other : one;
}

const CHARS_PER_TOKEN = 4;
/** Where the API answers with an error it bills nothing. Where nothing came, nobody knows. */
const MAY_BE_BILLED: ReadonlySet<string> = new Set(['stopped', 'time-limit', 'stream-broken', 'connection']);
