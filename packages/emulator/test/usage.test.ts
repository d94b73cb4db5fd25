import { describe, expect, test } from 'vitest';
import { createEmulator, reply, script, serverToolUse, text, thinking } from '../src/index.ts';
import type { EmulatorOptions, Emulator } from '../src/index.ts';
import { plain, post, scripted, tool, words } from './api.ts';
import type { Body } from './api.ts';

type Numbers = readonly [input: number, read: number, write5m: number, write1h: number];

/** An emulator with a clock to turn, and a function that sends a request and tells how its prompt was divided. */
function caching(options: EmulatorOptions = {}): {
  readonly emulator: Emulator;
  readonly ask: (change: Body, headers?: Record<string, string>) => Promise<Numbers>;
  readonly pass: (ms: number) => void;
} {
  let now = 1_000_000;
  const emulator = createEmulator({ clock: () => now, ...options });
  const ask = async (change: Body, headers: Record<string, string> = {}): Promise<Numbers> => {
    const answer = await post(emulator, { ...plain, ...change }, headers);
    if (answer.status !== 200) throw new Error(answer.text);
    const usage = answer.json['usage'] as Body;
    const split = usage['cache_creation'] as Body;
    return [
      Number(usage['input_tokens']),
      Number(usage['cache_read_input_tokens']),
      Number(split['ephemeral_5m_input_tokens']),
      Number(split['ephemeral_1h_input_tokens']),
    ];
  };
  return { emulator, ask, pass: (ms) => void (now += ms) };
}

const block = (value: string, ttl?: '5m' | '1h'): Body => ({
  type: 'text',
  text: value,
  ...(ttl && { cache_control: { type: 'ephemeral', ttl } }),
});
const user = (...content: Body[]): Body => ({ role: 'user', content });
const big = words(1000);
const onePixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('usage', () => {
  test('[usage/fields] each of them', async () => {
    const answer = await post(createEmulator(), plain);
    expect(Object.keys(answer.json['usage'] as Body).sort()).toEqual([
      'cache_creation',
      'cache_creation_input_tokens',
      'cache_read_input_tokens',
      'inference_geo',
      'input_tokens',
      'output_tokens',
      'output_tokens_details',
      'server_tool_use',
      'service_tier',
      'speed',
    ]);
    expect(answer.json['usage']).toMatchObject({
      service_tier: 'standard',
      inference_geo: 'global',
      speed: 'standard',
    });
  });

  test('[usage/thinking] the text is omitted here', async () => {
    const { emulator } = scripted([reply([thinking('x'.repeat(400)), text('y')])]);
    const answer = await post(emulator, plain);
    expect(answer.json['usage']).toMatchObject({
      output_tokens: 130 + 1 + 3,
      output_tokens_details: { thinking_tokens: 130 },
    });
  });

  test('[usage/server-tools] and billed by the search', async () => {
    const { emulator } = scripted([
      reply(
        [serverToolUse('web_search'), serverToolUse('web_search'), serverToolUse('web_fetch'), text('x')],
        { usage: { input_tokens: 0, output_tokens: 0 } },
      ),
    ]);
    const answer = await post(emulator, plain);
    expect(answer.json['usage']).toMatchObject({
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
    });
    expect(emulator.bill.usd).toBe(0.02);
  });

  test('[usage/prompt-size] with tools and system too', async () => {
    const { emulator, ask } = caching();
    const body: Body = {
      ...plain,
      tools: [tool('a', { x: { type: 'string', description: big } })],
      system: [block(big, '1h')],
      messages: [user(block(big, '5m'), block('question'))],
    };
    const [input, read, write5m, write1h] = await ask(body);
    const { max_tokens: _max, ...counted } = body;
    const count = await post(emulator, counted, {}, '/v1/messages/count_tokens');
    expect(count.json).toEqual({ input_tokens: input + read + write5m + write1h });
    expect([input > 0, read, write5m > 900, write1h > 1900]).toEqual([true, 0, true, true]);
  });

  test('[count/free] and leaves the cache and the script alone', async () => {
    const { emulator } = scripted([reply('Hi')]);
    const { max_tokens: _max, ...counted } = plain;
    const marked = { ...counted, cache_control: { type: 'ephemeral' } };
    const counts = [counted, counted, marked].map((body) =>
      post(emulator, body, {}, '/v1/messages/count_tokens'),
    );
    expect(new Set((await Promise.all(counts)).map(({ text: body }) => body)).size).toBe(1);
    expect(emulator.bill).toMatchObject({ requests: 0, usd: 0, byModel: {} });
    expect(() => emulator.assertDone()).toThrow('step 1 was not used');
  });
});

describe('the prompt cache', () => {
  test('[cache/write-then-read] and what is new is written', async () => {
    const { ask } = caching();
    const first = user(block(big, '5m'));
    const [, , written] = await ask({ messages: [first] });
    expect(written).toBeGreaterThan(900);
    expect(await ask({ messages: [first] })).toEqual([0, written, 0, 0]);
    const longer = [
      user(block(big)),
      { role: 'assistant', content: 'Yes?' },
      user(block('more', '5m'), block('tail')),
    ];
    const [input, read, more] = await ask({ messages: longer });
    expect([read, more > 0 && more < 40, input > 0 && input < 10]).toEqual([written, true, true]);
  });

  test('[cache/minimum] both numbers are 0 then', async () => {
    const { ask } = caching();
    const near = words(520);
    expect((await ask({ messages: [user(block(words(480), '5m'))] })).slice(1)).toEqual([0, 0, 0]);
    expect((await ask({ messages: [user(block(near, '5m'))] }))[2]).toBeGreaterThan(512);
    expect((await ask({ model: 'claude-sonnet-5', messages: [user(block(near, '5m'))] })).slice(1)).toEqual([
      0, 0, 0,
    ]);
  });

  test('[cache/ttl] by the clock of the option', async () => {
    const { ask, pass } = caching();
    const short = { messages: [user(block(big, '5m'))] };
    const long = { system: [block(big, '1h')] };
    const [, , size] = await ask(short);
    pass(299_000);
    expect((await ask(short))[1]).toBe(size);
    pass(299_000);
    expect((await ask(short))[1]).toBe(size);
    pass(300_001);
    expect(await ask(short)).toEqual([0, 0, size, 0]);
    const [, , , hour] = await ask(long);
    expect(hour).toBeGreaterThan(900);
    pass(3_599_000);
    expect((await ask(long))[1]).toBe(hour);
    pass(3_600_001);
    expect((await ask(long))[1]).toBe(0);
  });

  test('[cache/ttl] what was read and not written again lives as long as before, whatever its marker asks for', async () => {
    const { ask, pass } = caching();
    const asking = (ttl: '5m' | '1h'): Body => ({ messages: [user(block(big, ttl))] });
    const [, , size] = await ask(asking('5m'));
    expect(await ask(asking('1h'))).toEqual([0, size, 0, 0]);
    pass(300_001);
    expect(await ask(asking('1h'))).toEqual([0, 0, 0, size]);
    expect(await ask(asking('5m'))).toEqual([0, size, 0, 0]);
    pass(3_599_000);
    expect(await ask(asking('5m'))).toEqual([0, size, 0, 0]);
  });

  test('[cache/automatic] which moves with the conversation', async () => {
    const { ask } = caching();
    const marker = { cache_control: { type: 'ephemeral' } };
    const turns = [user(block(big)), { role: 'assistant', content: 'Yes?' }, user(block('more'))];
    const [, , written] = await ask({ ...marker, messages: turns.slice(0, 1) });
    const [input, read, more] = await ask({ ...marker, messages: turns });
    expect([input, read, more > 0]).toEqual([0, written, true]);
  });

  test('[cache/lookback] twenty blocks, or a run of any length', async () => {
    const { ask } = caching();
    const start = user(block(big, '5m'));
    const [, , size] = await ask({ messages: [start] });
    const grown = (count: number): Body => ({
      messages: [user(block(big), ...Array.from({ length: count - 1 }, () => block('x')), block('x', '5m'))],
    });
    expect((await ask(grown(20)))[1]).toBe(0);
    expect((await ask(grown(19)))[1]).toBe(size);
    const uses = Array.from({ length: 30 }, (_, index) => ({
      type: 'tool_use',
      id: `t${index}`,
      name: 'a',
      input: {},
    }));
    const results = uses.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'x' }));
    const last = {
      type: 'tool_result',
      tool_use_id: 'last',
      content: 'x',
      cache_control: { type: 'ephemeral' },
    };
    const calls = [
      user(block(big)),
      { role: 'assistant', content: [...uses, { type: 'tool_use', id: 'last', name: 'a', input: {} }] },
      user(...results, last),
    ];
    expect((await ask({ messages: calls }))[1]).toBe(size);
  });

  test('[cache/begun] a fan-out at once writes every time', async () => {
    const steps = Array.from({ length: 4 }, () => reply('Hi', { delayMs: 20 }));
    const { ask } = caching({ respond: script(steps) });
    const body = { messages: [user(block(big, '5m'))] };
    const together = await Promise.all([ask(body), ask(body), ask(body)]);
    expect(together.map(([, read]) => read)).toEqual([0, 0, 0]);
    expect((await ask(body))[1]).toBeGreaterThan(900);
  });

  test('[cache/separate] and there are no others', async () => {
    const { ask } = caching();
    const body = { messages: [user(block(big, '5m'))] };
    await ask(body);
    expect((await ask(body, { authorization: 'Bearer key-2' }))[1]).toBe(0);
    expect((await ask({ ...body, model: 'claude-opus-5-5' }))[1]).toBe(0);
    expect((await ask(body))[1]).toBeGreaterThan(900);
  });

  test('[cache/invalidation] level by level', async () => {
    const tools = [
      { ...tool('a', { x: { type: 'string', description: big } }), cache_control: { type: 'ephemeral' } },
    ];
    const base = {
      tools,
      system: [block(big, '5m')],
      messages: [user(block(big, '5m'))],
      model: 'claude-opus-5',
    };
    const { ask } = caching();
    const [, , all] = await ask(base);
    const readAfter = async (change: Body): Promise<number> => {
      const [, read] = await ask({ ...base, ...change });
      return Math.round((read / all) * 10) / 10;
    };
    expect(await readAfter({})).toBe(1);
    expect(await readAfter({ messages: [user(block(`${big}!`, '5m'))] })).toBe(0.7);
    expect(await readAfter({ tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).toBe(0.7);
    expect(await readAfter({ thinking: { type: 'adaptive' } })).toBe(0.7);
    expect(await readAfter({ output_config: { effort: 'low' } })).toBe(0.7);
    expect(await readAfter({ system: [block(`${big}!`, '5m')] })).toBe(0.4);
    expect(await readAfter({ tools: [...tools, tool('b')] })).toBe(0.4);
    expect(await readAfter({ tools: [tool('b'), ...tools] })).toBe(0);
    // Web search stands among the tools, and is a switch of the system prompt.
    const search = { type: 'web_search_20260318', name: 'web_search' };
    expect(await readAfter({ tools: [search, ...tools] })).toBe(0.4);
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: onePixel } };
    expect(await readAfter({ messages: [user(block(big, '5m'), image)] })).toBe(0.7);
  });

  test('[cache/key-order] though it means the same', async () => {
    const { ask } = caching();
    const body = (properties: Body): Body => ({ tools: [tool('a', properties)], system: [block(big, '5m')] });
    await ask(body({ x: { type: 'string' }, y: { type: 'string' } }));
    expect((await ask(body({ x: { type: 'string' }, y: { type: 'string' } })))[1]).toBeGreaterThan(900);
    expect((await ask(body({ y: { type: 'string' }, x: { type: 'string' } })))[1]).toBe(0);
  });

  test('the simulation can be switched off', async () => {
    const { ask } = caching({ cache: false });
    const body = { messages: [user(block(big, '5m'))] };
    await ask(body);
    expect((await ask(body)).slice(1)).toEqual([0, 0, 0]);
  });
});

describe('the bill', () => {
  const million = (usage: Body): Body => ({
    input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 0,
    ...usage,
  });
  const priced: readonly (readonly [name: string, usd: number, usage: Body, change?: Body])[] = [
    ['input and output', 12, { input_tokens: 1e6, output_tokens: 1e6 }],
    [
      'reads and both writes',
      0.1 + 2.5 + 4,
      {
        cache_read_input_tokens: 1e6,
        cache_creation_input_tokens: 2e6,
        cache_creation: { ephemeral_5m_input_tokens: 1e6, ephemeral_1h_input_tokens: 1e6 },
      },
    ],
    ['a region', 2.2, { input_tokens: 1e6, inference_geo: 'us' }],
    ['fast mode', 8, { input_tokens: 1e6 }, { model: 'claude-opus-5-5', speed: 'fast' }],
    ['the lower band of Haiku 5.5', 0.01, { input_tokens: 1e5 }, { model: 'claude-haiku-5-5' }],
    [
      'the upper band of Haiku 5.5',
      0.0500005,
      { input_tokens: 1e5, cache_read_input_tokens: 10 },
      { model: 'claude-haiku-5-5' },
    ],
    ['a single cheap token', 1e-8, { cache_read_input_tokens: 1 }, { model: 'claude-haiku-5-5' }],
    [
      'iterations instead of the top level',
      2,
      { input_tokens: 7, iterations: [{ type: 'message', input_tokens: 1e6, output_tokens: 0 }] },
    ],
    [
      'a pass of another model',
      4,
      {
        iterations: [
          { type: 'advisor_message', model: 'claude-opus-5-5', input_tokens: 1e6, output_tokens: 0 },
        ],
      },
    ],
  ];
  test.each(priced.map(([name, usd, usage, change = {}]) => ({ name, usd, usage, change })))(
    'prices $name',
    async ({ usd, usage, change }) => {
      const { emulator } = scripted([reply('x', { usage: million(usage) })]);
      expect((await post(emulator, { ...plain, ...change })).status).toBe(200);
      expect(emulator.bill.usd).toBeCloseTo(usd, 12);
    },
  );

  test('sums by model, and has no price for one it does not know', async () => {
    const { emulator } = scripted([reply('a'), reply('b', { model: 'claude-mystery' }), reply('c')]);
    for (let count = 0; count < 3; count++) await post(emulator, plain);
    const { byModel, ...sum } = emulator.bill;
    expect(
      Object.entries(byModel).map(([model, { requests, usd }]) => [model, requests, usd === null]),
    ).toEqual([
      ['claude-sonnet-5-5', 2, false],
      ['claude-mystery', 1, true],
    ]);
    expect([sum.requests, sum.usd]).toEqual([3, null]);
  });

  test('max_tokens cuts replies when it is enforced', async () => {
    const { emulator } = scripted([reply('x'.repeat(4000)), reply('short')], { enforceMaxTokens: true });
    const cut = await post(emulator, { ...plain, max_tokens: 100 });
    expect(cut.json['stop_reason']).toBe('max_tokens');
    expect(Number((cut.json['usage'] as Body)['output_tokens'])).toBeLessThanOrEqual(100);
    expect((await post(emulator, { ...plain, max_tokens: 100 })).json['stop_reason']).toBe('end_turn');
  });
});
