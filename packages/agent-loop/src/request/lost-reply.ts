import type { ReplyUsage } from '../api.ts';
import { messageOf, type RunErrorCode } from '../errors.ts';

/** What had arrived of a reply that broke off. */
export interface PartialReply {
  readonly text: string;
  readonly usage: Partial<ReplyUsage> | null;
  readonly model: string;
  readonly durationMs: number;
  /** From the request to the first content, in milliseconds; null where none came. */
  readonly firstTokenMs: number | null;
}

/** A reply that did not arrive whole. `retryable` says whether trying the turn again can help. */
export class LostReply extends Error {
  override readonly name = 'LostReply';
  readonly code: RunErrorCode | 'stopped' | 'time-limit';
  readonly retryable: boolean;
  retryAfterMs: number | undefined;
  partial: PartialReply | undefined;
  /** Whether it cost nothing for sure: it never left, or the server answered with an error in place of a reply. */
  unbilled = false;

  constructor(code: LostReply['code'], message: string, retryable: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
  }

  /** What the API says of a prompt that does not fit the context window; undefined where that is not why. */
  get tooLong(): string | undefined {
    if (this.code !== 'invalid-request') return undefined;
    return /prompt is too long(: \d+ tokens > \d+ maximum)?/.exec(this.message)?.[0];
  }
}

/** A reply that does not come because its request was not sent, or not again: it costs nothing. */
export function notSent(code: RunErrorCode, message: string, cause?: unknown): LostReply {
  const lost = new LostReply(code, message, false, cause);
  lost.unbilled = true;
  return lost;
}

/** What the SDK's errors carry. Read by shape, so that errors of another copy of the SDK are understood too. */
interface SdkError {
  readonly status?: number | undefined;
  readonly type?: string | null | undefined;
  readonly headers?: Headers | undefined;
  readonly message?: string;
  readonly error?: unknown;
  readonly cause?: unknown;
}

const BY_TYPE: Readonly<Record<string, RunErrorCode>> = {
  invalid_request_error: 'invalid-request',
  authentication_error: 'authentication',
  billing_error: 'billing',
  permission_error: 'permission',
  not_found_error: 'not-found',
  request_too_large: 'request-too-large',
  rate_limit_error: 'rate-limited',
  overloaded_error: 'overloaded',
  api_error: 'api-error',
  timeout_error: 'api-error',
  conflict_error: 'api-error',
};

const BY_STATUS: Readonly<Record<number, RunErrorCode>> = {
  400: 'invalid-request',
  401: 'authentication',
  402: 'billing',
  403: 'permission',
  404: 'not-found',
  413: 'request-too-large',
  422: 'invalid-request',
  429: 'rate-limited',
  529: 'overloaded',
};

/**
 * Classifies what the SDK threw. An error with a status came before the stream began, and the SDK has retried what is
 * worth it; one without a status broke a stream that had begun, which the SDK never retries.
 *
 * See https://platform.claude.com/docs/en/api/errors
 */
export function lostByApi(thrown: unknown, now: number): LostReply {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as SdkError;
  const message = messageOf(thrown);
  if (error.status !== undefined) {
    const code = (error.type ? BY_TYPE[error.type] : undefined) ?? BY_STATUS[error.status] ?? 'api-error';
    const lost = new LostReply(code, message, false, thrown);
    lost.retryAfterMs = retryAfterMs(error.headers, now);
    lost.unbilled = true;
    return lost;
  }
  if (isConnectionError(error)) return new LostReply('connection', describeConnection(error), false, thrown);
  const typed = error.type ? BY_TYPE[error.type] : undefined;
  const passing =
    typed === undefined || typed === 'overloaded' || typed === 'api-error' || typed === 'rate-limited';
  return new LostReply(typed ?? 'stream-broken', `The stream broke: ${message}`, passing, thrown);
}

/** The wait the server asks for, in milliseconds, or undefined. Read exactly as the SDK reads it, which obeys it. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const exact = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  if (exact > 0) return exact;
  const header = headers?.get('retry-after') ?? '';
  const seconds = Number.parseFloat(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000;
  return ms > 0 ? ms : undefined;
}

/**
 * The SDK's connection errors are the only ones of its API errors without status and body. Told by shape and not by
 * class name, which a bundler may change.
 */
function isConnectionError(error: SdkError): boolean {
  return 'requestID' in error && error.status === undefined && error.error === undefined;
}

function describeConnection(error: SdkError): string {
  const cause = error.cause instanceof Error ? messageOf(error.cause.cause ?? error.cause) : undefined;
  return cause
    ? `${error.message ?? 'Connection error.'} (${cause})`
    : (error.message ?? 'Connection error.');
}
