import { describe, expect, test } from 'vitest';
import { createAgent, defineTool } from '../../src/index.ts';
import { blocks, endOf, type RawEvent, serverOf, startOf } from './raw-server.ts';
import { clientOf, play, story } from './stage.ts';

const MODEL = 'claude-sonnet-5-5';
const call = (more: object) => ({ type: 'tool_use', name: 'put', input: {}, ...more });
const done = [startOf(), ...blocks({ type: 'text', text: 'Done.' }), ...endOf('end_turn')];

/** A run against a server that sends these replies, with a tool that notes its calls. */
async function runOn(...replies: readonly (readonly RawEvent[])[]) {
  const runs: string[] = [];
  const put = defineTool({
    name: 'put',
    description: 'Puts.',
    input: { type: 'object' },
    run(_, { callId }) {
      runs.push(callId);
      return 'put';
    },
  });
  const { client } = serverOf(replies);
  const agent = createAgent({ model: MODEL, client, tools: [put], seams: { timer: soon } });
  const played = await play(agent);
  const lost = played.events.flatMap((event) => (event.type === 'reply-lost' ? [event.message] : []));
  return { ...played, runs, lost };
}

/** Waits of a moment are none. */
const soon = (ms: number, fire: () => void): (() => void) => {
  const timer = setTimeout(fire, ms <= 8000 ? 0 : ms);
  return () => clearTimeout(timer);
};

describe('calls that could not be answered are a broken stream: nothing runs, the turn is tried again', () => {
  test.each<[what: string, calls: readonly object[], why: string]>([
    ['two of one id', [call({ id: 'a' }), call({ id: 'a' })], 'Two tool calls came with the id "a".'],
    ['one without id', [call({})], 'A tool call came without an id or a name.'],
    ['one with an empty id', [call({ id: '' })], 'A tool call came without an id or a name.'],
    ['one with a number for an id', [call({ id: 7 })], 'A tool call came without an id or a name.'],
    ['one without a name', [call({ id: 'a', name: undefined })], 'A tool call came without an id or a name.'],
  ])('%s', async (_, calls, why) => {
    const broken = [startOf(), ...blocks(...calls), ...endOf('tool_use')];
    const { lost, runs, result } = await runOn(broken, done);
    expect(lost).toEqual([why]);
    expect(runs).toEqual([]);
    expect(result?.text).toBe('Done.');
    expect((await runOn(broken)).error?.code).toBe('stream-broken');
  });

  test('the same id in another reply is another call', async () => {
    const once = [startOf(), ...blocks(call({ id: 'a' })), ...endOf('tool_use')];
    const { lost, runs, events } = await runOn(once, once, done);
    expect(lost).toEqual([]);
    expect(runs).toEqual(['a', 'a']);
    expect(story(events).at(-1)).toBe('run-end: completed');
  });
});

test('a stream without message_delta has no end of its own: it is broken, and the turn is tried again', async () => {
  const [, stop] = endOf('end_turn') as [RawEvent, RawEvent];
  const endless = [startOf(), ...blocks({ type: 'text', text: 'So' }), stop];
  const { lost, result } = await runOn(endless, done);
  expect(lost).toEqual(['The stream ended without message_delta.']);
  expect(result?.text).toBe('Done.');
  expect((await runOn(endless)).error?.code).toBe('stream-broken');
});

test.each(['Text/Event-Stream; charset=UTF-8', 'TEXT/EVENT-STREAM', ''])(
  'a type is read whatever its case: %j',
  async (type) => {
    const { client } = serverOf([done], type);
    const { result } = await play(createAgent({ model: MODEL, client }));
    expect(result?.text).toBe('Done.');
  },
);

test('that of a whole message too', async () => {
  const message = {
    ...(startOf()['message'] as object),
    content: [{ type: 'text', text: 'Hi.' }],
    stop_reason: 'end_turn',
  };
  const fetch = async () =>
    new Response(JSON.stringify(message), { headers: { 'content-type': 'Application/JSON' } });
  const { result } = await play(createAgent({ model: MODEL, client: clientOf(fetch) }));
  expect(result?.text).toBe('Hi.');
});
