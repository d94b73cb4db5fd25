import { EntryDecoder, EntryEncoder, entryJson } from '@pawl/agent-loop/store';
import type { Entry } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

function roundTrip(entries: readonly Entry[]): Entry[] {
  const encoder = new EntryEncoder();
  const decoder = new EntryDecoder();
  return entries.map((entry) => decoder.decode(encoder.encode(entry)));
}

describe('entry codec', () => {
  test('a run reads back as it was', () => {
    const entries = sampleEntries(200);
    expect(roundTrip(entries)).toEqual(entries);
  });

  test('texts say only what is new', () => {
    const encoder = new EntryEncoder();
    const texts = sampleEntries(14, { resultSize: 4, label: 'x' }).map((entry) => encoder.encode(entry));
    expect([texts[0], texts[8], ...texts.slice(10, 14)]).toEqual([
      '{"type":"run-start","runId":"run_x","agent":"tester","model":"claude-sonnet-5-5","at":1790000000000}',
      '+137 {"type":"request","turn":2,"bytes":6800}',
      'c2 +137 {"type":"tool-start","turn":2,"effect":"read"}',
      'c3 +137 {"type":"tool-start","effect":"once"}',
      'c2 +137 {"type":"tool-end","turn":2,"durationMs":12.375,"content":[{"type":"text","text":"x 12"}]}',
      'c3 +137 {"type":"tool-end","durationMs":12.375,"content":[{"type":"text","text":"x 13"}]}',
    ]);
  });

  test('of replies too: their message, and its usage, lean on the last', () => {
    const encoder = new EntryEncoder();
    const usage = { input_tokens: 9, output_tokens: 3, cache_creation: { ephemeral_5m_input_tokens: 0 } };
    const envelope = { id: 'msg_1', role: 'assistant', model: 'm', stop_reason: 'tool_use', container: null };
    const replies = [
      { ...envelope, usage, content: [] },
      {
        ...envelope,
        id: 'msg_2',
        usage: { ...usage, input_tokens: 99 },
        content: [{ type: 'text', text: 'b' }],
      },
      { ...envelope, id: 'msg_2', usage: { ...usage, input_tokens: 99 }, content: [] },
      { ...envelope, id: 'msg_3', usage: { input_tokens: 5, output_tokens: 3 }, content: [] },
      { ...envelope, id: 'msg_4', usage: { input_tokens: 5, output_tokens: 3, speed: 'fast' }, content: [] },
    ].map(
      (message, seq) =>
        ({ type: 'reply', turn: 1, message, runId: 'r', agent: 'a', at: 7, seq }) as unknown as Entry,
    );
    const texts = replies.map((entry) => encoder.encode(entry));
    expect(texts.slice(1)).toEqual([
      '+0 m {"type":"reply","message":{"id":"msg_2","usage":{"input_tokens":99},"content":[{"type":"text","text":"b"}]}}',
      '+0 m {"type":"reply","message":{"content":[]}}',
      '+0 {"type":"reply","message":{"id":"msg_3","role":"assistant","model":"m","stop_reason":"tool_use","container":null,"usage":{"input_tokens":5,"output_tokens":3},"content":[]}}',
      '+0 m {"type":"reply","message":{"id":"msg_4","usage":{"speed":"fast"},"content":[]}}',
    ]);
    const decoder = new EntryDecoder();
    expect(texts.map((text) => decoder.decode(text))).toEqual(replies);
  });

  test('a turn of 2 kB or more with two tools takes at most 1.15 times its content', () => {
    const encoder = new EntryEncoder();
    for (const size of [700, 1500, 3000]) {
      const entries = sampleEntries(62, { resultSize: size }).map((entry) => withUuid(entry));
      const kept = entries.map((entry) => encoder.encode(entry));
      const bytes = Buffer.byteLength(kept.slice(-12).join('\n')) + 12 * 20;
      const content = entries.slice(-12).flatMap((entry) => {
        if (entry.type === 'reply') return [JSON.stringify(entry.message)];
        return entry.type === 'tool-end' ? [JSON.stringify(entry.content)] : [];
      });
      const ratio = bytes / Buffer.byteLength(content.join(''));
      expect(ratio).toBeLessThan(1.15);
    }
  });

  test('times and durations are rounded to microseconds', () => {
    const [entry] = sampleEntries(1, { from: 6 });
    const odd = { ...entry, at: 5.123456789, durationMs: 812.3456789, seq: 0 } as Entry;
    expect(roundTrip([odd])).toEqual([{ ...odd, at: 5.123, durationMs: 812.346 }]);
  });

  test('contentAt points at the content', () => {
    const encoder = new EntryEncoder();
    for (const entry of sampleEntries(40)) {
      const { text, contentAt } = encoder.encodeParts(entry);
      const content =
        entry.type === 'reply' ? entry.message.content : 'content' in entry ? entry.content : undefined;
      if (content === undefined) expect(contentAt).toBe(-1);
      else expect(JSON.parse(text.slice(contentAt).replace(/\}+$/, ''))).toEqual(content);
    }
  });

  test('an encoder told to restart can follow another', () => {
    const entries = sampleEntries(20);
    const first = new EntryEncoder();
    const texts = entries.slice(0, 9).map((entry) => first.encode(entry));
    const second = new EntryEncoder({ restart: true });
    texts.push(...entries.slice(9).map((entry) => second.encode(entry)));
    const decoder = new EntryDecoder();
    expect(texts.map((text) => decoder.decode(text))).toEqual(entries);
    const later = new EntryDecoder({ seq: 9 });
    expect(texts.slice(9).map((text) => later.decode(text))).toEqual(entries.slice(9));
  });

  test.each([
    '',
    'nothing',
    '{',
    '{}',
    '{"type":7}',
    'c3 {"type":"tool-end"}',
    'r9 {"type":"input"}',
    'q {"type":"input"}',
    'm {"type":"reply","message":{"content":[]}}',
  ])('refuses %j', (text) => {
    expect(() => new EntryDecoder().decode(text)).toThrow(SyntaxError);
  });

  test('any mix of fields reads back', () => {
    const names = [
      'turn',
      'brokenCalls',
      'attempt',
      'model',
      'effect',
      'callId',
      'tool',
      'input',
      'content',
      'message',
      'x',
      'runId',
    ];
    const value = fc.oneof(fc.constantFrom<unknown>(1, 'a', 'b', null, true, [], []), fc.jsonValue());
    const record = fc.tuple(
      fc.constantFrom('reply', 'tool-start', 'tool-end', 'approval', 'odd'),
      fc.constantFrom('run_1', 'run_2'),
      fc.dictionary(fc.constantFrom(...names.slice(0, -1)), value),
      fc.constantFrom('one', 'two'),
    );
    const block = { type: 'tool_use', id: 'call_1', name: 'a', input: { deep: [1, { x: null }] } };
    const entries = fc.array(record, { maxLength: 30 }).map((records) =>
      records.map(([type, runId, fields, agent], seq): Entry => {
        const call =
          seq % 3 === 0 && type !== 'reply'
            ? { callId: 'call_1', tool: 'a', input: structuredClone(block.input) }
            : {};
        const usage =
          seq % 4 === 0 ? { deep: fields['input'] ?? null } : { input_tokens: seq % 3, deep: null };
        const envelope = { role: 'assistant', id: `m${seq % 2}`, usage, ...(seq % 5 === 0 && { extra: {} }) };
        const message = type === 'reply' ? { message: { ...envelope, content: [block] } } : {};
        const key = type === 'tool-start' ? { idempotencyKey: `${runId}:call_1` } : {};
        return {
          ...fields,
          ...call,
          ...message,
          ...key,
          type,
          runId,
          agent,
          at: seq % 5 === 4 ? seq + 0.125 : seq * 3,
          seq,
        } as never;
      }),
    );
    fc.assert(
      fc.property(entries, (list) => {
        const expected: unknown = JSON.parse(JSON.stringify(list));
        expect(roundTrip(list)).toEqual(expected);
        expect(list.map((entry) => JSON.parse(entryJson(entry)))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

/** With ids as long as the real ones. */
function withUuid(entry: Entry): Entry {
  const text = JSON.stringify(entry).replaceAll('toolu_sample_', 'toolu_01A09q90qw90lq917835');
  return JSON.parse(text.replaceAll('run_sample', 'run_7c9e6679-7425-40de-944b-e07fc1f90ae7'));
}
