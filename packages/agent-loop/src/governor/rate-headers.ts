/** What is limited. `tokens` stands for input and output together, where a server tells no more than that. */
export type RateKind = 'requests' | 'input' | 'output' | 'tokens';

/** What a server tells of one limit. */
export interface RateReading {
  /** Per minute. */
  readonly limit: number;
  readonly remaining: number;
  /** How far `remaining` may be off: the API rounds tokens to thousands. */
  readonly plusMinus: number;
}

/** What the headers of one response tell. */
export type RateReadings = Partial<Record<RateKind, RateReading>>;

const USUAL: Readonly<Record<RateKind, string>> = {
  requests: 'anthropic-ratelimit-requests',
  input: 'anthropic-ratelimit-input-tokens',
  output: 'anthropic-ratelimit-output-tokens',
  tokens: 'anthropic-ratelimit-tokens',
};
const FAST: Partial<Record<RateKind, string>> = {
  input: 'anthropic-fast-input-tokens',
  output: 'anthropic-fast-output-tokens',
};

/**
 * Reads the rate limits in the headers of a response. The `tokens` triple repeats the tightest of the others, so it
 * counts only where they are missing. `reset` is not read: how fast a bucket fills follows from its limit, and the clocks
 * of two machines differ. The limits of priority tier are not read either: what exceeds them is served as usual.
 * See https://platform.claude.com/docs/en/api/rate-limits#response-headers
 */
export function readRates(headers: Headers, fast: boolean): RateReadings {
  const readings: RateReadings = {};
  for (const kind of ['requests', 'input', 'output'] as const) {
    const own = fast ? FAST[kind] : undefined;
    const reading = (own && readTriple(headers, own)) ?? readTriple(headers, USUAL[kind]);
    if (reading) readings[kind] = reading;
  }
  if (readings.input || readings.output) return readings;
  const tokens = readTriple(headers, USUAL.tokens);
  return tokens ? { ...readings, tokens } : readings;
}

function readTriple(headers: Headers, name: string): RateReading | undefined {
  const limit = Number.parseFloat(headers.get(`${name}-limit`) ?? '');
  const remaining = Number.parseFloat(headers.get(`${name}-remaining`) ?? '');
  if (!(limit > 0 && limit < Infinity && Number.isFinite(remaining))) return undefined;
  const plusMinus = name.endsWith('tokens') && remaining % 1000 === 0 ? 500 : 0;
  return { limit, remaining, plusMinus };
}
