import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test, vi } from 'vitest';
import { httpFetch } from '../../src/node/http-fetch.ts';
import { createDefaultClient } from '../../src/node/transport.ts';
import { bodyOf, serve } from './http-server.ts';

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};
const events = [
  { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hé' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'llo' } },
  { type: 'content_block_stop', index: 0 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 1 },
  },
  { type: 'message_stop' },
];
const types = events.map((event) => event.type);
const frames = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
const sse = { 'content-type': 'text/event-stream', 'request-id': 'req_1' };

const params = {
  model: 'claude-sonnet-5-5',
  max_tokens: 10,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

function clientOf(origin: string, maxRetries = 0): Anthropic {
  return new Anthropic({ apiKey: 'key', baseURL: origin, fetch: httpFetch, maxRetries });
}

/** Streams all frames, splitting the bytes at `size`, so that characters and events are cut anywhere. */
async function stream(response: ServerResponse, size: number): Promise<void> {
  response.writeHead(200, sse);
  const bytes = Buffer.from(frames.join(''));
  for (let at = 0; at < bytes.length; at += size) {
    response.write(bytes.subarray(at, at + size));
    if (at % 7 === 0) await delay(1);
  }
  response.end();
}

// Each has a server of its own, and most wait for something: they wait together.
describe.concurrent('the SDK over httpFetch', () => {
  test('a JSON reply, with the request as the SDK wrote it', async () => {
    const requests: unknown[] = [];
    await using server = await serve(async (request, response) => {
      requests.push([request.headers.authorization, request.headers['content-type'], await bodyOf(request)]);
      response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' });
      response.end(JSON.stringify(message));
    });
    const reply = await clientOf(server.origin).messages.create(params);
    expect([reply, reply._request_id]).toEqual([message, 'req_1']);
    expect(requests).toEqual([['Bearer key', 'application/json', JSON.stringify(params)]]);
  });

  test.for([1, 13, 100_000])('a stream cut into pieces of %i bytes', async (size) => {
    await using server = await serve((_, response) => stream(response, size));
    const client = clientOf(server.origin);
    const seen: string[] = [];
    for await (const event of await client.messages.create({ ...params, stream: true }))
      seen.push(event.type);
    expect(seen).toEqual(types);
    const final = await client.messages.stream(params).finalMessage();
    expect(final.content).toMatchObject([{ type: 'text', text: 'Héllo' }]);
    expect(server.connections()).toBe(1);
  });

  test('events arrive one by one, not when the reply ends', async () => {
    let release = () => {};
    await using server = await serve((_, response) => {
      response.writeHead(200, sse).write(frames[0]);
      release = () => void response.end(frames.slice(1).join(''));
    });
    const seen: string[] = [];
    for await (const event of await clientOf(server.origin).messages.create({ ...params, stream: true })) {
      if (event.type === 'message_start') release();
      seen.push(event.type);
    }
    expect(seen).toEqual(types);
  });

  test('a stream whose connection dies is an error, never a short reply', async () => {
    await using server = await serve((request, response) => {
      response.writeHead(200, sse).write(frames.slice(0, 3).join(''));
      setTimeout(() => request.socket.destroy(), 20);
    });
    const seen: string[] = [];
    const read = async () => {
      const reply = await clientOf(server.origin).messages.create({ ...params, stream: true });
      for await (const event of reply) seen.push(event.type);
    };
    await expect(read()).rejects.toMatchObject({ name: 'TypeError', message: 'terminated' });
    expect(seen).toEqual(types.slice(0, 3));
  });

  test('leaving a stream early closes its connection', async () => {
    await using server = await serve((_, response) => void response.writeHead(200, sse).write(frames[0]));
    for await (const _ of await clientOf(server.origin).messages.create({ ...params, stream: true })) break;
    await vi.waitFor(() => expect(server.sockets.size).toBe(0));
  });

  test('an abort ends a waiting request with the error of the SDK', async () => {
    await using server = await serve(() => {});
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const request = clientOf(server.origin, 2).messages.create(params, { signal: controller.signal });
    await expect(request).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
  });

  test("the SDK's own timeout is its timeout error", async () => {
    await using server = await serve(() => {});
    const request = clientOf(server.origin).messages.create(params, { timeout: 30 });
    await expect(request).rejects.toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
  });

  test('a connection that breaks before the reply is retried by the SDK, then its connection error', async () => {
    let requests = 0;
    const breakOff = (request: IncomingMessage) => {
      requests++;
      request.socket.destroy();
    };
    await using server = await serve(breakOff);
    const request = clientOf(server.origin, 1).messages.create(params);
    await expect(request).rejects.toBeInstanceOf(Anthropic.APIConnectionError);
    expect(requests).toBe(2);
  });

  test('an error status is its error class, and a retried one leaves the connection closed or free', async () => {
    let requests = 0;
    await using server = await serve((_, response) => {
      response.writeHead(requests++ === 0 ? 529 : 400, {
        'content-type': 'application/json',
        'retry-after-ms': '1',
      });
      response.end(
        JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message: 'no' } }),
      );
    });
    const request = clientOf(server.origin, 1).messages.create(params);
    await expect(request).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    expect(requests).toBe(2);
  });
});

describe('the default client', () => {
  test('takes its settings from the environment, and this fetch', async () => {
    await using server = await serve(async (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...message, id: request.headers.authorization }));
    });
    vi.stubEnv('ANTHROPIC_API_KEY', 'from-env');
    vi.stubEnv('ANTHROPIC_BASE_URL', server.origin);
    const client = createDefaultClient();
    expect((await client.messages.create(params)).id).toBe('Bearer from-env');
    expect((client as unknown as { fetch: unknown }).fetch).toBe(httpFetch);
  });
});
