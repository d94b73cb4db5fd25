import type { Middleware } from '@anthropic-ai/sdk';
import { retryAfterMs } from './lost-reply.ts';
import { messageOf } from './errors.ts';
import type { RunState } from './run-state.ts';

/**
 * Watches the SDK's own tries of one request: tells readers of its retries and waits, and keeps it from obeying a
 * `retry-after` longer than `limits.retryAfterMs` or from retrying where waiting can not help (a spend limit).
 */
export function observeAttempts(run: RunState): Middleware {
  let attempt = 0;
  let failure = '';
  return async (request, next) => {
    attempt += 1;
    if (attempt > 1) run.tell({ type: 'retry', scope: 'request', attempt, reason: failure });
    let response: Response;
    try {
      response = await next(request);
    } catch (error) {
      failure = messageOf(error);
      throw error;
    }
    if (response.ok) return response;
    failure = `HTTP ${response.status}`;
    return boundRetry(run, response);
  };
}

async function boundRetry(run: RunState, response: Response): Promise<Response> {
  const waitMs = retryAfterMs(response.headers, run.seams.now());
  if (waitMs !== undefined && waitMs > run.spec.limits.retryAfterMs) return withoutRetry(response);
  if (response.status === 429 && waitMs === undefined && (await isSpendLimit(response)))
    return withoutRetry(response);
  if (waitMs !== undefined && response.headers.get('x-should-retry') !== 'false') {
    run.tell({
      type: 'wait',
      reason: response.status === 529 ? 'overloaded' : 'rate-limit',
      delayMs: waitMs,
    });
  }
  return response;
}

/** See https://platform.claude.com/docs/en/api/rate-limits: these 429s do not pass by waiting. */
async function isSpendLimit(response: Response): Promise<boolean> {
  const text = await response
    .clone()
    .text()
    .catch(() => '');
  return /"error_code"\s*:\s*"(enforced|contract)_spend_limit_reached"/.test(text);
}

function withoutRetry(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('x-should-retry', 'false');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
