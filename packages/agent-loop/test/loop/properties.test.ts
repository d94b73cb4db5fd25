import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContentBlock, Message, MessageParam, RequestParams, StreamEvent } from '../../src/api.ts';
import { BadStream, ReplyBuilder, type ReplyListener } from '../../src/request/reply-builder.ts';
import { RequestBody } from '../../src/request/request-body.ts';
import { decide } from '../../src/loop/stop.ts';

const decoder = new TextDecoder();
/** Text with everything in it that text can have: quotes, escapes, astral characters, halves of them. */
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u2028', 'ä', '\ud83c', '\udf89', '🎉', 'a'),
  }),
);
const lone = /\p{Surrogate}/u;

describe('decide()', () => {
  const reasons = [
    'end_turn',
    'stop_sequence',
    'tool_use',
    'max_tokens',
    'model_context_window_exceeded',
    'refusal',
    'pause_turn',
    'compaction',
    null,
  ];

  test('knows every reason, and runs tools for tool_use and paused turns alone', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...reasons), fc.string()),
        fc.nat(3),
        fc.nat(4),
        fc.nat(4),
        (stopReason, calls, pauses, maxPauses) => {
          const decision = decide({ stopReason, calls, pauses, maxPauses });
          if (decision.next === 'run-tools') {
            expect(['tool_use', 'pause_turn']).toContain(stopReason);
            expect(calls).toBeGreaterThan(0);
          }
          if (!reasons.includes(stopReason) || stopReason === null)
            expect(decision).toMatchObject({
              next: 'fail',
              message: expect.stringContaining(JSON.stringify(stopReason)) as unknown,
            });
          // What asks again without an answer to anything is bounded: by pauses, or by a summary made.
          if (decision.next === 'ask-again')
            expect(stopReason === 'compaction' || pauses <= maxPauses).toBe(true);
        },
      ),
      { numRuns: 1000, seed: 1 },
    );
  });

  test.each([
    ['end_turn', 0, 'end completed'],
    ['end_turn', 1, 'end completed'],
    ['stop_sequence', 0, 'end completed'],
    ['tool_use', 1, 'run-tools'],
    ['tool_use', 0, 'fail bad-reply'],
    ['max_tokens', 1, 'end truncated'],
    ['model_context_window_exceeded', 1, 'end context-full'],
    ['refusal', 1, 'end refused'],
    ['pause_turn', 0, 'ask-again'],
    ['pause_turn', 1, 'run-tools'],
    ['compaction', 0, 'ask-again'],
    ['cosmic_ray', 1, 'fail unknown-stop-reason'],
    [null, 1, 'fail unknown-stop-reason'],
  ])('%s with %i calls: %s', (stopReason, calls, expected) => {
    const decision = decide({ stopReason, calls, pauses: 1, maxPauses: 1 });
    const detail = decision.next === 'end' ? decision.outcome : decision.next === 'fail' ? decision.code : '';
    expect(`${decision.next} ${detail}`.trim()).toBe(expected);
  });

  test('the pause after the last one that is allowed ends the run', () => {
    expect(decide({ stopReason: 'pause_turn', calls: 1, pauses: 2, maxPauses: 1 })).toMatchObject({
      next: 'end',
      outcome: 'turn-limit',
    });
  });
});

describe('a reply', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const input = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    json,
    { maxKeys: 4 },
  );
  const id = fc.uuid().map((value) => `toolu_${value}`);
  const block = fc.oneof(
    fc.record({ type: fc.constant('text'), text: anyText }),
    fc.record({
      type: fc.constant('text'),
      text: anyText,
      citations: fc.array(fc.record({ type: fc.constant('char_location'), cited_text: anyText }), {
        minLength: 1,
      }),
    }),
    fc.record({ type: fc.constant('thinking'), thinking: anyText, signature: fc.base64String() }),
    fc.record({ type: fc.constant('redacted_thinking'), data: fc.base64String() }),
    fc.record({ type: fc.constant('tool_use'), id, name: fc.constantFrom('a', 'b'), input }),
    fc.record({ type: fc.constant('server_tool_use'), id, name: fc.constant('web_search'), input }),
    fc.record({ type: fc.constant('web_search_tool_result'), tool_use_id: id, content: fc.array(json) }),
    fc.record({ type: fc.constant('compaction'), content: anyText }),
    fc.record({ type: fc.constant('hologram'), light: json, content: anyText }),
  ) as unknown as fc.Arbitrary<ContentBlock>;
  const message = fc.record({
    id: fc.constant('msg_1'),
    type: fc.constant('message'),
    role: fc.constant('assistant'),
    model: fc.constant('claude-sonnet-5-5'),
    content: fc.array(block, { maxLength: 6 }),
    stop_reason: fc.constantFrom('end_turn', 'tool_use', null),
    stop_sequence: fc.constant(null),
    usage: fc.record({ input_tokens: fc.nat(), output_tokens: fc.nat() }),
  }) as unknown as fc.Arbitrary<Message>;
  /** Where texts are cut: one number after the other is the length of the next piece. */
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 9 }));

  test('is the same message again, however its stream is cut', () => {
    fc.assert(
      fc.property(message, cuts, (whole, sizes) => {
        const heard = { text: '', thinking: '', input: '', calls: [] as unknown[] };
        const builder = new ReplyBuilder(listenInto(heard));
        for (const event of eventsOf(whole, sizes)) builder.accept(event);
        const { message: built, brokenCalls } = builder.finish();
        expect(JSON.stringify(built.content)).toBe(JSON.stringify(whole.content));
        expect({ ...built }).toEqual(whole);
        expect(brokenCalls).toEqual([]);
        const blocks = whole.content;
        expect(heard.text).toBe(blocks.map((one) => (one.type === 'text' ? one.text : '')).join(''));
        expect(heard.thinking).toBe(
          blocks.map((one) => (one.type === 'thinking' ? one.thinking : '')).join(''),
        );
        expect(heard.calls).toEqual(blocks.filter((one) => one.type === 'tool_use'));
      }),
      { numRuns: 400, seed: 2 },
    );
  });

  test('whose stream ends anywhere is not whole, and tells as much of its text as came', () => {
    fc.assert(
      fc.property(message, cuts, fc.nat(), (whole, sizes, end) => {
        const events = [...eventsOf(whole, sizes)];
        const heard = { text: '', thinking: '', input: '', calls: [] as unknown[] };
        const builder = new ReplyBuilder(listenInto(heard));
        for (const event of events.slice(0, end % events.length)) builder.accept(event);
        expect(() => builder.finish()).toThrow(BadStream);
        expect(builder.partial.text).toBe(heard.text);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  test('with a cut input never gives the call for whole', () => {
    fc.assert(
      fc.property(input, fc.nat(), (value, at) => {
        const text = JSON.stringify(value);
        const cut = text.slice(0, 1 + (at % (text.length - 1)));
        const broken: (string | undefined)[] = [];
        const builder = new ReplyBuilder({ ...silent, call: (_block, why) => void broken.push(why) });
        const call = { type: 'tool_use', id: 'toolu_1', name: 'a', input: {} };
        const empty = { id: 'msg_1', role: 'assistant', content: [], usage: {} };
        for (const event of [
          { type: 'message_start', message: empty },
          { type: 'content_block_start', index: 0, content_block: call },
          { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: cut } },
          { type: 'content_block_stop', index: 0 },
        ]) {
          builder.accept(event as unknown as StreamEvent);
        }
        expect(broken).toEqual([expect.any(String)]);
      }),
      { numRuns: 500, seed: 4 },
    );
  });
});

const silent: ReplyListener = { text() {}, thinking() {}, toolInput() {}, call() {} };

function listenInto(heard: {
  text: string;
  thinking: string;
  input: string;
  calls: unknown[];
}): ReplyListener {
  return {
    text: (text) => (heard.text += text),
    thinking: (text) => (heard.thinking += text),
    toolInput: (_id, _tool, json) => (heard.input += json),
    call: (block) => heard.calls.push(block),
  };
}

/** The events of a message, as the API streams it, with its texts cut into pieces of these lengths. */
function* eventsOf(message: Message, sizes: Iterable<number>): Generator<StreamEvent> {
  const lengths = sizes[Symbol.iterator]();
  const { content, stop_reason, usage } = message;
  yield event({
    type: 'message_start',
    message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
  });
  for (const [index, block] of content.entries()) {
    const [start, deltas] = streamed(block as unknown as Record<string, unknown>, lengths);
    yield event({ type: 'content_block_start', index, content_block: start });
    for (const delta of deltas) yield event({ type: 'content_block_delta', index, delta });
    yield event({ type: 'content_block_stop', index });
  }
  yield event({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage });
  yield event({ type: 'message_stop' });
}

function event(value: object): StreamEvent {
  return structuredClone(value) as StreamEvent;
}

function streamed(block: Record<string, unknown>, lengths: Iterator<number>): [object, object[]] {
  const pieces = (text: unknown): string[] => {
    const list: string[] = [];
    for (let rest = String(text); rest !== '';) {
      const length = lengths.next().value as number;
      list.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
    return list;
  };
  switch (block['type']) {
    case 'text': {
      const { citations, ...start } = block;
      const texts = pieces(block['text']).map((text) => ({ type: 'text_delta', text }));
      const cited = ((citations as unknown[]) ?? []).map((citation) => ({
        type: 'citations_delta',
        citation,
      }));
      return [{ ...start, text: '' }, [...texts, ...cited]];
    }
    case 'thinking': {
      const { thinking, signature } = block;
      const deltas: object[] = pieces(thinking).map((text) => ({ type: 'thinking_delta', thinking: text }));
      return [{ ...block, thinking: '', signature: '' }, [...deltas, { type: 'signature_delta', signature }]];
    }
    case 'tool_use':
    case 'server_tool_use':
      return [
        { ...block, input: {} },
        pieces(JSON.stringify(block['input'])).map((partial_json) => ({
          type: 'input_json_delta',
          partial_json,
        })),
      ];
    case 'compaction':
      return [{ ...block, content: null }, [{ type: 'compaction_delta', content: block['content'] }]];
    default:
      return [block, []];
  }
}

describe('the body of a request', () => {
  const params = fc.record({
    model: fc.string(),
    max_tokens: fc.nat(),
    system: anyText,
    stream: fc.constant(true),
  }) as unknown as fc.Arbitrary<RequestParams>;
  const messages = fc.array(
    fc.record({
      role: fc.constantFrom('user', 'assistant'),
      content: fc.oneof(anyText, fc.array(fc.dictionary(anyText, fc.jsonValue()), { maxLength: 3 })),
    }),
    { maxLength: 8 },
  ) as unknown as fc.Arbitrary<MessageParam[]>;

  test('is byte for byte what JSON.stringify makes of parameters and messages, and only grows', () => {
    fc.assert(
      fc.property(params, messages, (given, list) => {
        const body = new RequestBody(given);
        let before = '';
        for (let count = 0; count <= list.length; count += 1) {
          if (count > 0) body.append(list[count - 1] as MessageParam);
          const text = decoder.decode(body.bytes());
          expect(text).toBe(JSON.stringify({ ...given, messages: list.slice(0, count) }));
          expect(text.startsWith(before.slice(0, -2))).toBe(true);
          before = text;
        }
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  test('of a request that differs has other fields and messages, and leaves the others as they were', () => {
    fc.assert(
      fc.property(
        params,
        fc.option(params, { nil: undefined }),
        messages,
        fc.array(fc.nat(), { maxLength: 3 }),
        fc.option(anyText, { nil: undefined }),
        (given, other, list, places, container) => {
          const body = new RequestBody(given);
          for (const message of list) body.append(message);
          const replaced = new Map(
            places
              .filter((place) => place < list.length)
              .map((place) => [place, { role: 'user' as const, content: `${place}é` }]),
          );
          const text = decoder.decode(body.copy({ params: other, messages: replaced }, container));
          const changed = list.map((message, place) => replaced.get(place) ?? message);
          expect(text).toBe(JSON.stringify({ ...(other ?? given), messages: changed, container }));
          expect(decoder.decode(body.bytes())).toBe(JSON.stringify({ ...given, messages: list }));
        },
      ),
      { numRuns: 200, seed: 6 },
    );
  });

  test('has other fields before the same messages from when it is led by them', () => {
    fc.assert(
      fc.property(params, params, messages, fc.nat(), (given, other, list, at) => {
        const body = new RequestBody(given);
        const cut = at % (list.length + 1);
        for (const message of list.slice(0, cut)) body.append(message);
        body.lead(other);
        for (const message of list.slice(cut)) body.append(message);
        expect(decoder.decode(body.bytes())).toBe(JSON.stringify({ ...other, messages: list }));
        expect(decoder.decode(body.copy({ params: given }))).toBe(
          JSON.stringify({ ...given, messages: list }),
        );
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  test('holds halves of surrogate pairs as escapes, which survive', () => {
    const halves = ['\ud83c', '\udf89', 'a\udf89\ud83cb'];
    const body = new RequestBody({ model: 'm', max_tokens: 1, stream: true });
    for (const content of halves) body.append({ role: 'user', content });
    const text = decoder.decode(body.bytes());
    expect(text).toContain('\\ud83c');
    expect(text).not.toMatch(lone);
    const { messages: read } = JSON.parse(text) as { messages: { content: string }[] };
    expect(read.map(({ content }) => content)).toEqual(halves);
  });

  test('of a long history is a copy: adding to it changes no earlier one', () => {
    const body = new RequestBody({ model: 'm', max_tokens: 1, stream: true });
    body.append({ role: 'user', content: 'x'.repeat(10_000) });
    const first = body.bytes();
    const before = decoder.decode(first);
    body.append({ role: 'assistant', content: 'y'.repeat(10_000) });
    expect(decoder.decode(first)).toBe(before);
    expect(decoder.decode(body.bytes()).length).toBeGreaterThan(20_000);
  });
});
