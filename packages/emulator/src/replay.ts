import { canonicalJson } from './json.ts';
import { parseRecording, recordedBody } from './recording.ts';
import type { RecordedExchange } from './recording.ts';
import { readFetchCall } from './fetch-call.ts';
import { isFunction, isOneOf, isOptions, isText } from './option-checks.ts';
import type { Emulator } from './types.ts';

/** Options of `replay`. */
export interface ReplayOptions {
  readonly file: string;
  /** `any` lets requests come in another order, as concurrent ones do. Default `strict`. */
  readonly order?: 'strict' | 'any' | undefined;
  /** Changes a body before it is compared, on both sides: to leave out what differs every time. */
  readonly normalise?: ((body: unknown) => unknown) | undefined;
}

const checkReplayOptions = isOptions<ReplayOptions>(
  {
    file: isText,
    order: isOneOf('strict', 'any'),
    normalise: isFunction,
  },
  ['file'],
);

/** A recording being replayed. */
export interface Replayer {
  /** Answers with what was recorded; from the first request that differs on, with a 400 that shows the difference. */
  readonly fetch: Emulator['fetch'];
  /** Throws when a request differed or exchanges are left over. */
  assertDone(): void;
}

/** Replays a file that `record` wrote. Bodies are equal when their JSON is, whatever the order of keys. Needs `node:fs`. */
export function replay(options: ReplayOptions): Replayer {
  checkReplayOptions(options, 'replay options');
  const { file, order = 'strict', normalise = (body) => body } = options;
  let loading: Promise<RecordedExchange[]> | undefined;
  let left: readonly RecordedExchange[] | undefined;
  let mismatch: string | undefined;
  const load = async (): Promise<RecordedExchange[]> => {
    const { readFile } = await import('node:fs/promises');
    const exchanges = [...parseRecording(await readFile(file, 'utf8'))];
    left = exchanges;
    return exchanges;
  };
  return {
    fetch: async (input, init) => {
      const exchanges = await (loading ??= load());
      const sent = comparable(await incoming(input, init), normalise);
      if (mismatch !== undefined) return refusal(mismatch);
      const candidates = order === 'any' ? exchanges : exchanges.slice(0, 1);
      const found = candidates.find(({ request }) => same(comparable(request, normalise), sent));
      if (!found) {
        mismatch = await explain(exchanges[0], sent, normalise);
        return refusal(mismatch);
      }
      exchanges.splice(exchanges.indexOf(found), 1);
      return responseOf(found);
    },
    assertDone: () => {
      if (mismatch !== undefined) throw new Error(mismatch);
      if (!left) throw new Error('The recording was not used at all.');
      if (left.length > 0)
        throw new Error(`Not replayed: exchange ${left.map(({ number }) => number).join(', ')}`);
    },
  };
}

interface Comparable {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function incoming(input: string | URL | Request, init: RequestInit | undefined): Promise<Comparable> {
  const { method, target, bodyText } = await readFetchCall(input, init);
  return { method, path: target, body: recordedBody(bodyText) };
}

function comparable({ method, path, body }: Comparable, normalise: (body: unknown) => unknown): Comparable {
  return { method, path, body: normalise(body) };
}

function same(left: Comparable, right: Comparable): boolean {
  return canonicalJson(left) === canonicalJson(right);
}

async function explain(
  expected: RecordedExchange | undefined,
  sent: Comparable,
  normalise: (body: unknown) => unknown,
): Promise<string> {
  if (!expected) return `The recording has ended, but another request came: ${sent.method} ${sent.path}`;
  const { createPatch } = await import('diff');
  const before = pretty(comparable(expected.request, normalise));
  const patch = createPatch(`exchange ${expected.number}`, before, pretty(sent), 'recorded', 'sent', {
    context: 3,
  });
  return `The request differs from exchange ${expected.number} of the recording:\n${patch}`;
}

function pretty({ method, path, body }: Comparable): string {
  return `${method} ${path}\n${JSON.stringify(sorted(body), undefined, 2) ?? ''}\n`;
}

/** Keys in order, so that the diff shows only what counts. */
function sorted(value: unknown): unknown {
  const canonical = canonicalJson(value);
  return JSON.parse(canonical) as unknown;
}

function refusal(message: string): Response {
  const body = { type: 'error', error: { type: 'invalid_request_error', message }, request_id: 'req_replay' };
  return new Response(JSON.stringify(body), {
    status: 400,
    headers: { 'content-type': 'application/json', 'x-should-retry': 'false', 'request-id': 'req_replay' },
  });
}

function responseOf({ response, error }: RecordedExchange): Response {
  if (!response)
    throw new TypeError('fetch failed', { cause: new Error(error ?? 'the recorded request failed') });
  const { status, headers, chunks, ended } = response;
  const encoder = new TextEncoder();
  const queue = [...chunks];
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const next = queue.shift();
      if (next !== undefined) return controller.enqueue(encoder.encode(next));
      if (ended === 'broken')
        return controller.error(
          new TypeError('terminated', { cause: new Error('the recorded body broke here') }),
        );
      controller.close();
    },
  });
  return new Response(body, { status, headers });
}
