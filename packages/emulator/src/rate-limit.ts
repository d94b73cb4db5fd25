import type { ErrorSpec, RateLimits } from './types.ts';
import { apiError } from './reply.ts';

/** Limits told in headers when none are enforced: those of the Start tier. */
const shown = {
  requestsPerMinute: 1000,
  inputTokensPerMinute: 2_000_000,
  outputTokensPerMinute: 400_000,
} as const;

type Kind = 'requests' | 'input-tokens' | 'output-tokens';

interface Bucket {
  level: number;
  at: number;
}

/** Token buckets of one API key and model group. */
export interface RateGate {
  /** Takes one request and its input tokens; an error when a bucket is empty. */
  admit(key: string, inputTokens: number): ErrorSpec | undefined;
  /** Takes output tokens as they were produced; the level may go below zero. */
  spend(key: string, outputTokens: number): void;
  headers(key: string): Record<string, string>;
}

/** Buckets that refill evenly to the limit once a minute, by the emulator's clock. */
export function createRateGate(limits: RateLimits, clock: () => number): RateGate {
  const sizes: Readonly<Record<Kind, number>> = {
    requests: limits.requestsPerMinute ?? shown.requestsPerMinute,
    'input-tokens': limits.inputTokensPerMinute ?? shown.inputTokensPerMinute,
    'output-tokens': limits.outputTokensPerMinute ?? shown.outputTokensPerMinute,
  };
  const enforced: Readonly<Record<Kind, boolean>> = {
    requests: limits.requestsPerMinute !== undefined,
    'input-tokens': limits.inputTokensPerMinute !== undefined,
    'output-tokens': limits.outputTokensPerMinute !== undefined,
  };
  const buckets = new Map<string, Bucket>();
  const bucketOf = (key: string, kind: Kind): Bucket => {
    const now = clock();
    const bucket = buckets.get(`${kind} ${key}`) ?? { level: sizes[kind], at: now };
    bucket.level = Math.min(sizes[kind], bucket.level + ((now - bucket.at) * sizes[kind]) / 60_000);
    bucket.at = now;
    buckets.set(`${kind} ${key}`, bucket);
    return bucket;
  };
  const admit = (key: string, inputTokens: number): ErrorSpec | undefined => {
    const wanted: readonly (readonly [Kind, number])[] = [
      ['requests', 1],
      ['input-tokens', Math.min(inputTokens, sizes['input-tokens'])],
      ['output-tokens', 1],
    ];
    for (const [kind, amount] of wanted) {
      const lacking = amount - bucketOf(key, kind).level;
      if (enforced[kind] && lacking > 0) return tooFast(kind, sizes[kind], lacking);
    }
    for (const [kind, amount] of wanted) if (kind !== 'output-tokens') bucketOf(key, kind).level -= amount;
    return undefined;
  };
  return {
    admit,
    spend: (key, outputTokens) => {
      bucketOf(key, 'output-tokens').level -= outputTokens;
    },
    headers: (key) => rateHeaders((kind) => ({ limit: sizes[kind], ...bucketOf(key, kind) })),
  };
}

function tooFast(kind: Kind, limit: number, lacking: number): ErrorSpec {
  const retryAfter = Math.max(1, Math.ceil((lacking * 60) / limit));
  const unit = kind.replace('-', ' ');
  return apiError(429, {
    message: `This request would exceed the rate limit for your organization of ${limit} ${unit} per minute.`,
    retryAfter,
  });
}

interface Level extends Bucket {
  readonly limit: number;
}

function rateHeaders(read: (kind: Kind) => Level): Record<string, string> {
  const input = read('input-tokens');
  const output = read('output-tokens');
  const tightest = input.level / input.limit <= output.level / output.limit ? input : output;
  return {
    ...triple('requests', read('requests'), 1),
    ...triple('input-tokens', input, 1000),
    ...triple('output-tokens', output, 1000),
    ...triple('tokens', tightest, 1000),
  };
}

function triple(name: string, { level, limit, at }: Level, unit: number): Record<string, string> {
  const prefix = `anthropic-ratelimit-${name}`;
  const full = at + ((limit - level) * 60_000) / limit;
  return {
    [`${prefix}-limit`]: String(limit),
    [`${prefix}-remaining`]: String(Math.max(0, Math.round(Math.floor(level) / unit) * unit)),
    [`${prefix}-reset`]: `${new Date(full).toISOString().slice(0, 19)}Z`,
  };
}
