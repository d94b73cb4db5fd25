import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compaction,
  createEmulator,
  redactedThinking,
  reply,
  script,
  serverToolUse,
  startEmulator,
  text,
  thinking,
  toolUse,
  whole,
} from '../src/index.ts';
import type { BlockSpec, ChunkOptions, ReplySpec } from '../src/index.ts';
import { clientOf, eventsOf, plain, post, scripted } from './api.ts';
import type { Body } from './api.ts';

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

async function stream(spec: ReplySpec, change: Body = {}): Promise<ReturnType<typeof eventsOf>> {
  const { emulator } = scripted([spec]);
  const answer = await post(emulator, { ...plain, stream: true, ...change });
  return eventsOf(answer.text);
}

function asMessage(value: unknown): { readonly usage: Body } {
  return value as { usage: Body };
}

function deltas(events: ReturnType<typeof eventsOf>): readonly Body[] {
  return events
    .filter(({ event }) => event === 'content_block_delta')
    .map(({ data }) => data['delta'] as Body);
}

describe('the events of a stream', () => {
  test('[stream/content-type] with the request id before the first event', async () => {
    const { emulator } = scripted([reply('Hi')]);
    const answer = await post(emulator, { ...plain, stream: true });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(answer.headers.get('request-id')).toBe(emulator.requests[0]?.id);
  });

  test('[stream/order] the whole sequence', async () => {
    const events = await stream(
      reply([text('ab'), toolUse('grep', { pattern: 'x' })], { chunk: { size: 1000 } }),
    );
    expect(events.map(({ event, data }) => [event, data['index']])).toEqual([
      ['message_start', undefined],
      ['ping', undefined],
      ['content_block_start', 0],
      ['content_block_delta', 0],
      ['content_block_stop', 0],
      ['content_block_start', 1],
      ['content_block_delta', 1],
      ['content_block_stop', 1],
      ['message_delta', undefined],
      ['message_stop', undefined],
    ]);
  });

  test('[stream/event-line] in every frame', async () => {
    for (const { event, data } of await stream(reply([thinking('a'), text('b'), toolUse('c')])))
      expect(event).toBe(data['type']);
  });

  test('[stream/start] before anything is known of the answer', async () => {
    const [first] = await stream(reply('Hi'));
    expect(first?.data['message']).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-5-5',
      content: [],
      stop_reason: null,
      stop_sequence: null,
    });
    const { usage } = asMessage(first?.data['message']);
    expect(Number(usage['input_tokens'])).toBeGreaterThan(0);
    expect(usage['cache_creation']).toEqual({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 });
  });

  test('[stream/text] of the wanted size', async () => {
    const events = await stream(reply(text('abcdefg'), { chunk: { size: 3 } }));
    expect(deltas(events)).toEqual([
      { type: 'text_delta', text: 'abc' },
      { type: 'text_delta', text: 'def' },
      { type: 'text_delta', text: 'g' },
    ]);
  });

  test('[stream/tool-input] raw text as it is, even when it is cut', async () => {
    const events = await stream(
      reply([toolUse('write', '{"path": "a", "te')], { stopReason: 'max_tokens', chunk: { size: 10 } }),
    );
    const block = events.find(({ event }) => event === 'content_block_start')?.data['content_block'];
    expect(block).toMatchObject({ type: 'tool_use', name: 'write', input: {} });
    expect(
      deltas(events)
        .map((delta) => delta['partial_json'])
        .join(''),
    ).toBe('{"path": "a", "te');
    const empty = await stream(reply([toolUse('list', '')]));
    expect(deltas(empty)).toEqual([]);
  });

  test('[stream/thinking] when the request asks for a summary', async () => {
    const events = await stream(reply([thinking('let me see')]), {
      thinking: { type: 'adaptive', display: 'summarized' },
    });
    expect(deltas(events).map(({ type }) => type)).toEqual(['thinking_delta', 'signature_delta']);
    expect(events.find(({ event }) => event === 'content_block_start')?.data['content_block']).toEqual({
      type: 'thinking',
      thinking: '',
      signature: '',
    });
  });

  test('[stream/thinking-omitted] by default on newer models, not on 4.6', async () => {
    expect(deltas(await stream(reply([thinking('let me see')]))).map(({ type }) => type)).toEqual([
      'signature_delta',
    ]);
    expect(
      deltas(await stream(reply([thinking('hm')]), { model: 'claude-opus-4-6' })).map(({ type }) => type),
    ).toEqual(['thinking_delta', 'signature_delta']);
    expect(deltas(await stream(reply([thinking('hm', { shown: true })]))).map(({ type }) => type)).toEqual([
      'thinking_delta',
      'signature_delta',
    ]);
  });

  test('[stream/citations] after the text they belong to', async () => {
    const citation = {
      type: 'char_location',
      cited_text: 'x',
      document_index: 0,
      document_title: null,
      start_char_index: 0,
      end_char_index: 1,
      file_id: null,
    };
    const { client } = scripted([reply(text('as x says', { citations: [citation] }))]);
    const message = await client.messages.stream(params).finalMessage();
    expect(message.content).toEqual([{ type: 'text', text: 'as x says', citations: [citation] }]);
  });

  test('[stream/compaction] through the beta client', async () => {
    const { client } = scripted([reply([compaction('what happened so far')], { stopReason: 'compaction' })]);
    const message = await client.beta.messages
      .stream({ ...params, betas: ['compact-2026-09-04'], compaction: { type: 'summarize' } })
      .finalMessage();
    expect([message.stop_reason, message.content]).toMatchObject([
      'compaction',
      [{ type: 'compaction', content: 'what happened so far' }],
    ]);
    const raw = await stream(reply([compaction('x')], { stopReason: 'compaction' }));
    expect(deltas(raw)).toEqual([{ type: 'compaction_delta', content: 'x' }]);
  });

  test('[stream/whole-blocks] with no delta', async () => {
    const found = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] };
    const events = await stream(
      reply([
        serverToolUse('web_search', { query: 'x' }, { id: 'srvtoolu_1' }),
        whole(found),
        redactedThinking('abc'),
      ]),
    );
    expect(
      events.filter(({ event }) => event === 'content_block_start').map(({ data }) => data['content_block']),
    ).toEqual([
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
      found,
      { type: 'redacted_thinking', data: 'abc' },
    ]);
    expect(deltas(events).map(({ type }) => type)).toEqual(['input_json_delta']);
  });

  test('[stream/ping] unless they are switched off', async () => {
    expect((await stream(reply('Hi'))).filter(({ event }) => event === 'ping')).toHaveLength(1);
    expect(
      (await stream(reply('Hi', { chunk: { pings: false } }))).filter(({ event }) => event === 'ping'),
    ).toHaveLength(0);
  });

  test('[stream/cumulative] and the last one is whole', async () => {
    const spec = reply('x'.repeat(400), { chunk: { messageDeltas: 3 } });
    const events = (await stream(spec)).filter(({ event }) => event === 'message_delta');
    const outputs = events.map(({ data }) => Number((data['usage'] as Body)['output_tokens']));
    expect(outputs).toHaveLength(3);
    expect(outputs).toEqual([...outputs].sort((left, right) => left - right));
    expect(events.map(({ data }) => (data['delta'] as Body)['stop_reason'])).toEqual([
      null,
      null,
      'end_turn',
    ]);
    const { client, emulator } = scripted([spec]);
    const message = await client.messages.stream(params).finalMessage();
    expect(message.usage.output_tokens).toBe(outputs.at(-1));
    expect(emulator.bill.outputTokens).toBe(outputs.at(-1));
  });
});

const everything: readonly BlockSpec[] = [
  thinking('Erst nachdenken. 思考', { shown: true }),
  text('Größe: 🎉 „ja“\n\r\n\u2028 and "quotes" \\ back'),
  toolUse(
    'write',
    { path: 'ä/🎉.txt', text: 'line\nline', deep: { list: [1, 2.5, -3e10, null, true] } },
    { id: 'toolu_fixed' },
  ),
  serverToolUse('web_search', { query: 'x' }, { id: 'srvtoolu_fixed' }),
  whole({ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_fixed', content: [] }),
];

describe('the same reply', () => {
  test('[stream/same-content] in memory and over HTTP', async () => {
    const steps = Array.from({ length: 2 }, () => reply(everything));
    const { client, emulator } = scripted(steps);
    const streamed = await client.messages.stream(params).finalMessage();
    const plainly = await client.messages.create(params);
    expect(streamed.content).toEqual(plainly.content);
    expect(streamed.usage).toMatchObject({
      output_tokens: plainly.usage.output_tokens,
      input_tokens: plainly.usage.input_tokens,
    });
    await using server = await startEmulator({ respond: script(steps) });
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const remote = new Anthropic({ apiKey: 'key-1', baseURL: server.url });
    expect((await remote.messages.stream(params).finalMessage()).content).toEqual(streamed.content);
    expect((await remote.messages.create(params)).content).toEqual(streamed.content);
    expect(emulator.refusals).toEqual([]);
  });

  test('[stream/bytes] for any cutting (property)', async () => {
    const expected = (
      await scripted([reply(everything)])
        .client.messages.stream(params)
        .finalMessage()
    ).content;
    const chunks: fc.Arbitrary<ChunkOptions> = fc.record(
      {
        size: fc.integer({ min: 1, max: 60 }),
        bytes: fc.integer({ min: 1, max: 200 }),
        eol: fc.constantFrom('\n' as const, '\r\n' as const, '\r' as const),
        split: fc.constantFrom('utf8' as const, 'json' as const, 'eol' as const),
        eventsPerWrite: fc.integer({ min: 1, max: 5 }),
        messageDeltas: fc.integer({ min: 1, max: 3 }),
        pings: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(chunks, async (chunk) => {
        const { client } = scripted([reply(everything, { chunk })]);
        expect((await client.messages.stream(params).finalMessage()).content).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('a write ends inside a character, a token or a line end when asked', async () => {
    const writes = async (split: 'utf8' | 'json' | 'eol'): Promise<readonly Uint8Array[]> => {
      const emulator = createEmulator({ respond: script([reply('ä', { chunk: { split, eol: '\r\n' } })]) });
      const response = await emulator.fetch('https://api.example/v1/messages', {
        method: 'POST',
        headers: { authorization: 'Bearer k', 'anthropic-version': '2026-10-21' },
        body: JSON.stringify({ ...plain, stream: true }),
      });
      const found: Uint8Array[] = [];
      for await (const bytes of response.body ?? []) found.push(bytes);
      return found;
    };
    expect((await writes('utf8')).some((bytes) => (bytes.at(-1) ?? 0) >= 0xc0)).toBe(true);
    expect((await writes('eol')).some((bytes) => bytes.at(-1) === 0x0d)).toBe(true);
    expect((await writes('json')).length).toBeGreaterThan(10);
  });
});

test('a stream with delays is slow, and an abort stops it at once', async () => {
  const { client, emulator } = scripted([reply('x'.repeat(4000), { chunk: { delayMs: 5 } })]);
  const abort = new AbortController();
  const events: string[] = [];
  const started = performance.now();
  let stopped = Infinity;
  for await (const event of await client.messages.create(
    { ...params, stream: true },
    { signal: abort.signal },
  )) {
    events.push(event.type);
    if (events.length !== 4) continue;
    stopped = performance.now();
    abort.abort();
  }
  expect(stopped - started).toBeGreaterThan(10);
  expect(performance.now() - stopped).toBeLessThan(400);
  await expect.poll(() => emulator.requests[0]?.ended).toBe('aborted');
  const billed = emulator.bill.outputTokens;
  expect(billed).toBeGreaterThan(0);
  expect(billed).toBeLessThan(200);
});

test('clientOf accepts what a stream of no blocks says', async () => {
  const client = clientOf(createEmulator({ respond: script([reply([])]) }));
  expect(await client.messages.stream(params).finalMessage()).toMatchObject({
    content: [],
    stop_reason: 'end_turn',
  });
});
