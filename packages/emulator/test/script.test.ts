import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { apiError, createEmulator, fault, match, reply, route, script, text, toolUse } from '../src/index.ts';
import type { EmulatedRequest } from '../src/index.ts';
import { clientOf, plain, post, scripted } from './api.ts';

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};
const isAbout =
  (word: string) =>
  (request: EmulatedRequest): boolean =>
    request.bodyText.includes(word);

describe('a script', () => {
  test('answers step by step, and is then done', async () => {
    const seen: unknown[] = [];
    const step = (request: EmulatedRequest) => {
      seen.push([request.index, request.body.messages.length, request.stream]);
      return reply('b');
    };
    const { emulator, client } = scripted([reply('a'), step, apiError(529)]);
    expect((await client.messages.create(params)).content).toEqual([{ type: 'text', text: 'a' }]);
    expect(() => emulator.assertDone()).toThrow(
      'The script was not followed:\n- step 2 was not used: a function\n- step 3 was not used: error 529',
    );
    expect((await client.messages.stream(params).finalMessage()).content).toEqual([
      { type: 'text', text: 'b' },
    ]);
    await expect(client.messages.create(params)).rejects.toMatchObject({ status: 529 });
    expect(seen).toEqual([[1, 1, true]]);
    emulator.assertDone();
  });

  test('refuses what it does not expect, without a retry, and remembers it', async () => {
    const { emulator } = scripted([]);
    const client = clientOf(emulator);
    const error: unknown = await client.messages
      .create(params, { maxRetries: 2 })
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain(
      'pawl emulator: no step left for request #1 (claude-sonnet-5-5, 1 messages, last user: \\"Hi\\"); the script has 0 steps',
    );
    expect(emulator.requests).toHaveLength(1);
    expect(() => emulator.assertDone()).toThrow('unexpected: no step left for request #1');
  });

  test('a step that throws is an error that names it', async () => {
    const { client } = scripted([() => Promise.reject(new Error('oops'))]);
    await expect(client.messages.create(params)).rejects.toThrow('pawl emulator: step 1 threw: oops');
  });

  test('matched steps wait for their request', async () => {
    const { emulator } = scripted([
      match(isAbout('logs'), reply('L')),
      match(isAbout('db'), () => reply('D')),
      reply('other'),
    ]);
    const ask = async (content: string): Promise<unknown> =>
      (await post(emulator, { ...plain, messages: [{ role: 'user', content }] })).json['content'];
    expect(await ask('about db')).toEqual([{ type: 'text', text: 'D' }]);
    expect(await ask('about nothing')).toEqual([{ type: 'text', text: 'other' }]);
    expect(() => emulator.assertDone()).toThrow('step 1 was not used: match(reply of text)');
    expect(await ask('about logs')).toEqual([{ type: 'text', text: 'L' }]);
    emulator.assertDone();
  });

  test('routes give each agent its own script', async () => {
    const respond = route([
      [isAbout('logs'), script([reply('L1'), reply('L2')])],
      [isAbout('db'), script([reply('D1')])],
    ]);
    const emulator = createEmulator({ respond });
    const ask = async (content: string): Promise<string> =>
      (await post(emulator, { ...plain, messages: [{ role: 'user', content }] })).text;
    expect(await ask('logs')).toContain('L1');
    expect(await ask('db')).toContain('D1');
    expect(() => emulator.assertDone()).toThrow('step 2 was not used');
    expect(await ask('logs')).toContain('L2');
    emulator.assertDone();
    expect(await ask('neither')).toContain('no route takes request');
    expect(() => emulator.assertDone()).toThrow('unexpected: no route takes request #4');
  });

  test('the stop reason follows from the content unless it is given', async () => {
    const stop = async (...args: Parameters<typeof reply>): Promise<unknown> =>
      (await post(createEmulator({ respond: () => reply(...args) }), plain)).json['stop_reason'];
    expect(await stop('x')).toBe('end_turn');
    expect(await stop([text('x'), toolUse('a')])).toBe('tool_use');
    expect(await stop([toolUse('a', '{"cut')], { stopReason: 'max_tokens' })).toBe('max_tokens');
    expect(await stop('x', { stopReason: null })).toBe(null);
    expect(await stop('x', { stopReason: 'new_reason' })).toBe('new_reason');
  });
});

describe('the record', () => {
  test('keeps every request, the newest few, or none', async () => {
    const kept = async (record: boolean | { max: number }): Promise<number[]> => {
      const emulator = createEmulator({ record });
      for (let count = 0; count < 4; count++) await post(emulator, { ...plain, max_tokens: count + 1 });
      return emulator.requests.map(({ body }) => body?.max_tokens ?? 0);
    };
    expect(await kept(true)).toEqual([1, 2, 3, 4]);
    expect(await kept({ max: 2 })).toEqual([3, 4]);
    expect(await kept(false)).toEqual([]);
  });

  test('has the bytes that were sent', async () => {
    const emulator = createEmulator({ clock: () => 42 });
    const bytes = new TextEncoder().encode(JSON.stringify(plain));
    await emulator.fetch(
      new Request('https://api.example/v1/messages?beta=true', {
        method: 'POST',
        headers: { 'x-api-key': 'k', 'anthropic-version': '2026-10-21' },
        body: bytes,
      }),
    );
    expect(emulator.requests[0]).toMatchObject({
      method: 'POST',
      path: '/v1/messages?beta=true',
      at: 42,
      status: 200,
      ended: 'complete',
      bodyText: JSON.stringify(plain),
      headers: { 'x-api-key': '***' },
    });
    expect(emulator.requests[0]?.usage).toMatchObject({ input_tokens: expect.any(Number) });
  });

  test('ids depend on the seed alone', async () => {
    const ids = async (seed: number): Promise<unknown> => {
      const { emulator } = scripted([reply(toolUse('a'))], { seed });
      const { json } = await post(emulator, plain);
      return [json['id'], json['content']];
    };
    expect(await ids(1)).toEqual(await ids(1));
    expect(await ids(1)).not.toEqual(await ids(2));
  });
});

test('an abort before the headers rejects with its reason and bills nothing', async () => {
  const emulator = createEmulator({ respond: script([reply('late', { delayMs: 10_000 })]) });
  const reason = new Error('enough');
  const abort = new AbortController();
  const sent = emulator.fetch('https://api.example/v1/messages', {
    method: 'POST',
    headers: { 'x-api-key': 'k', 'anthropic-version': '2026-10-21' },
    body: JSON.stringify(plain),
    signal: abort.signal,
  });
  setTimeout(() => abort.abort(reason), 10);
  await expect(sent).rejects.toBe(reason);
  await expect.poll(() => emulator.requests[0]?.ended).toBe('aborted');
  expect(emulator.bill.requests).toBe(0);
  await expect(emulator.fetch('https://api.example/', { signal: abort.signal })).rejects.toBe(reason);
});

test('a long-lived signal keeps no listeners', async () => {
  const { signal } = new AbortController();
  const faults = [undefined, fault.cut(), fault.connectionReset(), fault.earlyEnd(), fault.html()];
  const emulator = createEmulator({
    respond: (request) =>
      reply('x'.repeat(100), { delayMs: 1, fault: faults[request.index % faults.length] }),
  });
  for (let count = 0; count < 40; count++) {
    const body = JSON.stringify({ ...plain, stream: count % 2 === 0 });
    const headers = { 'x-api-key': 'k', 'anthropic-version': '2026-10-21' };
    const sent = emulator.fetch('https://api.example/v1/messages', { method: 'POST', headers, body, signal });
    await sent.then((response) => response.text()).catch((error: unknown) => error);
  }
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
