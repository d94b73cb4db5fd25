import { toContent } from './content.ts';
import type { ReplyContent } from './content.ts';
import { checkFault } from './faults.ts';
import type { JsonObject } from './json.ts';
import {
  isAnyObject,
  isCount,
  isDuration,
  isHeaders,
  isObjectOrNull,
  isOneOf,
  isOptions,
  isSwitch,
  isText,
  isTextOrNull,
  refuse,
} from './option-checks.ts';
import type { ChunkOptions, ErrorSpec, ReplySpec } from './types.ts';

/** Options of a reply: everything but its content. */
export type ReplyOptions = Omit<ReplySpec, 'kind' | 'content'>;

/** Throws unless a value is options of how a stream is cut. */
export const checkChunk = isOptions<ChunkOptions>({
  size: isCount,
  delayMs: isDuration,
  eol: isOneOf('\n', '\r\n', '\r'),
  bytes: isCount,
  split: isOneOf('utf8', 'json', 'eol'),
  eventsPerWrite: isCount,
  pings: isSwitch,
  messageDeltas: isCount,
});

const checkReplyOptions = isOptions<ReplyOptions>({
  stopReason: isTextOrNull,
  stopSequence: isTextOrNull,
  stopDetails: isObjectOrNull,
  usage: isAnyObject,
  model: isText,
  container: isObjectOrNull,
  delayMs: isDuration,
  chunk: checkChunk,
  fault: checkFault,
  fields: isAnyObject,
  headers: isHeaders,
});

/**
 * A reply of the emulated model. A text stands for one text block, and a block may be one of the API; the stop reason is
 * inferred unless given. Throws a TypeError for a block or an option that it does not know.
 */
export function reply(
  content: ReplyContent | readonly ReplyContent[],
  options: ReplyOptions = {},
): ReplySpec {
  checkReplyOptions(options, 'reply options');
  return { kind: 'reply', content: toContent(content), ...options };
}

/** Options of an error reply. */
export interface ApiErrorOptions {
  /** Default: the type that belongs to the status. */
  readonly type?: string;
  readonly message?: string;
  readonly details?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Seconds, sent as `retry-after`. */
  readonly retryAfter?: number;
  /** Milliseconds, sent as `retry-after-ms`. */
  readonly retryAfterMs?: number;
  /** Sent as `x-should-retry`. */
  readonly shouldRetry?: boolean;
  /** Wait before the response, in milliseconds. */
  readonly delayMs?: number;
}

const errors: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ['invalid_request_error', 'Invalid request'],
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'Your credit balance is too low to access the Claude API.'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'Not found'],
  409: ['conflict_error', 'The request conflicts with the current state of the resource.'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: ['rate_limit_error', 'This request would exceed the rate limit for your organization.'],
  500: ['api_error', 'Internal server error'],
  504: ['timeout_error', 'Request timed out'],
  529: ['overloaded_error', 'Overloaded'],
};

const checkErrorOptions = isOptions<ApiErrorOptions>({
  type: isText,
  message: isText,
  details: isAnyObject,
  headers: isHeaders,
  retryAfter: isDuration,
  retryAfterMs: isDuration,
  shouldRetry: isSwitch,
  delayMs: isDuration,
});

/** Throws unless a value is the status of a response that is no success. */
export function checkStatus(value: unknown, where: string): void {
  if (Number.isInteger(value) && Number(value) >= 300 && Number(value) < 600) return;
  refuse(where, 'a status from 300 to 599', value);
}

/** An HTTP error in the API's shape; type and message default to those of the status. */
export function apiError(status: number, options: ApiErrorOptions = {}): ErrorSpec {
  checkStatus(status, 'apiError status');
  checkErrorOptions(options, 'apiError options');
  const [type, message] =
    errors[status] ??
    (status >= 500 ? ['api_error', 'Internal server error'] : ['invalid_request_error', 'Invalid request']);
  const { retryAfter, retryAfterMs, shouldRetry } = options;
  const headers: Record<string, string> = { ...options.headers };
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  if (retryAfterMs !== undefined) headers['retry-after-ms'] = String(retryAfterMs);
  if (shouldRetry !== undefined) headers['x-should-retry'] = String(shouldRetry);
  return {
    kind: 'error',
    status,
    type: options.type ?? type,
    message: options.message ?? message,
    ...(options.details && { details: options.details }),
    headers,
    ...(options.delayMs !== undefined && { delayMs: options.delayMs }),
  };
}

/** A 429 of a spend cap: no `retry-after`, the cause in `details.error_code`. */
export function spendCapError(
  code: 'enforced_spend_limit_reached' | 'contract_spend_limit_reached' = 'enforced_spend_limit_reached',
): ErrorSpec {
  return apiError(429, {
    message: 'You have reached your specified API usage limits.',
    details: { error_code: code },
  });
}
