import type { Middleware } from '@anthropic-ai/sdk';
import type { AttemptWatch } from '../loop/admission.ts';
import { retryAfterMs } from './lost-reply.ts';
import { messageOf } from '../errors.ts';
import type { WaitEvent } from '../journal/events.ts';
import type { RunState } from '../loop/run-state.ts';

/** The SDK's own back-off: 0.5 s, doubled with every try, at most 8 s, up to a quarter less by chance. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;

/**
 * Watches the SDK's own tries of one request, `maxRetries` at most: tells readers of its waits and retries, and keeps it
 * from obeying a `retry-after` longer than `limits.retryAfterMs` or from retrying where waiting can not help (a spend limit).
 * `watches` see every answer, and let each further try go.
 */
export function observeAttempts(
  run: RunState,
  maxRetries: number,
  watches: readonly AttemptWatch[],
): Middleware {
  let attempt = 0;
  let failure = '';
  const tellWait = (reason: WaitEvent['reason'], askedMs?: number): void => {
    if (attempt > maxRetries || run.halt.reason) return;
    const delayMs = askedMs ?? Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
    run.tell({ type: 'wait', reason, delayMs });
  };
  return async (request, next) => {
    attempt += 1;
    if (attempt > 1) for (const watch of watches) await watch.again();
    if (attempt > 1) run.tell({ type: 'retry', scope: 'request', attempt, reason: failure });
    let response: Response;
    try {
      response = await next(request);
    } catch (error) {
      for (const watch of watches) watch.failed(error);
      failure = messageOf(error);
      tellWait('retry');
      throw error;
    }
    if (response.ok) {
      for (const watch of watches) watch.answered(response, undefined, false);
      return response;
    }
    failure = `HTTP ${response.status}`;
    const waitMs = retryAfterMs(response.headers, run.seams.now());
    const hopeless = await isHopeless(run, response, waitMs);
    for (const watch of watches) watch.answered(response, waitMs, hopeless);
    if (hopeless) return withoutRetry(response);
    if (isRetried(response)) tellWait(reasonOf(response.status), waitMs);
    return response;
  };
}

/** Whether the SDK would retry in vain, or wait longer than the run may. */
async function isHopeless(run: RunState, response: Response, waitMs: number | undefined): Promise<boolean> {
  if (waitMs !== undefined) return waitMs > run.spec.limits.retryAfterMs;
  return response.status === 429 && (await isSpendLimit(response));
}

/** See https://platform.claude.com/docs/en/api/rate-limits: these 429s do not pass by waiting. */
async function isSpendLimit(response: Response): Promise<boolean> {
  const text = await response
    .clone()
    .text()
    .catch(() => '');
  return /"error_code"\s*:\s*"(enforced|contract)_spend_limit_reached"/.test(text);
}

/** Whether the SDK retries this response, as its own rule has it. */
function isRetried({ status, headers }: Response): boolean {
  const asked = headers.get('x-should-retry');
  if (asked === 'true' || asked === 'false') return asked === 'true';
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function reasonOf(status: number): WaitEvent['reason'] {
  if (status === 429) return 'rate-limit';
  return status === 529 ? 'overloaded' : 'retry';
}

function withoutRetry(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('x-should-retry', 'false');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
