import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { apiError, createEmulator, echo, reply, script, spendCapError, text, toolUse } from '../src/index.ts';
import { clientOf, plain, post, scripted } from './api.ts';
import type { Body } from './api.ts';

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

describe('errors', () => {
  test('[error/shape] with details where there are any', async () => {
    const { emulator } = scripted([
      apiError(400, {
        message: 'no',
        type: 'odd_error',
        details: { error_code: 'x' },
        headers: { 'x-extra': '1' },
      }),
    ]);
    const answer = await post(emulator, plain);
    expect(answer.json).toEqual({
      type: 'error',
      error: { type: 'odd_error', message: 'no', details: { error_code: 'x' } },
      request_id: answer.headers.get('request-id'),
    });
    expect(answer.headers.get('x-extra')).toBe('1');
    expect(emulator.refusals).toEqual([]);
  });

  test('[error/statuses] and its class in the SDK', async () => {
    const expected: readonly (readonly [number, string, string])[] = [
      [400, 'invalid_request_error', 'BadRequestError'],
      [401, 'authentication_error', 'AuthenticationError'],
      [402, 'billing_error', 'PaymentRequiredError'],
      [403, 'permission_error', 'PermissionDeniedError'],
      [404, 'not_found_error', 'NotFoundError'],
      [409, 'conflict_error', 'ConflictError'],
      [413, 'request_too_large', 'ContentTooLargeError'],
      [429, 'rate_limit_error', 'RateLimitError'],
      [500, 'api_error', 'InternalServerError'],
      [504, 'timeout_error', 'GatewayTimeoutError'],
      [529, 'overloaded_error', 'OverloadedError'],
    ];
    const { client } = scripted(expected.map(([status]) => apiError(status)));
    for (const [status, type, name] of expected) {
      const error: unknown = await client.messages.create(params).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Anthropic.APIError);
      expect(error).toMatchObject({ status, type });
      expect((error as Error).constructor.name).toBe(name);
    }
  });

  test('[error/request-id] errors, models and counts too', async () => {
    const emulator = createEmulator();
    const paths: readonly (readonly [string, Body])[] = [
      ['/v1/messages', plain],
      ['/v1/messages', {}],
      ['/nowhere', {}],
      ['/v1/messages/count_tokens', { model: 'claude-opus-5', messages: plain['messages'] }],
    ];
    const ids: (string | null)[] = [];
    for (const [path, body] of paths)
      ids.push((await post(emulator, body, {}, path)).headers.get('request-id'));
    expect(ids).toEqual(emulator.requests.map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
  });

  test('[error/retry-headers] either way', async () => {
    const emulator = createEmulator({
      respond: script([
        apiError(429, { retryAfter: 0.03 }),
        apiError(529, { retryAfterMs: 30 }),
        apiError(400, { shouldRetry: true, retryAfterMs: 1 }),
        reply('at last'),
        apiError(500, { shouldRetry: false }),
      ]),
    });
    const client = new Anthropic({ apiKey: 'key-1', fetch: emulator.fetch, maxRetries: 3 });
    const started = performance.now();
    expect((await client.messages.create(params)).content).toEqual([{ type: 'text', text: 'at last' }]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(58);
    await expect(client.messages.create(params)).rejects.toMatchObject({ status: 500 });
    expect(emulator.requests.map(({ status }) => status)).toEqual([429, 529, 400, 200, 500]);
  });

  test('[limits/spend-cap] of either kind', async () => {
    const { client } = scripted([spendCapError(), spendCapError('contract_spend_limit_reached')]);
    for (const code of ['enforced_spend_limit_reached', 'contract_spend_limit_reached']) {
      const error = await client.messages
        .create(params)
        .catch((reason: unknown) => reason as InstanceType<typeof Anthropic.APIError>);
      expect(error).toMatchObject({ status: 429, errorCode: code });
      expect((error as { headers: Headers }).headers.get('retry-after')).toBeNull();
    }
  });
});

describe('rate limits', () => {
  test('[limits/headers] rounded and dated', async () => {
    const answer = await post(createEmulator({ clock: () => Date.UTC(2026, 10, 20) }), plain);
    const headers = [...answer.headers].filter(([name]) => name.startsWith('anthropic-ratelimit'));
    expect(headers).toHaveLength(12);
    expect(Object.fromEntries(headers)).toMatchObject({
      'anthropic-ratelimit-requests-limit': '1000',
      'anthropic-ratelimit-requests-remaining': '999',
      'anthropic-ratelimit-input-tokens-limit': '2000000',
      'anthropic-ratelimit-input-tokens-remaining': '2000000',
      'anthropic-ratelimit-requests-reset': '2026-11-20T00:00:00Z',
    });
  });

  test('[limits/bucket] by the clock', async () => {
    let now = 0;
    const emulator = createEmulator({ clock: () => now, rateLimits: { requestsPerMinute: 2 } });
    const statuses = async (count: number): Promise<number[]> => {
      const found: number[] = [];
      for (let index = 0; index < count; index++) found.push((await post(emulator, plain)).status);
      return found;
    };
    expect(await statuses(3)).toEqual([200, 200, 429]);
    const refused = await post(emulator, plain);
    expect([refused.error.type, refused.headers.get('retry-after')]).toEqual(['rate_limit_error', '30']);
    expect((await post(emulator, plain, { authorization: 'Bearer key-2' })).status).toBe(200);
    expect((await post(emulator, { ...plain, model: 'claude-opus-5-5' })).status).toBe(200);
    now += 30_000;
    expect(await statuses(2)).toEqual([200, 429]);
  });

  test('output tokens count as they are produced', async () => {
    const { emulator } = scripted([reply('x'.repeat(4000)), reply('y')], {
      clock: () => 0,
      rateLimits: { outputTokensPerMinute: 1000 },
    });
    expect((await post(emulator, plain)).status).toBe(200);
    expect((await post(emulator, plain)).error.message).toContain('output tokens per minute');
  });

  test('[limits/cache-reads] so a cached prompt fits again and again', async () => {
    const emulator = createEmulator({
      clock: () => 0,
      respond: echo(),
      rateLimits: { inputTokensPerMinute: 2000 },
    });
    const cached = {
      ...plain,
      system: [{ type: 'text', text: 'word '.repeat(900), cache_control: { type: 'ephemeral' } }],
    };
    for (let count = 0; count < 5; count++) expect((await post(emulator, cached)).status).toBe(200);
    const { system: _system, ...rest } = cached;
    expect((await post(emulator, { ...rest, system: 'word '.repeat(901) })).status).toBe(429);
  });
});

describe('refusals and threads', () => {
  test('[refusal/stop-details] scripted or empty', async () => {
    const stopDetails = { type: 'refusal', category: 'cyber', explanation: 'No.' };
    const { client } = scripted([
      reply(text('I'), { stopReason: 'refusal', stopDetails }),
      reply([], { stopReason: 'refusal' }),
    ]);
    expect(await client.messages.create(params)).toMatchObject({
      stop_reason: 'refusal',
      stop_details: stopDetails,
    });
    expect(await client.messages.stream(params).finalMessage()).toMatchObject({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', category: null },
    });
  });

  test('[refusal/free] one in the middle is', async () => {
    const { client, emulator } = scripted([
      reply([], { stopReason: 'refusal' }),
      reply('I', { stopReason: 'refusal' }),
    ]);
    await client.messages.create(params);
    expect(emulator.bill.requests).toBe(0);
    await client.messages.create(params);
    expect(emulator.bill.requests).toBe(1);
  });

  test('[threads/refused] to the full history', async () => {
    const emulator = createEmulator({ respond: script([reply(toolUse('add', { a: 1, b: 2 })), reply('3')]) });
    const add = betaZodTool({
      name: 'add',
      description: 'Adds.',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }) => String(a + b),
    });
    const answer = await clientOf(emulator).beta.messages.toolRunner({ ...params, tools: [add] });
    expect(answer.content).toEqual([{ type: 'text', text: '3' }]);
    expect(emulator.requests.map(({ status }) => status)).toEqual([400, 200, 200]);
    expect(emulator.refusals[0]?.message).toContain('threads are not supported');
    expect(emulator.requests.at(-1)?.body?.messages).toHaveLength(3);
    const raw = await post(emulator, { ...plain, thread: { type: 'create' } });
    expect(raw.error.details).toEqual({ error_code: 'thread_unsupported_request', unsupported: ['thread'] });
  });
});
