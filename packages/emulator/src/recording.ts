import { z } from './zod.ts';

/** Version of the recording format: JSON lines, a header first, then one exchange a line in any order. */
const recordingVersion = 1;

const header = z.strictObject({ format: z.literal('pawl-recording'), version: z.literal(recordingVersion) });

const exchange = z.strictObject({
  /** Number of the request, from 1, in the order they were sent. */
  number: z.int().min(1),
  request: z.strictObject({
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.unknown(),
  }),
  /** What came back, or the error of a fetch that failed. */
  response: z
    .strictObject({
      status: z.int(),
      headers: z.record(z.string(), z.string()),
      /** The text of the body, write by write. */
      chunks: z.array(z.string()),
      /** How the body ended. */
      ended: z.enum(['complete', 'cancelled', 'broken']),
    })
    .nullable(),
  error: z.string().nullable(),
});

/** One recorded request with its response. */
export type RecordedExchange = z.infer<typeof exchange>;

/** The first line of a recording. */
export const headerLine = JSON.stringify({ format: 'pawl-recording', version: recordingVersion });

/** Parses a recording; an error names the line that is not as it should be. */
export function parseRecording(text: string): readonly RecordedExchange[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const exchanges = lines.map((line, index) => {
    const parsed = (index === 0 ? header : exchange).safeParse(parseLine(line, index));
    if (!parsed.success)
      throw new Error(`Line ${index + 1} of the recording is invalid: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  });
  if (exchanges.length === 0) throw new Error('The recording is empty: even the header is missing.');
  return exchanges.filter((entry) => 'number' in entry).toSorted((left, right) => left.number - right.number);
}

function parseLine(line: string, index: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`Line ${index + 1} of the recording is not JSON.`, { cause: error });
  }
}

const keptRequestHeaders = new Set(['content-type', 'anthropic-version', 'anthropic-beta']);
const keptResponseHeaders =
  /^(?:content-type|request-id|retry-after(?:-ms)?|x-should-retry|anthropic-(?:ratelimit|priority|fast)-.*)$/;

/** Request headers that say nothing about who sent them. */
export function safeRequestHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => keptRequestHeaders.has(name)));
}

/** Response headers a client acts on. */
export function safeResponseHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => keptResponseHeaders.test(name)));
}

/** The text without API keys and bearer tokens, wherever they stand. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/sk-ant-[\w-]+/g, 'sk-ant-***')
    .replaceAll(/\b(Bearer\s+)[\w.~+/-]{8,}=*/gi, '$1***');
}

/** The body of a request as it is recorded and compared: parsed when it is JSON, secrets taken out. */
export function recordedBody(text: string): unknown {
  const safe = withoutSecrets(text);
  try {
    return JSON.parse(safe);
  } catch {
    return safe;
  }
}
