import {
  compaction,
  fault,
  redactedThinking,
  reply,
  serverToolUse,
  text,
  thinking,
  toolUse,
  whole,
} from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { defineTool } from '../../src/index.ts';
import { conversations, expectSound, play, stage, story } from './stage.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen',
});

/** The blocks of the first reply as the second request sends them back. */
async function sentBack(set: ReturnType<typeof stage>): Promise<{ received: unknown; sent: unknown }> {
  const { events } = await play(set.agent);
  const first = events.find((event) => event.type === 'reply');
  const messages = conversations(set.emulator)[1] as { content: unknown }[];
  expectSound(set);
  return { received: first?.message.content, sent: messages[1]?.content };
}

describe('a reply is sent back as it was received [blocks/verbatim] [blocks/thinking-back] [blocks/unknown]', () => {
  const citation = {
    type: 'char_location',
    cited_text: 'It rains.',
    document_index: 0,
    document_title: null,
    start_char_index: 0,
    end_char_index: 9,
    file_id: null,
  };
  const server = serverToolUse('web_search', { query: 'rain' }, { id: 'srvtoolu_1' });

  test.each([
    [
      'citations',
      [text('It rains', { citations: [citation, { ...citation, document_index: 1 }] }), text('.')],
    ],
    ['thinking with its signature', [thinking('Rain, so a coat.', { shown: true })]],
    ['thinking whose text is withheld', [thinking('Rain, so a coat.')]],
    ['redacted thinking', [redactedThinking('ZW5jcnlwdGVk+/==')]],
    [
      'thinking between calls',
      [thinking('First.', { shown: true }), text('Looking.'), thinking('Second.', { shown: true })],
    ],
    [
      "the server's tools and their results",
      [
        server,
        whole({
          type: 'web_search_tool_result',
          tool_use_id: 'srvtoolu_1',
          content: [
            { type: 'web_search_result', url: 'https://example.com', title: 'Rain', encrypted_content: 'x' },
          ],
        }),
      ],
    ],
    [
      'a block of a type that does not exist yet',
      [whole({ type: 'hologram', light: ['green', { red: null }] })],
    ],
    ['a compaction', [compaction('All about rain.')]],
    ['text of every kind', [text('ä € 🎉 \u0000 \\ " \u2028 line\r\n')]],
  ] as const)('%s', async (_name, blocks) => {
    const set = stage({
      tools: [look, { type: 'web_search_20260318', name: 'web_search' }],
      request: { metadata: { user_id: 'u' } },
      steps: [
        reply([...blocks, toolUse('look', { deep: { list: [1, 2.5, 'ü', null] } }, { id: 'toolu_1' })], {
          chunk: { size: 5 },
        }),
        reply('Done.'),
      ],
    });
    const { received, sent } = await sentBack(set);
    expect(JSON.stringify(sent)).toBe(JSON.stringify(received));
    expect(sent).toHaveLength(blocks.length + 1);
  });

  test('members of a call that are not known here', async () => {
    const set = stage({
      tools: [look],
      steps: [
        reply(toolUse('look', {}, { id: 'toolu_1', fields: { caller: { type: 'direct' } } })),
        reply('Done.'),
      ],
    });
    const { sent } = await sentBack(set);
    expect(sent).toEqual([
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: {}, caller: { type: 'direct' } },
    ]);
  });
});

describe('what a stream may hold that is not known here', () => {
  test.each([
    ['an unknown event', fault.unknownEvent()],
    ['an unknown delta', fault.unknownDelta()],
  ])('%s changes nothing', async (_name, oddity) => {
    const set = stage({
      tools: [look],
      steps: [
        reply([text('Hello there.'), toolUse('look', {}, { id: 'toolu_1' })], { fault: oddity }),
        reply('Done.'),
      ],
    });
    const { sent } = await sentBack(set);
    expect(sent).toEqual([
      { type: 'text', text: 'Hello there.' },
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
    ]);
  });
});

test('text and thinking are told as they come, calls start while the reply goes on', async () => {
  const set = stage({
    tools: [look],
    steps: [
      reply([thinking('Hm, hm.', { shown: true }), toolUse('look', { at: 1 }), text('Looking at it.')], {
        stopReason: 'tool_use',
        chunk: { size: 4, delayMs: 3 },
      }),
      reply('Nice.'),
    ],
  });
  const { events, result } = await play(set.agent);
  expect(story(events)).toEqual([
    'run-start',
    'input of the user',
    'request 1.1',
    'thinking: Hm, hm.',
    'input of look: {"at":1}',
    'tool-start: look',
    'tool-end: look ok',
    'text: Looking at it.',
    'reply: tool_use',
    'request 2.1',
    'text: Nice.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expect(result?.text).toBe('Nice.');
  expectSound(set);
});

test('a server that answers with JSON is told as if it had streamed', async () => {
  const streamed = reply([thinking('Hm.', { shown: true }), text('Hello.')]);
  const set = stage({ steps: [{ ...streamed, fault: fault.jsonForStream() }] });
  const { events } = await play(set.agent);
  expect(story(events)).toEqual([
    'run-start',
    'input of the user',
    'request 1.1',
    'thinking: Hm.',
    'text: Hello.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expectSound(set);
});

describe('a container', () => {
  const far = '2099-01-01T00:00:00Z';
  const code = { type: 'code_execution_20260521', name: 'code_execution' } as const;
  const containers = ({ emulator }: ReturnType<typeof stage>) =>
    emulator.requests.map(({ body }) => (body as { container?: unknown }).container);

  test('that a reply ran code in is named by later requests, after the messages', async () => {
    const set = stage({
      tools: [look, code],
      steps: [
        reply(toolUse('look', {}), { container: { id: 'container_1', expires_at: far } }),
        reply(toolUse('look', {})),
        reply('Done.'),
      ],
    });
    await play(set.agent);
    expect(containers(set)).toEqual([undefined, 'container_1', 'container_1']);
    expect(set.emulator.requests[1]?.bodyText).toMatch(/\],"container":"container_1"\}$/);
    expect(set.emulator.refusals).toEqual([]);
  });

  test('that has expired is not named; one the caller chose stays', async () => {
    const steps = () => [
      reply(toolUse('look', {}), { container: { id: 'container_1', expires_at: '2020-01-01T00:00:00Z' } }),
      reply('Done.'),
    ];
    const expired = stage({ tools: [look, code], steps: steps() });
    await play(expired.agent);
    expect(containers(expired)).toEqual([undefined, undefined]);
    const chosen = stage({ tools: [look, code], request: { container: 'container_0' }, steps: steps() });
    await play(chosen.agent);
    expect(containers(chosen)).toEqual(['container_0', 'container_0']);
  });
});
