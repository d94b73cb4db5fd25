import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import {
  createEmulator,
  fault,
  faultTable,
  reply,
  script,
  startEmulator,
  text,
  toolUse,
} from '../src/index.ts';
import type { Fault, ReplySpec } from '../src/index.ts';
import { clientOf, eventsOf, plain, post } from './api.ts';
import type { Body } from './api.ts';

const api = 'https://api.example/v1/messages';
const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};
const turn = (broken: Fault): ReplySpec =>
  reply([text('Let me look.'), toolUse('write', { path: 'a.txt', text: 'some text' })], { fault: broken });

/** How long a reader waits for the headers, and for news in the body, in milliseconds. */
interface Patience {
  readonly headersMs: number;
  readonly quietMs: number;
}

const patient: Patience = { headersMs: 10_000, quietMs: 10_000 };

/** What a client that only reads sees: the events, the body, or how it broke. */
async function observe(
  send: (init: RequestInit) => Promise<Response>,
  stream: boolean,
  { headersMs, quietMs }: Patience = patient,
): Promise<string> {
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(new Error('gave up'));
  let timer = setTimeout(giveUp, headersMs);
  let head: string | undefined;
  let body = '';
  const seen = (): string => `${head}: ${summary(body)}`;
  try {
    const response = await send({
      method: 'POST',
      headers: { authorization: 'Bearer k', 'anthropic-version': '2026-10-21' },
      body: JSON.stringify({ ...plain, stream }),
      signal: abort.signal,
    });
    head = `${response.status} ${(response.headers.get('content-type') ?? '').split(';')[0]}`;
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      const text = decoder.decode(bytes as Uint8Array, { stream: true });
      body += text;
      // Pings are no news.
      if (text.startsWith('event: ping')) continue;
      clearTimeout(timer);
      timer = setTimeout(giveUp, quietMs);
    }
    return seen();
  } catch (error) {
    const reason = reasonOf(error, abort.signal);
    return head === undefined ? `no response: ${reason}` : `${seen()} then ${reason}`;
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'gave up';
  const { message, cause } = error as {
    readonly message: string;
    readonly cause?: { readonly code?: string };
  };
  return `${message} (${cause?.code})`;
}

const short: Readonly<Record<string, string>> = {
  message_start: 'S',
  content_block_start: '[',
  content_block_delta: 'd',
  content_block_stop: ']',
  message_delta: 'D',
  message_stop: 'E',
  ping: '.',
};

/** A stream as a letter an event, a body as what it is. */
function summary(body: string): string {
  if (!body.includes('data: ')) return body.startsWith('{') ? jsonKind(body) : body.slice(0, 9);
  const frames = body.split(/\n\n/).filter((frame) => frame !== '');
  return frames.map((frame) => letterOf(frame)).join('');
}

function letterOf(frame: string): string {
  const name = /^event: (.*)$/m.exec(frame)?.[1];
  if (name === undefined) return '-';
  return short[name] ?? `<${name}>`;
}

function jsonKind(body: string): string {
  try {
    const { stop_reason: stop, type } = JSON.parse(body) as Body;
    return `json ${String(type)} ${String(stop)}`;
  } catch {
    return 'half json';
  }
}

/** What each fault with its defaults looks like: in a stream, and in a plain reply. */
const looks: Readonly<Record<Fault['id'], readonly [stream: string, plain: string]>> = {
  'connection-refused': [
    'no response: fetch failed (ECONNREFUSED)',
    'no response: fetch failed (ECONNREFUSED)',
  ],
  'connection-reset': ['no response: fetch failed (ECONNRESET)', 'no response: fetch failed (ECONNRESET)'],
  'header-stall': ['no response: gave up', 'no response: gave up'],
  stall: ['200 text/event-stream: S.[d then gave up', '200 application/json: half json then gave up'],
  'ping-stall': [
    '200 text/event-stream: S.[d... then gave up',
    '200 application/json: json message tool_use',
  ],
  cut: [
    '200 text/event-stream: S.[d then terminated (UND_ERR_SOCKET)',
    '200 application/json: half json then terminated (UND_ERR_SOCKET)',
  ],
  'early-end': ['200 text/event-stream: S.[d', '200 application/json: json message tool_use'],
  'error-event': ['200 text/event-stream: S.[d<error>', '529 application/json: json error undefined'],
  'malformed-json': ['200 text/event-stream: S.[d][d]DE', '200 application/json: half json'],
  'data-only': ['200 text/event-stream: ----------', '200 application/json: json message tool_use'],
  html: ['200 text/html: <!doctype', '200 text/html: <!doctype'],
  'empty-body': ['200 application/json: ', '200 application/json: '],
  'json-for-stream': [
    '200 application/json: json message tool_use',
    '200 application/json: json message tool_use',
  ],
  'sse-for-json': ['200 text/event-stream: S.[d][d]DE', '200 text/event-stream: S.[d][d]DE'],
  'truncated-json': ['200 text/event-stream: S.[d]', '200 application/json: half json'],
  'wrong-shape': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json undefined undefined'],
  'cut-tool-input': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json message max_tokens'],
  'missing-block-stop': ['200 text/event-stream: S.[d][dDE', '200 application/json: json message tool_use'],
  'duplicate-message-start': [
    '200 text/event-stream: S.[dS][d]DE',
    '200 application/json: json message tool_use',
  ],
  'out-of-order-index': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json message tool_use'],
  'unknown-block': ['200 text/event-stream: S.[][d][d]DE', '200 application/json: json message tool_use'],
  'unknown-delta': ['200 text/event-stream: S.[dd][d]DE', '200 application/json: json message tool_use'],
  'unknown-event': [
    '200 text/event-stream: S.[d<constellation>][d]DE',
    '200 application/json: json message tool_use',
  ],
  'unknown-stop-reason': [
    '200 text/event-stream: S.[d][d]DE',
    '200 application/json: json message cosmic_ray',
  ],
  'null-stop-reason': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json message null'],
  'missing-usage': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json message tool_use'],
  'slow-trickle': ['200 text/event-stream: S.[d][d]DE', '200 application/json: json message tool_use'],
  'huge-tool-input': ['', '200 application/json: json message tool_use'],
};

/** The same faults with shorter pauses. */
const quick: { readonly [id in Fault['id']]?: Fault } = {
  'slow-trickle': fault.slowTrickle({ bytes: 256, everyMs: 1 }),
  'ping-stall': fault.pingStall({ everyMs: 5 }),
};

/** Undici tells a refused connection from a reset one only when there is no server. */
const overHttp: Readonly<Record<string, string>> = {
  'no response: fetch failed (ECONNREFUSED)': 'no response: fetch failed (ECONNRESET)',
};

describe('every fault looks the same in memory and over HTTP', () => {
  test('the table lists every fault once', () => {
    expect(faultTable.map(({ id }) => id).sort()).toEqual(Object.keys(looks).sort());
    expect(faultTable.length).toBeGreaterThanOrEqual(16);
    expect(faultTable.map(({ make }) => make().id)).toEqual(faultTable.map(({ id }) => id));
  });

  test.concurrent.each(faultTable)('$id', async ({ id, make }) => {
    const patience =
      id === 'header-stall'
        ? { ...patient, headersMs: 50 }
        : id.endsWith('stall')
          ? { ...patient, quietMs: 200 }
          : patient;
    const spec = turn(quick[id] ?? make());
    const emulator = createEmulator({ respond: () => spec });
    await using server = await startEmulator({ respond: () => spec });
    for (const [index, stream] of [true, false].entries()) {
      const [inMemory, remote] = await Promise.all([
        observe((init) => emulator.fetch(api, init), stream, patience),
        observe((init) => fetch(`${server.url}/v1/messages`, init), stream, patience),
      ]);
      const expected = looks[id][index] ?? '';
      if (expected === '') expect(inMemory).toMatch(/^200 text\/event-stream: S\.\[d\]\[d{4000,}\]DE$/);
      else expect(inMemory.replace(/\.{2,}/, '...')).toBe(expected);
      expect(remote.replace(/\.{2,}/, '...')).toBe(overHttp[inMemory] ?? inMemory.replace(/\.{2,}/, '...'));
    }
  });
});

describe('faults in detail', () => {
  test('[stream/error] and the SDK throws its type', async () => {
    const emulator = createEmulator({
      respond: script([
        turn(fault.errorEvent({ afterEvents: 5 })),
        turn(fault.errorEvent({ type: 'rate_limit_error', message: 'Slow down' })),
      ]),
    });
    const raw = await post(emulator, { ...plain, stream: true });
    const last = eventsOf(raw.text).at(-1);
    expect([raw.status, last]).toEqual([
      200,
      {
        event: 'error',
        data: {
          type: 'error',
          error: { type: 'overloaded_error', message: 'Overloaded' },
          request_id: emulator.requests[0]?.id,
        },
      },
    ]);
    const error: unknown = await clientOf(emulator)
      .messages.stream(params)
      .finalMessage()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ status: undefined, type: 'rate_limit_error' });
  });

  test('a place counts events without pings, and is always before the end', async () => {
    const cutAfter = async (afterEvents: number): Promise<string> => {
      const emulator = createEmulator({ respond: () => turn(fault.earlyEnd({ afterEvents })) });
      return summary((await post(emulator, { ...plain, stream: true })).text);
    };
    expect(await Promise.all([0, 1, 4, 99].map(cutAfter))).toEqual(['', 'S.', 'S.[d]', 'S.[d][d]D']);
  });

  test('a cut by bytes leaves so many bytes', async () => {
    const emulator = createEmulator({ respond: () => turn(fault.cut({ bytes: 500 })) });
    const response = await emulator.fetch(api, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'anthropic-version': '2026-10-21' },
      body: JSON.stringify({ ...plain, stream: true }),
    });
    let size = 0;
    await expect(
      (async () => {
        for await (const bytes of response.body ?? []) size += (bytes as Uint8Array).length;
      })(),
    ).rejects.toThrow('terminated');
    expect(size).toBe(500);
  });

  test('a cut tool input ends in any of three ways', async () => {
    const run = async (ending: 'max_tokens' | 'cut' | 'end'): Promise<string> => {
      const emulator = createEmulator({ respond: () => turn(fault.cutToolInput({ ending })) });
      return observe((init) => emulator.fetch(api, init), true);
    };
    expect(await run('max_tokens')).toBe('200 text/event-stream: S.[d][d]DE');
    expect(await run('cut')).toBe('200 text/event-stream: S.[d][d then terminated (UND_ERR_SOCKET)');
    expect(await run('end')).toBe('200 text/event-stream: S.[d][d');
    const emulator = createEmulator({ respond: () => turn(fault.cutToolInput()) });
    const message = await clientOf(emulator).messages.create(params);
    expect(message.stop_reason).toBe('max_tokens');
    const events = eventsOf((await post(emulator, { ...plain, stream: true })).text);
    const json = events
      .map(({ data }) => String((data['delta'] as { partial_json?: string } | undefined)?.partial_json ?? ''))
      .join('');
    expect(() => JSON.parse(json) as unknown).toThrow('JSON');
    expect(json.startsWith('{"path":"a.txt"')).toBe(true);
  });

  test('stalls of a given length end by themselves', async () => {
    const respond = script([
      turn(fault.stall({ ms: 20 })),
      turn(fault.pingStall({ ms: 30, everyMs: 10 })),
      turn(fault.headerStall({ ms: 20 })),
    ]);
    const emulator = createEmulator({ respond });
    const seen: string[] = [];
    for (let count = 0; count < 3; count++)
      seen.push(summary((await post(emulator, { ...plain, stream: true })).text));
    expect(seen).toEqual(['S.[d][d]DE', 'S.[d...][d]DE', 'S.[d][d]DE']);
    expect(emulator.requests.map(({ ended }) => ended)).toEqual(['complete', 'complete', 'complete']);
  });

  test('the record tells how each ended and the bill what was produced', async () => {
    const specs = [
      turn(fault.cut({ afterEvents: 3 })),
      turn(fault.cut({ afterEvents: 0 })),
      turn(fault.connectionReset()),
      turn(fault.earlyEnd()),
    ];
    const emulator = createEmulator({ respond: script(specs) });
    const outcomes: string[] = [];
    for (let count = 0; count < specs.length; count++) {
      await observe((init) => emulator.fetch(api, init), true);
      outcomes.push(emulator.requests[count]?.ended ?? '');
    }
    expect(outcomes).toEqual(['cut', 'cut', 'cut', 'complete']);
    expect(emulator.requests.map(({ usage }) => usage?.['output_tokens'] ?? null)).toEqual([
      expect.any(Number),
      null,
      null,
      expect.any(Number),
    ]);
    expect(emulator.bill.requests).toBe(2);
  });
});
