import type { PartialRunResult } from './loop/result.ts';

/**
 * Why a run could not go on.
 *
 * - `authentication`, `permission`, `billing`, `not-found`, `invalid-request`, `request-too-large`: the API refused the request.
 * - `rate-limited`, `overloaded`, `api-error`, `connection`: it failed after the SDK's and the loop's retries.
 * - `stream-broken`: replies kept breaking off before they were whole. `bad-reply`: what came was not a Messages API reply.
 * - `unknown-stop-reason`: the reply ended for a reason this version does not know; no tool of it was run.
 * - `output-invalid`: the model did not produce a valid `output` after correction.
 * - `stopped`, `time-limit`: a script of `orchestrate` was stopped, or its time was over. `script-changed`: it asks for
 *   other steps than those that its session holds.
 * - `hook-failed`: a hook threw. `journal`: the journal could not be written. `config`: a tool, a schema or the client turned out to be unusable.
 */
export type RunErrorCode =
  | 'authentication'
  | 'permission'
  | 'billing'
  | 'not-found'
  | 'invalid-request'
  | 'request-too-large'
  | 'rate-limited'
  | 'overloaded'
  | 'api-error'
  | 'connection'
  | 'stream-broken'
  | 'bad-reply'
  | 'unknown-stop-reason'
  | 'output-invalid'
  | 'stopped'
  | 'time-limit'
  | 'script-changed'
  | 'hook-failed'
  | 'journal'
  | 'config';

const brand = Symbol.for('@pawl/agent-loop/RunError');

/** A run that could not go on. Carries what was done until then; limits and refusals are outcomes, not errors. */
export class RunError extends Error {
  override readonly name = 'RunError';
  /** What went wrong, as a literal to switch on. */
  readonly code: RunErrorCode;
  /** How long the server asked to wait, in milliseconds, where it said so. */
  readonly retryAfterMs: number | undefined;
  /** Everything known of the run when it failed. Undefined only where it failed before it began. */
  result: PartialRunResult | undefined;
  readonly [brand] = true;

  constructor(code: RunErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  get runId(): string | undefined {
    return this.result?.runId;
  }
  get text(): string {
    return this.result?.text ?? '';
  }
  get turns(): number {
    return this.result?.turns ?? 0;
  }
  get messages(): PartialRunResult['messages'] {
    return this.result?.messages ?? [];
  }
  get usage(): PartialRunResult['usage'] | undefined {
    return this.result?.usage;
  }
  get cost(): PartialRunResult['cost'] | undefined {
    return this.result?.cost;
  }
  get steps(): PartialRunResult['steps'] {
    return this.result?.steps ?? [];
  }

  /** Whether `value` is a RunError, also one from another copy of this package. */
  static is(value: unknown): value is RunError {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** A mistake in how the library is used, found before anything was sent. The message says how to fix it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config';
  /** The option at fault, such as `limits.turns`. */
  readonly option: string;

  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}

/** The message of anything that was thrown: of an error, of anything with a message, or a thrown text itself. */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string' && thrown !== '') return thrown;
  if (typeof thrown === 'object' && thrown !== null) {
    const { message, name } = thrown as { message?: unknown; name?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    if (thrown instanceof Error && typeof name === 'string') return name;
  }
  return 'an unknown error was thrown';
}
