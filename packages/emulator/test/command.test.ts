import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { startEmulator } from '../src/index.ts';
import { parseScript } from '../src/script-file.ts';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const bin = new URL('../src/bin.ts', import.meta.url).pathname;
const node = [process.execPath, ...sourceFlags, bin] as const;

/** Runs the command to its end. */
async function run(
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(node[0], [...node.slice(1), ...args], (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

describe('pawl-emulator', () => {
  test('tells where it listens and how to get there, answers, and leaves on Ctrl-C', async () => {
    const child = spawn(node[0], [...node.slice(1), '--port', '0', '--model', 'echo']);
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.startsWith('Ctrl-C')) break;
    }
    const url = /export ANTHROPIC_BASE_URL=(\S+)/.exec(lines.join('\n'))?.[1];
    expect(lines.join('\n')).toContain('a rule-based stand-in (not a model)');
    const client = new Anthropic({ apiKey: 'offline', baseURL: url });
    expect((await client.messages.create(params)).content).toEqual([{ type: 'text', text: 'Hi' }]);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('explains itself and what is wrong', async () => {
    await using taken = await startEmulator();
    const [help, version, model, port, busy] = await Promise.all([
      run('--help'),
      run('--version'),
      run('--model', 'gpt'),
      run('--port', '99999'),
      run('--port', String(taken.port)),
    ]);
    expect([help.code, help.out.replaceAll(/\s+/g, ' ')]).toEqual([
      0,
      expect.stringContaining('a stand-in, not a model'),
    ]);
    expect([version.code, version.out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
    expect([model.code, model.err]).toEqual([
      1,
      expect.stringContaining('Allowed choices are librarian, echo'),
    ]);
    expect([port.code, port.err]).toEqual([1, expect.stringContaining('It must be from 0 to 65535')]);
    expect([busy.code, busy.err]).toEqual([
      1,
      `pawl-emulator: Port ${taken.port} on 127.0.0.1 is taken; choose another, or 0 for a free one.\n`,
    ]);
  });

  test('refuses a script that is not one', async () => {
    const path = await mkdtemp(join(tmpdir(), 'script-'));
    await using _gone = { [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
    await writeFile(join(path, 'bad.json'), '[{ "reply": 7 }]');
    const [bad, missing] = await Promise.all([
      run('--script', join(path, 'bad.json')),
      run('--script', join(path, 'none.json')),
    ]);
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('pawl-emulator: The script is invalid')]);
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('ENOENT')]);
  });
});

test('a script in JSON has texts, blocks, errors and faults', async () => {
  const respond = parseScript(
    JSON.stringify([
      'plain text',
      {
        reply: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'a' },
          { type: 'tool_use', name: 'grep', input: { pattern: 'x' } },
        ],
        delayMs: 1,
      },
      {
        reply: [
          { type: 'tool_use', name: 'write', input: '{"cut' },
          { type: 'redacted_thinking' },
          { type: 'hologram' },
        ],
        stopReason: 'max_tokens',
        fault: { id: 'early-end', afterEvents: 2 },
      },
      { error: 529, retryAfter: 1, message: 'busy' },
    ]),
  );
  await using server = await startEmulator({ respond });
  const client = new Anthropic({ apiKey: 'k', baseURL: server.url, maxRetries: 0 });
  expect((await client.messages.create(params)).content).toMatchObject([
    { type: 'text', text: 'plain text' },
  ]);
  expect((await client.messages.create(params)).content.map(({ type }) => type)).toEqual([
    'thinking',
    'text',
    'tool_use',
  ]);
  expect((await client.messages.create(params)).content.map(({ type }) => type)).toEqual([
    'tool_use',
    'redacted_thinking',
    'hologram',
  ]);
  await expect(client.messages.create(params)).rejects.toMatchObject({ status: 529, apiMessage: 'busy' });
  server.emulator.assertDone();
  expect(() => parseScript('[{ "reply": "x", "fault": { "id": "nonsense" } }]')).toThrow(
    'The script is invalid: step 1: reply options.fault.id: expected one of "connection-refused", ',
  );
});
