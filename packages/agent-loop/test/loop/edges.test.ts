import Anthropic from '@anthropic-ai/sdk';
import { createEmulator, reply, script, text, toolUse } from '@pawl/emulator';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createAgent, defineTool, openSession, RunError, type RunOptions } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf, stage } from './stage.ts';
import { virtualTime } from './time.ts';

const encoder = new TextEncoder();
const frame = (event: { readonly type: string }): Uint8Array =>
  encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
const START = {
  type: 'message_start',
  message: {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    usage: { input_tokens: 1, output_tokens: 1 },
  },
};

/** A server that answers every request with these pieces, in this order, and then ends as it is told to. */
function serving(
  pieces: readonly (Uint8Array | number)[],
  end: 'close' | 'error',
  { sleep } = virtualTime(),
) {
  let requests = 0;
  const fetch = async (): Promise<Response> => {
    requests += 1;
    const body = new ReadableStream<Uint8Array>({
      async start(stream) {
        for (const piece of pieces) {
          if (typeof piece !== 'number') stream.enqueue(piece);
          else await sleep(piece);
        }
        if (end === 'close') stream.close();
        else setTimeout(() => stream.error(new TypeError('terminated')), 5);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  return { client: clientOf(fetch), requests: () => requests };
}

describe('a long reply', () => {
  it('may be busy with the input of a call for longer than idleMs, while pings come', async () => {
    const pings = Array.from({ length: 12 }, () => [frame({ type: 'ping' }), 30]).flat();
    const time = virtualTime();
    const { client, requests } = serving(
      [
        frame(START),
        frame({
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'tool_use', id: 't', name: 'x', input: {} },
        } as never),
        ...pings,
        frame({
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'input_json_delta', partial_json: '{}' },
        } as never),
        frame({ type: 'content_block_stop', index: 0 } as never),
        frame({
          type: 'message_delta',
          delta: { stop_reason: 'max_tokens' },
          usage: { output_tokens: 9 },
        } as never),
        frame({ type: 'message_stop' }),
      ],
      'close',
      time,
    );
    const agent = createAgent({ model: 'm', client, limits: { idleMs: 100 }, seams: time.seams });
    const { outcome } = await time.pass(agent.run('Go.'));
    expect({ outcome, requests: requests() }).toEqual({ outcome: 'truncated', requests: 1 });
  });

  it('counts once it is whole, whatever becomes of its connection', async () => {
    const { client, requests } = serving(
      [
        frame(START),
        frame({
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'text', text: 'Done.' },
        } as never),
        frame({ type: 'content_block_stop', index: 0 } as never),
        frame({
          type: 'message_delta',
          delta: { stop_reason: 'end_turn' },
          usage: { output_tokens: 9 },
        } as never),
        frame({ type: 'message_stop' }),
      ],
      'error',
    );
    const result = await createAgent({ model: 'm', client }).run('Go.');
    expect({ text: result.text, requests: requests() }).toEqual({ text: 'Done.', requests: 1 });
  });
});

describe('a client that cannot send', () => {
  it('is named at once, and not tried again', async () => {
    const client = new Anthropic({ apiKey: null, authToken: null, baseURL: 'http://nowhere.invalid' });
    const error: unknown = await createAgent({ model: 'm', client })
      .run('Go.')
      .catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && error.code).toBe('config');
    expect((error as RunError).message).toMatch(/^Could not resolve authentication method(?!.*tries)/);
  });
});

describe('without a client and without a key', () => {
  it.each(['run', 'preview'] as const)('%s says how to give one', async (method) => {
    for (const name of Object.keys(process.env))
      if (name.startsWith('ANTHROPIC_')) vi.stubEnv(name, undefined);
    vi.stubEnv('ANTHROPIC_CONFIG_DIR', '/nowhere');
    vi.stubEnv('ANTHROPIC_BASE_URL', 'http://nowhere.invalid');
    const error: unknown = await createAgent({ model: 'm' })
      [method]('Go.')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'config',
      message: expect.stringMatching(
        /^There is no key for the API\. Set ANTHROPIC_API_KEY, or give the agent a client: .*\(Could not resolve/,
      ) as string,
      cause: { message: expect.stringMatching(/^Could not resolve authentication method/) as string },
    });
  });
});

describe('a client that is none of the SDK', () => {
  it.each([
    ['answers with a promise', async () => ({ type: 'message' })],
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['answers with nothing', () => undefined],
  ])('is told what is expected of it where it %s', async (_, create) => {
    const client = { messages: { create } } as unknown as Anthropic;
    const error: unknown = await createAgent({ model: 'm', client })
      .run('Go.')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'config',
      message: expect.stringMatching(
        /messages\.create has to return .* new Anthropic\(\{ apiKey, fetch \}\)/,
      ) as string,
    });
  });
});

describe('an onEvent hook', () => {
  it('that is asynchronous and fails ends the run like any other', async () => {
    const onEvent = (): unknown => Promise.reject(new Error('no disk'));
    const { agent } = stage({ steps: [reply(text('Hi.'))], hooks: { onEvent } });
    await expect(agent.run('Go.')).rejects.toMatchObject({
      code: 'hook-failed',
      message: 'The onEvent hook failed: no disk',
    });
  });
});

describe('an input', () => {
  it('with an empty text block is refused before anything is sent', async () => {
    const { agent, emulator } = stage({});
    await expect(agent.run([{ type: 'text', text: ' ' }])).rejects.toMatchObject({ option: 'input[0]' });
    expect(emulator.requests).toEqual([]);
  });

  it('that the API refuses does not stay in the session', async () => {
    const emulator = createEmulator({ respond: script([reply(text('Hello.'))]) });
    const agent = createAgent({ model: 'claude-sonnet-5-5', client: clientOf(emulator.fetch) });
    const store = memoryStore();
    const session = await openSession({ agent, store, id: 's' });
    const broken = [
      {
        type: 'image' as const,
        source: { type: 'base64' as const, media_type: 'image/png' as const, data: '!' },
      },
    ];
    await expect(session.run(broken)).rejects.toMatchObject({ code: 'invalid-request', messages: [] });
    expect(session.resumable).toBe(false);
    expect(await session.run('Hi.')).toMatchObject({ outcome: 'completed' });
    const { messages } = session;
    await session.close();
    const again = await openSession({ agent, store, id: 's' });
    expect(again.messages).toEqual(messages);
    expect(messages).toHaveLength(2);
    await again.close();
  });
});

describe('a session', () => {
  it('keeps an input that is no JSON once it is parsed', async () => {
    const emulator = createEmulator({
      respond: script([reply([toolUse('count', { n: '12' })]), reply(text('Counted.'))]),
    });
    const count = defineTool({
      name: 'count',
      description: 'Counts.',
      input: z.object({ n: z.string().transform(BigInt) }),
      run: ({ n }) => String(n + 1n),
    });
    const agent = createAgent({
      model: 'claude-sonnet-5-5',
      tools: [count],
      client: clientOf(emulator.fetch),
    });
    const session = await openSession({ agent, store: memoryStore(), id: 's' });
    expect(await session.run('Count.')).toMatchObject({ outcome: 'completed', text: 'Counted.' });
    await session.close();
  });

  it('takes nothing but its own options for a run', async () => {
    const emulator = createEmulator({ respond: script([reply(text('One.')), reply(text('Two.'))]) });
    const agent = createAgent({ model: 'claude-sonnet-5-5', client: clientOf(emulator.fetch) });
    const session = await openSession({ agent, store: memoryStore(), id: 's' });
    await session.run('First.');
    const options: RunOptions = { messages: session.messages };
    await expect(session.run('Second.', options)).rejects.toThrow(/there is no option "messages"/);
    expect(session.messages).toHaveLength(2);
    await session.run('Second.');
    expect(session.messages).toHaveLength(4);
    await session.close();
  });

  it('is free again after a loop over its events was left', async () => {
    const emulator = createEmulator({ respond: script([reply(text('One.')), reply(text('Two.'))]) });
    const agent = createAgent({ model: 'claude-sonnet-5-5', client: clientOf(emulator.fetch) });
    const session = await openSession({ agent, store: memoryStore(), id: 's' });
    for await (const event of session.stream('First.')) if (event.type === 'text-delta') break;
    expect(session.resumable).toBe(true);
    expect(await session.resume()).toMatchObject({ outcome: 'completed', text: 'Two.' });
    await session.close();
  });
});
