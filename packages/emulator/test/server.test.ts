import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { reply, script, startEmulator } from '../src/index.ts';
import { credentials, plain } from './api.ts';

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

describe('the server', () => {
  test('refuses a body that is too large, and goes on', async () => {
    await using server = await startEmulator();
    const body = JSON.stringify({
      ...plain,
      messages: [{ role: 'user', content: 'x'.repeat(33 * 1024 * 1024) }],
    });
    const response = await fetch(`${server.url}/v1/messages`, { method: 'POST', headers: credentials, body });
    expect([response.status, ((await response.json()) as { error: { type: string } }).error.type]).toEqual([
      413,
      'request_too_large',
    ]);
    expect((await fetch(`${server.url}/v1/models`, { headers: credentials })).status).toBe(200);
  });

  test('notices when the client goes away, and bills what was produced', async () => {
    await using server = await startEmulator({
      respond: script([reply('x'.repeat(40_000), { chunk: { delayMs: 2 } })]),
    });
    const client = new Anthropic({ apiKey: 'k', baseURL: server.url });
    let events = 0;
    for await (const _event of await client.messages.create({ ...params, stream: true }))
      if (++events === 5) break;
    await expect.poll(() => server.emulator.requests[0]?.ended).toBe('aborted');
    expect(server.emulator.bill.outputTokens).toBeGreaterThan(0);
    expect(server.emulator.bill.outputTokens).toBeLessThan(1000);
  });

  test('closes with streams open, twice if asked, and frees its port', async () => {
    const server = await startEmulator({
      respond: () => reply('x'.repeat(4000), { chunk: { delayMs: 50 } }),
    });
    const client = new Anthropic({ apiKey: 'k', baseURL: server.url, maxRetries: 0 });
    const stream = await client.messages.create({ ...params, stream: true });
    const reading = (async () => {
      for await (const event of stream) if (event.type === 'message_stop') return 'whole';
      return 'ended';
    })();
    await Promise.all([expect(reading).rejects.toThrow('terminated'), server.close()]);
    await server.close();
    await using again = await startEmulator({ port: server.port });
    expect(again.port).toBe(server.port);
    await expect(startEmulator({ port: again.port })).rejects.toThrow(
      `Port ${again.port} on 127.0.0.1 is taken`,
    );
  });

  test('a hundred streams at once', async () => {
    await using server = await startEmulator({
      respond: (request) => reply(`answer ${request.body.max_tokens}`),
    });
    const client = new Anthropic({ apiKey: 'k', baseURL: server.url });
    const ask = async (count: number): Promise<unknown> =>
      (await client.messages.stream({ ...params, max_tokens: count + 1 }).finalMessage()).content[0];
    const answers = await Promise.all(Array.from({ length: 100 }, (_, count) => ask(count)));
    expect(answers).toEqual(answers.map((_, count) => ({ type: 'text', text: `answer ${count + 1}` })));
  });
});
