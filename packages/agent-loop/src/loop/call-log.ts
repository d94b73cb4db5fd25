import type { RequestParams } from '../api.ts';
import type { CostEvent, ReplyLostEvent } from '../journal/events.ts';
import type { LostReply } from '../request/lost-reply.ts';
import type { Reply } from '../request/model-call.ts';
import type { RunState } from './run-state.ts';

type Logging = Pick<RunState, 'logger' | 'params'>;
type Cost = Pick<CostEvent, 'usd' | 'totalUsd' | 'cache'>;
type Loss = Pick<
  ReplyLostEvent,
  'turn' | 'attempt' | 'model' | 'code' | 'usage' | 'lostUsd' | 'durationMs'
> & {
  readonly err: LostReply;
};

/** The one line in the log of a call of the model that was answered. */
export function logReply(run: Logging, turn: number, reply: Reply, cost: Cost | undefined): void {
  const { message, requestId, firstTokenMs, durationMs } = reply;
  const { stop_reason: stopReason, model, usage } = message;
  const { usd = null, totalUsd = null, cache } = cost ?? {};
  const fields = {
    turn,
    model,
    stopReason,
    usage,
    cache,
    usd,
    totalUsd,
    requestId,
    firstTokenMs,
    durationMs,
  };
  run.logger.info({ ...fields, ...userOf(run.params) }, 'reply');
}

/** The one line of a call whose reply was lost. `code` is the type of the error. */
export function logLoss(run: Logging, loss: Loss): void {
  const { firstTokenMs = null } = loss.err.partial ?? {};
  run.logger.warn({ ...loss, firstTokenMs, ...userOf(run.params) }, 'reply lost');
}

function userOf({ metadata }: RequestParams): { readonly userId?: string } {
  const userId = metadata?.user_id;
  return typeof userId === 'string' ? { userId } : {};
}
