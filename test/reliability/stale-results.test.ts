import { setTimeout as wait } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { createAgent, defineTool } from '@pawl/agent-loop';
import { createEmulator, fault, reply, script, text, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { z } from 'zod';

test('promise 1: what a lost reply had read is not the answer to the reply that came instead', async () => {
  // Both replies name their call alike, as a server may that sends the same reply again.
  const call = toolUse('look', {}, { id: 'toolu_look' });
  const emulator = createEmulator({
    respond: script([
      reply([call, text('This text never comes.')], {
        fault: fault.cut({ afterEvents: 6 }),
        chunk: { delayMs: 5 },
      }),
      reply([call]),
      reply('Seen.'),
    ]),
  });
  let looks = 0;
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client: new Anthropic({ apiKey: 'k', baseURL: 'http://emulator', fetch: emulator.fetch, maxRetries: 0 }),
    // The wait before the turn is tried again is short; the watchdog's patience stays as it is.
    seams: {
      timer: (ms, fire) => {
        const handle = setTimeout(fire, ms < 1000 ? 5 : ms);
        return () => clearTimeout(handle);
      },
    },
    tools: [
      defineTool({
        name: 'look',
        description: 'Looks.',
        input: z.object({}),
        effect: 'read',
        async run() {
          looks += 1;
          const look = `look ${looks}`;
          // The second time it ends only after its reply is whole.
          if (looks === 2) await wait(30);
          return look;
        },
      }),
    ],
  });
  const { messages } = await agent.run('Look.');
  expect(looks).toBe(2);
  expect(messages[2]).toMatchObject({
    role: 'user',
    content: [{ tool_use_id: 'toolu_look', content: 'look 2' }],
  });
});
