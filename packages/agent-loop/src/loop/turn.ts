import type { Candidate, Permit } from './admission.ts';
import { messageOf, RunError } from '../errors.ts';
import { askLeave } from './leave.ts';
import { LostReply } from '../request/lost-reply.ts';
import { callModel, type Reply } from '../request/model-call.ts';
import type { ReplyListener } from '../request/reply-builder.ts';
import { logLoss, logReply } from './call-log.ts';
import { planCompaction } from '../money/compaction-plan.ts';
import { watchReply, watchRequest } from '../money/request-watch.ts';
import { costOfLast, lossFields, priceFields } from '../money/reply-price.ts';
import type { Price } from '../money/pricing.ts';
import type { RunState } from './run-state.ts';
import { servedBlocks } from '../journal/sendable.ts';
import { ToolBatch } from '../tools/tool-batch.ts';

/** A whole reply and the batch of its tool calls, of which `read` tools may already be running. */
export interface Turn {
  readonly reply: Pick<Reply, 'message'>;
  readonly batch: ToolBatch;
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;

/**
 * Asks the model once and keeps its reply. A reply that breaks off is recorded as lost and the turn is tried again, up
 * to `limits.turnRetries` times: nothing but `read` tools can have run by then, so nothing with an effect is repeated.
 * Returns null where the run was stopped meanwhile.
 */
export async function takeTurn(run: RunState, turn: number): Promise<Turn | null> {
  const planning = planCompaction(run, turn);
  if (planning) await planning;
  for (let attempt = 1; ; attempt += 1) {
    const admitted = await askLeave(run, { turn, attempt });
    if (!admitted) return null;
    const { request, permit } = admitted;
    if (!(await announce(run, { turn, attempt, request }, permit))) return null;
    const batch = new ToolBatch(run, turn);
    try {
      const watching = { begun: () => permit.begun?.(), attempts: permit.attempts };
      const reply = await callModel(run, request, listenTo(run, batch), watching);
      const price = run.spec.pricing.priceOfReply(reply.message, run.seams.now());
      permit.settle(reply.message, price);
      const served = servedBlocks(reply.message.content);
      if (served !== reply.message.content) batch.retain(served as readonly { readonly id?: string }[]);
      return await keep(run, turn, reply, price, batch);
    } catch (error) {
      await batch.discard();
      if (!(error instanceof LostReply)) throw error;
      permit.lose(error);
      await recordLoss(run, { turn, attempt, request }, error);
      const { tooLong } = error;
      if (tooLong) run.halt.trip({ kind: 'context-full', reason: `the API refused it: ${tooLong}` });
      if (run.halt.reason) return null;
      if (!error.retryable || attempt > run.spec.limits.turnRetries) throw toRunError(error, attempt);
      await waitBeforeRetry(run, attempt, error);
      if (run.halt.reason) return null;
    }
  }
}

/** Shows a request that has leave to be sent to the hook, and records it. False where the run was stopped meanwhile. */
async function announce(run: RunState, candidate: Candidate, permit: Permit): Promise<boolean> {
  const { turn, attempt, request } = candidate;
  const { hooks } = run.spec;
  try {
    if (hooks.beforeRequest) {
      const seen = { runId: run.runId, turn, attempt, params: request.params };
      await callHook(run, 'beforeRequest', () => hooks.beforeRequest?.(seen));
      if (run.halt.reason) {
        permit.release();
        return false;
      }
    }
    watchRequest(run, turn, request);
    await recordRequest(run, candidate, permit);
    return true;
  } catch (error) {
    permit.release();
    throw error;
  }
}

function recordRequest(
  run: RunState,
  { turn, attempt, request }: Candidate,
  { worst }: Permit,
): Promise<void> {
  const { model, max_tokens: maxTokens } = request.params;
  const reserved = worst && { reserved: worst };
  return run.record({
    type: 'request',
    turn,
    attempt,
    model,
    maxTokens,
    bytes: request.bytes.length,
    ...reserved,
  });
}

async function keep(
  run: RunState,
  turn: number,
  reply: Reply,
  price: Price,
  batch: ToolBatch,
): Promise<Turn> {
  const { message, brokenCalls, requestId, firstTokenMs, durationMs } = reply;
  await run.record({
    type: 'reply',
    turn,
    message,
    brokenCalls,
    requestId,
    firstTokenMs,
    durationMs,
    ...priceFields(run, message, price),
  });
  const cost = costOfLast(run);
  if (cost) run.tell({ type: 'cost', ...cost });
  if (cost) watchReply(run, message, cost);
  logReply(run, turn, reply, cost);
  const { hooks } = run.spec;
  if (hooks.afterReply)
    await callHook(run, 'afterReply', () => hooks.afterReply?.({ runId: run.runId, turn, message }));
  return { reply, batch };
}

function listenTo(run: RunState, batch: ToolBatch): ReplyListener {
  const call: ReplyListener['call'] = (block, broken) => batch.add(block, broken);
  if (!run.telling) return { text() {}, thinking() {}, toolInput() {}, call };
  return {
    text: (text) => run.tell({ type: 'text-delta', text }),
    thinking: (text) => run.tell({ type: 'thinking-delta', text }),
    toolInput: (callId, tool, partialJson) =>
      run.tell({ type: 'tool-input-delta', callId, tool, partialJson }),
    call,
  };
}

async function recordLoss(
  run: RunState,
  { turn, attempt, request }: Candidate,
  lost: LostReply,
): Promise<void> {
  const { params, bytes } = request;
  const { text = '', model = params.model, durationMs = 0 } = lost.partial ?? {};
  const { code, message } = lost;
  const sent = { model: params.model, bytes: bytes.length, maxTokens: params.max_tokens };
  const loss = { ...lossFields(run, lost, sent), ...(lost.unbilled && { unbilled: true as const }) };
  await run.record({ type: 'reply-lost', turn, attempt, code, message, text, model, durationMs, ...loss });
  const { usage, lostUsd } = loss;
  logLoss(run, { turn, attempt, model, code, usage, lostUsd, durationMs, err: lost });
}

async function waitBeforeRetry(run: RunState, attempt: number, lost: LostReply): Promise<void> {
  const ceiling = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
  const delayMs = Math.round(ceiling * (1 - run.seams.random() * 0.25));
  run.tell({ type: 'wait', reason: 'retry', delayMs });
  await run.sleep(delayMs);
  if (!run.halt.reason)
    run.tell({ type: 'retry', scope: 'turn', attempt: attempt + 1, reason: lost.message });
}

/** Calls a hook that only observes. One that throws ends the run. */
async function callHook(run: RunState, name: string, call: () => unknown): Promise<void> {
  try {
    await run.halt.race(Promise.resolve(call()));
  } catch (error) {
    throw new RunError('hook-failed', `The ${name} hook failed: ${messageOf(error)}`, { cause: error });
  }
}

function toRunError(lost: LostReply, attempts: number): RunError {
  const tries = attempts > 1 ? ` (${attempts} tries)` : '';
  const options = lost.retryAfterMs === undefined ? {} : { retryAfterMs: lost.retryAfterMs };
  return new RunError(lost.code, `${lost.message}${tries}`, {
    cause: lost.cause ?? lost,
    ...options,
  });
}
