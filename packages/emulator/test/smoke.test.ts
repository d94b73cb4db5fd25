import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from 'vitest';
import { createEmulator, reply, script, startEmulator, text, thinking, toolUse } from '../src/index.ts';

const question = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

test('a scripted turn arrives the same streamed and whole, in memory and over HTTP', async () => {
  const steps = () =>
    script(
      Array.from({ length: 2 }, () =>
        reply([
          thinking('plan', { shown: true }),
          text('Let me look. Überall 🎉'),
          toolUse('grep', { pattern: 'x' }),
        ]),
      ),
    );
  const emulator = createEmulator({ respond: steps() });
  const memory = new Anthropic({ apiKey: 'k', fetch: emulator.fetch });
  await using server = await startEmulator({ respond: steps() });
  const http = new Anthropic({ apiKey: 'k', baseURL: server.url });
  for (const client of [memory, http]) {
    const whole = await client.messages.create(question);
    const streamed = await client.messages.stream(question).finalMessage();
    expect(streamed.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(streamed.content.map(({ ...block }) => ({ ...block, id: '' }))).toEqual(
      whole.content.map(({ ...block }) => ({ ...block, id: '' })),
    );
    expect(streamed.stop_reason).toBe('tool_use');
  }
  emulator.assertDone();
  expect(emulator.requests.map(({ ended, status }) => [ended, status])).toEqual([
    ['complete', 200],
    ['complete', 200],
  ]);
});
