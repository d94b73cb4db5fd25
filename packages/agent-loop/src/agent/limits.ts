import {
  checkCount,
  checkCountOrZero,
  checkDuration,
  checkNotNegative,
  checkOptions,
  checkPositive,
  withoutUndefined,
} from '../option-checks.ts';

/** Bounds of a run. Reaching one ends the run with an outcome; it is never an exception. */
export interface Limits {
  /** Model calls in a run. Default 50. */
  readonly turns: number;
  /** Length of a run in milliseconds. Default 3,600,000 (one hour). */
  readonly timeMs: number;
  /** Silence of a stream, in milliseconds, before its turn is tried again. Pings are silence, but for up to ten times as long where thinking is withheld or a tool of the server works; the headers of an answer may take ten times as long too. Default 60,000. */
  readonly idleMs: number;
  /** Tools of one run that run at the same time. Default 8. */
  readonly concurrency: number;
  /** How often a turn whose reply broke off is tried again. Default 2. */
  readonly turnRetries: number;
  /** Paused turns in a row that are resumed. Default 10. */
  readonly pauses: number;
  /** Longest `retry-after` that is waited for, in milliseconds; a longer one ends the run with `rate-limited`. Default 60,000. */
  readonly retryAfterMs: number;
  /** How often the model is asked to correct an output that does not fit its schema. Default 2. */
  readonly outputRetries: number;
  /** How many levels of subagents may be below this agent. Those above it may allow fewer. Default 4. */
  readonly depth: number;
  /** How many subagents a run may start, those of its subagents included. Default 50. */
  readonly children: number;
  /** What a run may cost, its subagents and lost replies included, in USD. It is never passed. Default: no limit. */
  readonly usd?: number;
}

const DEFAULT_LIMITS: Limits = {
  turns: 50,
  timeMs: 3_600_000,
  idleMs: 60_000,
  concurrency: 8,
  turnRetries: 2,
  pauses: 10,
  retryAfterMs: 60_000,
  outputRetries: 2,
  depth: 4,
  children: 50,
};

/** Limits that may be 0: nothing is tried again, nothing is waited for. */
const MAY_BE_ZERO: readonly (keyof Limits)[] = [
  'turnRetries',
  'pauses',
  'outputRetries',
  'retryAfterMs',
  'depth',
  'children',
];
const WHOLE: readonly (keyof Limits)[] = [
  'turns',
  'concurrency',
  'turnRetries',
  'pauses',
  'outputRetries',
  'depth',
  'children',
];

/** Checks limits and completes them. Throws a ConfigError that names the one at fault. */
export function toLimits(given: Partial<Limits> = {}): Limits {
  checkOptions('limits', given, [...Object.keys(DEFAULT_LIMITS), 'usd']);
  for (const key of Object.keys(given) as (keyof Limits)[]) checkLimit(key, given[key]);
  return { ...DEFAULT_LIMITS, ...withoutUndefined(given) };
}

function checkLimit(key: keyof Limits, value: unknown): void {
  const option = `limits.${key}`;
  const mayBeZero = MAY_BE_ZERO.includes(key);
  if (WHOLE.includes(key)) return (mayBeZero ? checkCountOrZero : checkCount)(option, value);
  if (mayBeZero) checkNotNegative(option, value);
  if (!(value === 0 && mayBeZero)) (key.endsWith('Ms') ? checkDuration : checkPositive)(option, value);
}
