import type { JsonObject } from './json.ts';
import type {
  BlockSpec,
  CallSpec,
  CompactionSpec,
  ErrorSpec,
  ReplySpec,
  TextSpec,
  ThinkingSpec,
  WholeSpec,
} from './types.ts';

/** Options of a reply: everything but its content. */
export type ReplyOptions = Omit<ReplySpec, 'kind' | 'content'>;

/** A reply of the emulated model. A string stands for one text block; the stop reason is inferred unless given. */
export function reply(
  content: string | BlockSpec | readonly BlockSpec[],
  options: ReplyOptions = {},
): ReplySpec {
  const blocks = typeof content === 'string' ? [text(content)] : isList(content) ? content : [content];
  return { kind: 'reply', content: blocks, ...options };
}

function isList(content: BlockSpec | readonly BlockSpec[]): content is readonly BlockSpec[] {
  return Array.isArray(content);
}

/** A text block. */
export function text(value: string, options: { readonly citations?: readonly JsonObject[] } = {}): TextSpec {
  return { kind: 'text', text: value, ...options };
}

/**
 * A thinking block, signed by the emulator when it is sent. On models whose thinking display defaults to omitted the
 * text is left out as the API does it, unless the request asks for a summary or `shown` is true.
 */
export function thinking(
  value: string,
  options: { readonly signature?: string; readonly shown?: boolean } = {},
): ThinkingSpec {
  return { kind: 'thinking', text: value, ...options };
}

/** A redacted thinking block. */
export function redactedThinking(data = 'cGF3bC1yZWRhY3RlZA=='): WholeSpec {
  return whole({ type: 'redacted_thinking', data });
}

/** A client tool call. A string input is raw JSON text, sent as it is, so that cut inputs can be made. */
export function toolUse(name: string, input: JsonObject | string = {}, options: CallOptions = {}): CallSpec {
  return call('tool_use', name, input, options);
}

/** A call of a server tool such as `web_search`. */
export function serverToolUse(
  name: string,
  input: JsonObject | string = {},
  options: CallOptions = {},
): CallSpec {
  return call('server_tool_use', name, input, options);
}

/** Id and further members of a call block. */
export interface CallOptions {
  readonly id?: string;
  readonly fields?: JsonObject;
}

function call(
  type: CallSpec['type'],
  name: string,
  input: JsonObject | string,
  options: CallOptions,
): CallSpec {
  const json = typeof input === 'string' ? input : JSON.stringify(input);
  return { kind: 'call', type, name, json, ...options };
}

/** A compaction block; null content stands for a compaction that failed. */
export function compaction(content: string | null): CompactionSpec {
  return { kind: 'compaction', content };
}

/** Any block, sent whole in `content_block_start`: server tool results, fallback blocks, types nobody knows. */
export function whole(block: JsonObject & { readonly type: string }): WholeSpec {
  return { kind: 'whole', block };
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

/** An HTTP error in the API's shape; type and message default to those of the status. */
export function apiError(status: number, options: ApiErrorOptions = {}): ErrorSpec {
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
