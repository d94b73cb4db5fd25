import {
  createEmulator,
  reply,
  script,
  serverToolUse,
  startEmulator,
  text,
  toolUse,
  whole,
} from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createAgent, defineTool } from '../../src/index.ts';
import { answered, assistant, called, calling, said, user } from '../support/agent-under-test.ts';
import {
  clientOf,
  conversations,
  expectSound,
  play,
  stage,
  type StageOptions,
  story,
} from '../loop/stage.ts';

/** The whole body of the one request of a run. */
async function bodyOf(options: StageOptions): Promise<unknown> {
  const set = stage({ cache: 'off', ...options, steps: [reply('Done.')] });
  await play(set.agent);
  expectSound(set);
  return set.emulator.requests[0]?.body;
}

const bare = { model: 'claude-sonnet-5-5', max_tokens: 32_000, stream: true, messages: [user('Go.')] };
const weather = defineTool({
  name: 'weather',
  description: 'Tells the weather.',
  input: z.object({ city: z.string() }),
  effect: 'read',
  run: ({ city }) => `rain in ${city}`,
});
const weatherSent = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

describe('what an agent is given reaches the API as it is', () => {
  test.each<[string, StageOptions, object]>([
    ['nothing', {}, {}],
    ['maxTokens', { maxTokens: 100 }, { max_tokens: 100 }],
    ['system as text', { system: 'Be brief.' }, { system: 'Be brief.' }],
    [
      'system as blocks',
      { system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }] },
      { system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }] },
    ],
    [
      'thinking',
      { thinking: { type: 'adaptive', display: 'summarized' } },
      { thinking: { type: 'adaptive', display: 'summarized' } },
    ],
    ['effort', { effort: 'low' }, { output_config: { effort: 'low' } }],
    [
      'toolChoice',
      { tools: [weather], toolChoice: { type: 'auto', disable_parallel_tool_use: true } },
      { tools: [weatherSent], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [
      'any other field',
      {
        request: {
          metadata: { user_id: 'u1' },
          stop_sequences: ['END'],
          inference_geo: 'us',
          service_tier: 'standard_only',
          cache_control: { type: 'ephemeral' },
        },
      },
      {
        metadata: { user_id: 'u1' },
        stop_sequences: ['END'],
        inference_geo: 'us',
        service_tier: 'standard_only',
        cache_control: { type: 'ephemeral' },
      },
    ],
    [
      'output_config, joined with effort',
      { effort: 'low', request: { output_config: { format: format() } } },
      { output_config: { effort: 'low', format: format() } },
    ],
    [
      'server tools, in the order given',
      {
        tools: [
          { type: 'web_search_20260318', name: 'web_search', max_uses: 2 },
          weather,
          { type: 'code_execution_20260521', name: 'code_execution' },
        ],
      },
      {
        tools: [
          { type: 'web_search_20260318', name: 'web_search', max_uses: 2 },
          weatherSent,
          { type: 'code_execution_20260521', name: 'code_execution' },
        ],
      },
    ],
  ])('%s', async (_, options, fields) => {
    expect(await bodyOf(options)).toEqual({ ...bare, ...fields });
  });

  function format() {
    return { type: 'json_schema', schema: { type: 'object', properties: {}, additionalProperties: false } };
  }

  test('what is not a Messages field of the SDK is refused by the API, and said so', async () => {
    const { agent, emulator } = stage({ request: { temperature: 1 } });
    const { error } = await play(agent);
    expect(error?.code).toBe('invalid-request');
    expect(emulator.refusals).toHaveLength(1);
  });
});

describe('betas', () => {
  test('go in their header, and allow fields of the beta namespace', async () => {
    const set = stage({
      cache: 'off',
      betas: ['context-management-2025-06-27', 'mcp-client-2025-11-20'],
      tools: [{ type: 'mcp_toolset', mcp_server_name: 'docs' }],
      request: {
        context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
        mcp_servers: [{ type: 'url', url: 'https://mcp.local', name: 'docs' }],
      },
      steps: [reply('Done.')],
    });
    await play(set.agent);
    const [request] = set.emulator.requests;
    expect(request?.headers['anthropic-beta']).toBe('context-management-2025-06-27,mcp-client-2025-11-20');
    expect(request?.body).toEqual({
      ...bare,
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
      mcp_servers: [{ type: 'url', url: 'https://mcp.local', name: 'docs' }],
      tools: [{ type: 'mcp_toolset', mcp_server_name: 'docs' }],
    });
    expectSound(set);
  });

  test('none: no header', async () => {
    const set = stage({ steps: [reply('Done.')] });
    await play(set.agent);
    expect(set.emulator.requests[0]?.headers).not.toHaveProperty('anthropic-beta');
  });
});

test('server tools: their blocks come and go as they are, beside calls of our own [blocks/verbatim]', async () => {
  const found = {
    type: 'web_search_tool_result',
    tool_use_id: 'srvtoolu_1',
    content: [
      {
        type: 'web_search_result',
        url: 'https://a.local',
        title: 'A',
        encrypted_content: 'x',
        page_age: null,
      },
    ],
  };
  const search = serverToolUse('web_search', { query: 'Oslo' }, { id: 'srvtoolu_1' });
  const set = stage({
    tools: [{ type: 'web_search_20260318', name: 'web_search' }, weather],
    steps: [
      reply([search, whole(found), toolUse('weather', { city: 'Oslo' }, { id: 'call_1' })]),
      reply('Rain.'),
    ],
  });
  await play(set.agent);
  expect(conversations(set.emulator)[1]).toEqual([
    user('Go.'),
    assistant(
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'Oslo' } },
      found,
      called('weather', { city: 'Oslo' }, 'call_1'),
    ),
    user([answered('call_1', 'rain in Oslo')]),
  ]);
  expectSound(set);
});

test('content blocks as input: images and documents beside text', async () => {
  const input = [
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Oslo is cold.' } },
    { type: 'text', text: 'Is it?' },
  ] as const;
  const set = stage({ steps: [reply('It is.')] });
  await play(set.agent, input);
  expect(conversations(set.emulator)).toEqual([[user(input)]]);
  expectSound(set);
});

describe('over HTTP', () => {
  test('the same turn with the same events, streamed in small pieces [blocks/prefix-bytes]', async () => {
    const steps = () =>
      script([reply([text('Let me look.'), ...calling(['weather', { city: 'Oslo' }])]), reply('Rain.')]);
    await using server = await startEmulator({ port: 0, respond: steps(), chunk: { bytes: 7 } });
    const memory = createEmulator({ respond: steps(), chunk: { bytes: 7 } });
    const stories = [];
    for (const where of [server.url, memory.fetch]) {
      const agent = createAgent({ model: 'claude-sonnet-5-5', tools: [weather], client: clientOf(where) });
      const { events, messages } = await play(agent);
      stories.push(story(events));
      expect(messages).toEqual([
        user('Go.'),
        assistant(said('Let me look.'), called('weather', { city: 'Oslo' }, 'call_1')),
        user([answered('call_1', 'rain in Oslo')]),
        assistant(said('Rain.')),
      ]);
    }
    expect(stories[0]).toEqual(stories[1]);
    expectSound({ emulator: server.emulator });
    expectSound({ emulator: memory });
  });
});
