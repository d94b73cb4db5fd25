import { describe, expect, test } from 'vitest';
import { createEmulator, reply, script } from '../src/index.ts';
import { clientOf, plain, post, read, tool, credentials } from './api.ts';
import type { Body } from './api.ts';
import type { ServerRequirement } from './requirements.ts';

const user = (content: unknown): Body => ({ role: 'user', content });

describe('credentials, version, betas', () => {
  test('[auth/bearer] and the SDK sends it so', async () => {
    const emulator = createEmulator();
    await clientOf(emulator).messages.create({
      model: 'claude-sonnet-5-5',
      max_tokens: 10,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(emulator.requests.map(({ status, headers }) => [status, headers['authorization']])).toEqual([
      [200, '***'],
    ]);
  });

  test('[auth/x-api-key] instead', async () => {
    const emulator = createEmulator({ apiKeys: ['key-2'] });
    expect((await post(emulator, plain, { authorization: undefined, 'x-api-key': 'key-2' })).status).toBe(
      200,
    );
    expect((await post(emulator, plain)).error).toEqual({
      type: 'authentication_error',
      message: 'invalid x-api-key',
    });
  });

  test('[auth/missing] is refused before anything else', async () => {
    const answer = await post(createEmulator(), 'not even json', { authorization: undefined });
    expect([answer.status, answer.error.type]).toEqual([401, 'authentication_error']);
  });

  test('[auth/no-echo] not even in an error', async () => {
    const emulator = createEmulator({ apiKeys: ['other'] });
    const answer = await post(emulator, plain, {
      authorization: 'Bearer sk-ant-secret',
      'x-api-key': 'sk-ant-secret',
    });
    const everything = JSON.stringify([
      answer.text,
      [...answer.headers],
      emulator.requests,
      emulator.refusals,
    ]);
    expect(everything).not.toContain('sk-ant-secret');
  });

  test('[version/required] and must be a known one', async () => {
    const emulator = createEmulator();
    expect((await post(emulator, plain, { 'anthropic-version': undefined })).error.message).toBe(
      'anthropic-version: header is required',
    );
    expect((await post(emulator, plain, { 'anthropic-version': '2020-01-01' })).status).toBe(400);
  });

  test('[version/sampling] older versions still take them', async () => {
    const emulator = createEmulator();
    for (const [name, value] of Object.entries({ temperature: 1, top_p: 1, top_k: 5 })) {
      const answer = await post(emulator, { ...plain, [name]: value });
      expect([answer.status, answer.error.message.startsWith(`${name}:`)]).toEqual([400, true]);
      expect(
        (await post(emulator, { ...plain, [name]: value }, { 'anthropic-version': '2023-06-01' })).status,
      ).toBe(200);
    }
  });

  test('[beta/unknown] known ones and those of the option pass', async () => {
    const emulator = createEmulator({ betas: ['house-2026-01-01'] });
    const beta = async (value: string): Promise<number> =>
      (await post(emulator, plain, { 'anthropic-beta': value })).status;
    expect(await beta('data-residency-us')).toBe(400);
    expect(await beta('compact-2026-01-12,data-residency-us')).toBe(400);
    expect(await beta('compact-2026-01-12, fast-mode-2026-02-01')).toBe(200);
    expect(await beta('house-2026-01-01')).toBe(200);
  });

  test('[beta/members] with it they pass', async () => {
    const emulator = createEmulator();
    const body = { ...plain, context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } };
    expect((await post(emulator, body)).error.message).toBe(
      'context_management: Extra inputs are not permitted',
    );
    expect((await post(emulator, body, { 'anthropic-beta': 'context-management-2025-06-27' })).status).toBe(
      200,
    );
    const budget = { ...plain, output_config: { task_budget: { type: 'tokens', total: 20_000 } } };
    expect((await post(emulator, budget)).status).toBe(400);
    expect((await post(emulator, budget, { 'anthropic-beta': 'task-budgets-2026-03-13' })).status).toBe(200);
  });
});

/** Changes of the plain request that are refused, with the beginning of the message. */
const refused: readonly (readonly [id: ServerRequirement, change: Body, message: string])[] = [
  ['request/unknown-member', { mood: 'good' }, 'mood: Extra inputs are not permitted'],
  ['request/max-tokens-required', { max_tokens: undefined }, 'max_tokens: Field required'],
  ['request/max-tokens-limit', { max_tokens: 128_001 }, 'max_tokens: 128001 > 128000, which is the maximum'],
  [
    'request/max-tokens-zero-conflicts',
    { max_tokens: 0, stream: true },
    'max_tokens: 0 cannot be combined with stream',
  ],
  [
    'request/max-tokens-zero-conflicts',
    { max_tokens: 0, thinking: { type: 'adaptive' } },
    'max_tokens: 0 cannot be combined with thinking',
  ],
  ['request/stop-sequences', { stop_sequences: [' '] }, 'stop_sequences:'],
  [
    'models/forced-choice',
    { tools: [tool('a')], tool_choice: { type: 'any' } },
    'tool_choice: forced tool use (`any`)',
  ],
  [
    'models/forced-choice',
    { tools: [tool('a')], tool_choice: { type: 'tool', name: 'a' } },
    'tool_choice: forced tool use (`tool`)',
  ],
  [
    'models/forced-choice-thinking',
    {
      model: 'claude-opus-4-8',
      thinking: { type: 'adaptive' },
      tools: [tool('a')],
      tool_choice: { type: 'any' },
    },
    'tool_choice: Thinking may not be enabled',
  ],
  [
    'models/thinking-forms',
    { model: 'claude-opus-5-5', thinking: { type: 'disabled' } },
    'thinking.type: `disabled` is not supported on claude-opus-5-5',
  ],
  [
    'models/thinking-forms',
    { thinking: { type: 'enabled', budget_tokens: 2048 } },
    'thinking.type: `enabled` is not supported',
  ],
  [
    'models/thinking-forms',
    { model: 'claude-haiku-4-5', thinking: { type: 'adaptive' } },
    'thinking.type: `adaptive` is not supported',
  ],
  [
    'models/thinking-budget',
    { model: 'claude-haiku-4-5', thinking: { type: 'enabled', budget_tokens: 1000 } },
    'thinking.enabled.budget_tokens: Input should be greater',
  ],
  [
    'models/thinking-budget',
    { model: 'claude-haiku-4-5', max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 2000 } },
    '`max_tokens` must be greater',
  ],
  [
    'models/thinking-off-effort',
    { model: 'claude-opus-5', thinking: { type: 'disabled' }, output_config: { effort: 'max' } },
    'thinking.type: `disabled` is not supported on claude-opus-5 at effort',
  ],
  [
    'models/between-tools',
    { model: 'claude-opus-5-5', thinking: { type: 'between_tools' } },
    'thinking.type: `between_tools`',
  ],
  [
    'models/between-tools',
    { thinking: { type: 'between_tools', display: 'omitted' } },
    'thinking.between_tools.display: Extra inputs',
  ],
  [
    'models/between-tools',
    { thinking: { type: 'between_tools' }, output_config: { effort: 'xhigh' } },
    'thinking.type: `between_tools` is not supported on claude-sonnet-5-5 at effort',
  ],
  [
    'models/effort',
    { model: 'claude-opus-4-6', output_config: { effort: 'xhigh' } },
    'output_config.effort: `xhigh` is not supported',
  ],
  [
    'models/effort',
    { model: 'claude-haiku-4-5', output_config: { effort: 'low' } },
    'output_config.effort: This model does not support',
  ],
  [
    'models/inference-geo',
    { model: 'claude-haiku-4-5', inference_geo: 'us' },
    'inference_geo: not supported',
  ],
  ['models/fast', { speed: 'fast' }, 'speed: `fast` is not supported on claude-sonnet-5-5'],
  ['models/fast', { model: 'claude-opus-5', speed: 'fast' }, 'speed: Extra inputs'],
  [
    'format/schema',
    { output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: {} } } } },
    "output_config.format.schema: For 'object' type, 'additionalProperties'",
  ],
  [
    'format/schema',
    {
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            additionalProperties: false,
            properties: { n: { type: 'integer', minimum: 1 } },
          },
        },
      },
    },
    "output_config.format.schema.properties.n: For 'integer' type, property 'minimum'",
  ],
  [
    'format/schema',
    {
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            $ref: '#/$defs/node',
            $defs: {
              node: {
                type: 'object',
                additionalProperties: false,
                properties: { next: { $ref: '#/$defs/node' } },
              },
            },
          },
        },
      },
    },
    'output_config.format.schema: Recursive',
  ],
  [
    'tools/name',
    { tools: [tool('a b')] },
    "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
  ],
  ['tools/unique', { tools: [tool('a'), tool('a')] }, 'tools: Tool names must be unique.'],
  [
    'tools/unique',
    { tools: [{ type: 'bash_20250124', name: 'bash' }, tool('bash')] },
    'tools: Tool names must be unique.',
  ],
  [
    'tools/object-schema',
    { tools: [{ name: 'a', input_schema: { type: 'string' } }] },
    'tools.0.custom.input_schema.type: Input should be',
  ],
  [
    'tools/object-schema',
    { tools: [{ name: 'a', input_schema: {} }] },
    'tools.0.custom.input_schema.type: Field required',
  ],
  [
    'tools/object-schema',
    { tools: [{ name: 'a', input_schema: { type: 'object', anyOf: [] } }] },
    'tools.0.custom.input_schema: input_schema does not support',
  ],
  [
    'tools/choice-without-tools',
    { tool_choice: { type: 'auto' } },
    'tool_choice: tool_choice may only be specified while providing tools',
  ],
  [
    'tools/choice-without-tools',
    { model: 'claude-haiku-5-5', tools: [tool('a')], tool_choice: { type: 'tool', name: 'b' } },
    "tool_choice.name: Tool 'b' not found",
  ],
  [
    'tools/strict-count',
    { tools: Array.from({ length: 21 }, (_, index) => strict(`t${index}`)) },
    'tools: at most 20 strict tools',
  ],
  [
    'tools/strict-count',
    { tools: [strict('a', 13), strict('b', 12)] },
    'tools: strict tools may have at most 24 optional parameters',
  ],
  [
    'tools/strict-schema',
    { tools: [tool('a', {}, { strict: true })] },
    "tools.0.custom.input_schema: For 'object' type",
  ],
  [
    'tools/deferred',
    { tools: [tool('a', {}, { defer_loading: true })] },
    'tools: At least one tool must have defer_loading=false',
  ],
  [
    'tools/programmatic-conflicts',
    { tools: [{ ...strict('a'), allowed_callers: ['code_execution_20260120'] }] },
    'tools.0.custom: programmatic tool calling',
  ],
  [
    'tools/programmatic-conflicts',
    {
      model: 'claude-haiku-5-5',
      tools: [tool('a', {}, { allowed_callers: ['code_execution_20260120'] })],
      tool_choice: { type: 'any' },
    },
    'tool_choice: forced tool use cannot be combined',
  ],
  [
    'cache/four',
    { cache_control: { type: 'ephemeral' }, messages: [user(Array.from({ length: 4 }, () => marked()))] },
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    'cache/ttl-order',
    { system: [marked('5m')], messages: [user([marked('1h')])] },
    "cache_control: a ttl='1h' cache_control block must not come after",
  ],
];

function strict(name: string, optional = 1): Body {
  const properties = Object.fromEntries(
    Array.from({ length: optional }, (_, index) => [`p${index}`, { type: 'string' }]),
  );
  return { name, input_schema: { type: 'object', properties, additionalProperties: false }, strict: true };
}

function marked(ttl?: '5m' | '1h'): Body {
  return { type: 'text', text: 'x', cache_control: { type: 'ephemeral', ...(ttl && { ttl }) } };
}

describe('requests that are refused', () => {
  const cases = refused.map(([id, change, message]) => ({ id, change, message }));
  test.each(cases)('[$id] $message', async ({ change, message }) => {
    const emulator = createEmulator();
    const answer = await post(emulator, { ...plain, ...change });
    expect([answer.status, answer.error.type]).toEqual([400, 'invalid_request_error']);
    expect(answer.error.message).toContain(message);
    expect(emulator.refusals.map((refusal) => refusal.message)).toEqual([answer.error.message]);
  });
});

describe('requests that pass', () => {
  const passing: readonly (readonly [string, Body])[] = [
    [
      'forced choice on Haiku 5.5',
      {
        model: 'claude-haiku-5-5',
        tools: [tool('a')],
        tool_choice: { type: 'any', disable_parallel_tool_use: true },
      },
    ],
    [
      'forced choice on 4.8 without thinking',
      { model: 'claude-opus-4-8', tools: [tool('a')], tool_choice: { type: 'tool', name: 'a' } },
    ],
    [
      'between_tools on Sonnet 5.5',
      { thinking: { type: 'between_tools' }, output_config: { effort: 'high' } },
    ],
    [
      'a budget on 4.5',
      { model: 'claude-haiku-4-5', max_tokens: 4096, thinking: { type: 'enabled', budget_tokens: 1024 } },
    ],
    [
      'disabled on Opus 5 at high',
      { model: 'claude-opus-5', thinking: { type: 'disabled' }, output_config: { effort: 'high' } },
    ],
    [
      'an output schema',
      {
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              type: 'object',
              properties: { a: { type: 'string', enum: ['x'] } },
              required: ['a'],
              additionalProperties: false,
            },
          },
        },
      },
    ],
    [
      'server tools',
      {
        tools: [
          { type: 'web_search_20260318', name: 'web_search' },
          { type: 'memory_20250818', name: 'memory' },
          { type: 'mcp_toolset', mcp_server_name: 'x' },
        ],
      },
    ],
    ['strict tools', { tools: [strict('a', 24)] }],
    [
      'metadata, tier, stop sequences',
      { metadata: { user_id: 'u' }, service_tier: 'auto', stop_sequences: ['END'] },
    ],
  ];
  test.each(passing)('%s', async (_name, change) => {
    const answer = await post(createEmulator(), { ...plain, ...change });
    expect([answer.status, answer.error]).toEqual([200, undefined]);
  });
});

describe('the shape of a request', () => {
  test('[request/not-json] nor an array', async () => {
    const emulator = createEmulator();
    for (const body of ['{"model":', '[]', '']) expect((await post(emulator, body)).status).toBe(400);
  });

  test('[request/too-large] is told by the edge', async () => {
    const body = { ...plain, messages: [user('x'.repeat(32 * 1024 * 1024))] };
    const answer = await post(createEmulator(), body);
    expect([answer.status, answer.error.type]).toEqual([413, 'request_too_large']);
  });

  test('[request/max-tokens-zero] without asking the model', async () => {
    const emulator = createEmulator({ respond: script([]) });
    const body = {
      ...plain,
      max_tokens: 0,
      system: [{ type: 'text', text: 'word '.repeat(2000), cache_control: { type: 'ephemeral' } }],
    };
    const answer = await post(emulator, body);
    expect(answer.json).toMatchObject({
      content: [],
      stop_reason: 'max_tokens',
      usage: { output_tokens: 0 },
    });
    expect(Number((answer.json['usage'] as Body)['cache_creation_input_tokens'])).toBeGreaterThan(512);
    emulator.assertDone();
  });

  test('[request/prompt-too-long] with both numbers', async () => {
    const answer = await post(createEmulator(), {
      ...plain,
      model: 'claude-haiku-4-5',
      messages: [user('x'.repeat(900_000))],
    });
    expect(answer.error.message).toMatch(/^prompt is too long: 22\d{4} tokens > 200000 maximum$/);
  });

  test('[request/unknown-path] batches among them', async () => {
    const emulator = createEmulator();
    for (const path of ['/v1/messages/batches', '/v1/complete', '/']) {
      const answer = await post(emulator, plain, {}, path);
      expect([answer.status, answer.error.type, answer.json['type']]).toEqual([
        404,
        'not_found_error',
        'error',
      ]);
    }
  });

  test('any model and any body passes with checks off', async () => {
    const emulator = createEmulator({ validate: 'off' });
    const answer = await post(emulator, {
      model: 'some-model',
      messages: [
        { role: 'assistant', content: 'x' },
        { role: 'user', content: '' },
      ],
      temperature: 2,
    });
    expect([answer.status, answer.json['model'], emulator.bill.usd]).toEqual([200, 'some-model', null]);
  });
});

describe('models', () => {
  test('[models/unknown] as the seeds of old code have them', async () => {
    const emulator = createEmulator();
    for (const model of ['claude-haiku-4-20250514', 'gpt-4']) {
      const answer = await post(emulator, { ...plain, model });
      expect([answer.status, answer.error]).toEqual([
        404,
        { type: 'not_found_error', message: `model: ${model}` },
      ]);
    }
  });

  test('[models/retired] are gone', async () => {
    const emulator = createEmulator();
    for (const model of [
      'claude-opus-4-1-20250805',
      'claude-3-opus-20240229',
      'claude-3-7-sonnet-20250219',
      'claude-sonnet-4-20250514',
    ]) {
      expect((await post(emulator, { ...plain, model })).error.message).toBe(`model: ${model}`);
    }
  });

  test('[models/list] through the SDK', async () => {
    const client = clientOf(createEmulator());
    const first = await client.models.list({ limit: 5 });
    expect([first.data.length, first.has_more, first.data[0]?.id]).toEqual([5, true, 'claude-fable-5-2']);
    const all: string[] = [];
    for await (const model of client.models.list({ limit: 5 })) all.push(model.id);
    expect(all).toHaveLength(18);
    expect(new Set(all).size).toBe(18);
    const deprecated = await client.models.list({ lifecycle: ['deprecated'] });
    expect(deprecated.data.map(({ id }) => id)).toEqual(['claude-sonnet-4-5-20250929']);
  });

  test('[models/retrieve] through the SDK', async () => {
    const client = clientOf(createEmulator());
    const model = await client.models.retrieve('claude-haiku-4-5');
    expect(model).toMatchObject({
      id: 'claude-haiku-4-5-20251001',
      max_input_tokens: 200_000,
      max_tokens: 64_000,
      capabilities: {
        effort: { supported: false },
        thinking: { types: { enabled: { supported: true }, adaptive: { supported: false } } },
      },
    });
    await expect(client.models.retrieve('claude-2')).rejects.toMatchObject({
      status: 404,
      apiMessage: 'model: claude-2',
    });
  });

  test('a model of the option is served and priced', async () => {
    const [known] = (await import('../src/index.ts')).catalogue;
    if (!known) throw new Error('The catalogue is empty.');
    const emulator = createEmulator({
      models: [
        { ...known, id: 'claude-next', prices: { input: 1, output: 1, write5m: 1, write1h: 1, read: 1 } },
      ],
      respond: script([reply('Hi', { usage: { input_tokens: 1_000_000, output_tokens: 1_000_000 } })]),
    });
    expect((await post(emulator, { ...plain, model: 'claude-next' })).status).toBe(200);
    expect(emulator.bill.usd).toBe(2);
  });

  test('[models/prefill] older models take it', async () => {
    const emulator = createEmulator();
    const body = { ...plain, messages: [user('Hi'), { role: 'assistant', content: 'The answer is' }] };
    expect((await post(emulator, body)).error.message).toContain(
      'does not support assistant message prefill',
    );
    expect((await post(emulator, { ...body, model: 'claude-haiku-4-5' })).status).toBe(200);
  });

  test('[models/inference-geo] global when nothing is asked for', async () => {
    const emulator = createEmulator();
    const geo = async (change: Body): Promise<unknown> =>
      ((await post(emulator, { ...plain, ...change })).json['usage'] as Body)['inference_geo'];
    expect([
      await geo({ inference_geo: 'us' }),
      await geo({}),
      await geo({ model: 'claude-haiku-4-5' }),
    ]).toEqual(['us', 'global', null]);
  });

  test('[models/fast] no beta needed on Opus 5.5, one on Opus 5', async () => {
    const emulator = createEmulator();
    const fast = { ...plain, model: 'claude-opus-5-5', speed: 'fast' };
    expect((await post(emulator, fast)).json['usage']).toMatchObject({ speed: 'fast' });
    expect(
      (
        await post(
          emulator,
          { ...fast, model: 'claude-opus-5' },
          { 'anthropic-beta': 'fast-mode-2026-02-01' },
        )
      ).status,
    ).toBe(200);
  });
});

test('a GET without a key is refused too', async () => {
  const { authorization: _key, ...headers } = credentials;
  const answer = await read(await createEmulator().fetch('https://api.example/v1/models', { headers }));
  expect(answer.status).toBe(401);
});
