import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import {
  apiError,
  createEmulator,
  fault,
  record,
  replay,
  reply,
  script,
  text,
  toolUse,
} from '../src/index.ts';
import type { Step } from '../src/index.ts';

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'My key is sk-ant-api03-SECRET_x, Bearer abcdefghij.klm' }],
};

async function scratch(): Promise<AsyncDisposable & { readonly file: string }> {
  const path = await mkdtemp(join(tmpdir(), 'recording-'));
  return { file: join(path, 'session.jsonl'), [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function clientOn(fetch: typeof globalThis.fetch): Anthropic {
  return new Anthropic({ apiKey: 'sk-ant-api03-HEADER', fetch, maxRetries: 0 });
}

/** Records a whole message, a stream, an error and a broken stream, and returns what the client saw. */
async function session(fetch: typeof globalThis.fetch): Promise<unknown[]> {
  const client = clientOn(fetch);
  const seen: unknown[] = [];
  seen.push(await client.messages.create(params));
  seen.push(await client.messages.stream({ ...params, max_tokens: 65 }).finalMessage());
  seen.push(
    await client.messages.create({ ...params, max_tokens: 66 }).catch((error: unknown) => String(error)),
  );
  seen.push(
    await client.messages
      .stream({ ...params, max_tokens: 67 })
      .finalMessage()
      .catch((error: unknown) => String(error)),
  );
  seen.push(
    await client.messages.create({ ...params, max_tokens: 68 }).catch((error: unknown) => String(error)),
  );
  return seen;
}

const steps: readonly Step[] = [
  reply([text('Größe 🎉'), toolUse('a', { secret: 'sk-ant-api03-SECRET_y' })]),
  reply([text('streamed 🎉'), toolUse('b')], { chunk: { bytes: 7 } }),
  apiError(429, { retryAfter: 7 }),
  reply('cut short', { fault: fault.cut() }),
  reply('never', { fault: fault.connectionRefused() }),
];

describe('record and replay', () => {
  test('a replay is what the client saw, without a network', async () => {
    await using here = await scratch();
    const emulator = createEmulator({ respond: script(steps) });
    await using recorder = record({ fetch: emulator.fetch, file: here.file });
    const live = await session(recorder.fetch);
    await recorder.close();
    const replayer = replay({ file: here.file });
    const again = await session(replayer.fetch);
    expect(again.slice(1)).toEqual(live.slice(1));
    expect(JSON.stringify(again[0])).toBe(
      JSON.stringify(live[0]).replace('sk-ant-api03-SECRET_y', 'sk-ant-***'),
    );
    expect(live.slice(2)).toEqual([
      expect.stringContaining('429'),
      expect.stringContaining('terminated'),
      expect.stringContaining('Connection error'),
    ]);
    replayer.assertDone();
  });

  test('the file is versioned lines without secrets', async () => {
    await using here = await scratch();
    const emulator = createEmulator({ respond: script(steps) });
    const recorder = record({ fetch: emulator.fetch, file: here.file });
    await session(recorder.fetch);
    await recorder.close();
    const written = await readFile(here.file, 'utf8');
    expect(written).not.toMatch(/SECRET|HEADER|abcdefghij/);
    const [header, ...lines] = written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(header).toEqual({ format: 'pawl-recording', version: 1 });
    expect(lines.map(({ number }) => Number(number)).toSorted((left, right) => left - right)).toEqual([
      1, 2, 3, 4, 5,
    ]);
    expect(Object.keys((lines[0] as { request: { headers: object } }).request.headers).sort()).toEqual([
      'anthropic-version',
      'content-type',
    ]);
  });

  test('a request that differs is answered with the difference', async () => {
    await using here = await scratch();
    const recorder = record({ fetch: createEmulator().fetch, file: here.file });
    const client = clientOn(recorder.fetch);
    for (const content of ['one', 'two', 'three'])
      await client.messages.create({ ...params, messages: [{ role: 'user', content }] });
    await recorder.close();
    const replayer = replay({ file: here.file });
    const second = clientOn(replayer.fetch);
    await second.messages.create({ ...params, messages: [{ role: 'user', content: 'one' }] });
    const error = await second.messages
      .create({ ...params, messages: [{ role: 'user', content: 'zwei' }] })
      .catch((reason: unknown) => reason as { apiMessage: string });
    expect('apiMessage' in error && error.apiMessage).toContain(
      'The request differs from exchange 2 of the recording:',
    );
    expect('apiMessage' in error && error.apiMessage).toMatch(
      /-\s+"content": "two"[^]*\+\s+"content": "zwei"/,
    );
    await expect(
      second.messages.create({ ...params, messages: [{ role: 'user', content: 'two' }] }),
    ).rejects.toThrow('exchange 2');
    expect(() => replayer.assertDone()).toThrow('exchange 2');
    const any = replay({ file: here.file, order: 'any' });
    await clientOn(any.fetch).messages.create({ ...params, messages: [{ role: 'user', content: 'three' }] });
    expect(() => any.assertDone()).toThrow('Not replayed: exchange 1, 2');
  });

  test('what changes every time can be left out', async () => {
    await using here = await scratch();
    const recorder = record({ fetch: createEmulator().fetch, file: here.file });
    await clientOn(recorder.fetch).messages.create(params);
    await recorder.close();
    const normalise = (body: unknown): unknown => ({ ...(body as object), max_tokens: 0 });
    const replayer = replay({ file: here.file, normalise });
    await clientOn(replayer.fetch).messages.create({ ...params, max_tokens: 99 });
    await expect(clientOn(replayer.fetch).messages.create(params)).rejects.toThrow('The recording has ended');
  });

  test('a damaged file is named by its line', async () => {
    await using here = await scratch();
    const load = async (content: string): Promise<unknown> => {
      await writeFile(here.file, content);
      return clientOn(replay({ file: here.file }).fetch)
        .messages.create(params)
        .catch((error: unknown) => String((error as Error).cause));
    };
    expect(await load('')).toContain('The recording is empty');
    expect(await load('{"format":"pawl-recording","version":2}\n')).toContain(
      'Line 1 of the recording is invalid',
    );
    expect(await load('{"format":"pawl-recording","version":1}\n{"number":1}\n')).toContain(
      'Line 2 of the recording is invalid',
    );
    expect(await load('{"format":"pawl-recording","version":1}\n{"num\n')).toContain(
      'Line 2 of the recording is not JSON',
    );
  });
});
