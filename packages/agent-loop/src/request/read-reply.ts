import type { Message, StreamEvent } from '../api.ts';
import { messageOf } from '../errors.ts';
import { LostReply } from './lost-reply.ts';
import { BadStream } from './reply-builder.ts';
import type { Sent } from './send-request.ts';
import { SseDecoder } from './sse.ts';

/** Reads a body to its end. Calls `onEvent` with every event but pings, and `onBytes` at every sign of life. */
export async function readReply(
  { stream, response }: Sent,
  onEvent: (event: StreamEvent) => void,
  onBytes: () => void,
): Promise<void> {
  const type = response.headers.get('content-type')?.toLowerCase() ?? '';
  if (type.includes('json')) {
    for (const event of asEvents(await response.json())) onEvent(event);
  } else if (type !== '' && !type.includes('event-stream')) {
    await response.body?.cancel().catch(() => {});
    throw new LostReply(
      'bad-reply',
      `The server answered with ${type.split(';')[0]} where an event stream was asked for. Is the base URL right?`,
      true,
    );
  } else if (stream) {
    noticeBytes(response, onBytes);
    for await (const event of stream) onEvent(event);
  } else {
    await readFrames(response, onEvent, onBytes);
  }
}

async function readFrames(
  { body }: Response,
  onEvent: (event: StreamEvent) => void,
  onBytes: () => void,
): Promise<void> {
  if (!body) throw new BadStream('The response has no body.');
  const decoder = new SseDecoder((event, data) => {
    // Like the SDK, which drops frames without a name: the API names every frame.
    if (event === null || event === 'ping') return;
    if (event === 'error') throw streamError(data);
    if (data !== '') onEvent(parseEvent(data));
  });
  for await (const bytes of chunksOf(body)) {
    onBytes();
    decoder.feed(bytes);
  }
  decoder.end();
}

function parseEvent(data: string): StreamEvent {
  try {
    return JSON.parse(data) as StreamEvent;
  } catch (error) {
    throw new BadStream(`A frame is not JSON: ${messageOf(error)}`);
  }
}

/** The `error` event in the shape of the SDK's errors, by which it is classified. */
function streamError(data: string): Error {
  let type: string | undefined;
  let message = data;
  try {
    const { error } = JSON.parse(data) as { error?: { type?: string; message?: string } };
    ({ type, message = data } = error ?? {});
  } catch {
    // Whatever it says, it ends the stream.
  }
  return Object.assign(new Error(message), { type });
}

/** The pieces of a body. Not every runtime lets a stream be iterated. */
function chunksOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterable = body as Partial<AsyncIterable<Uint8Array>>;
  return iterable[Symbol.asyncIterator] ? (iterable as AsyncIterable<Uint8Array>) : readAll(body);
}

async function* readAll(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

/** Some servers answer with the whole message although a stream was asked for: it goes the same way. */
function* asEvents(body: unknown): Generator<StreamEvent> {
  const message = body as Message;
  if (
    typeof message !== 'object' ||
    message === null ||
    message.type !== 'message' ||
    !Array.isArray(message.content)
  ) {
    throw new LostReply(
      'bad-reply',
      'The server answered with JSON that is not a message of the Messages API.',
      true,
    );
  }
  const { content, stop_reason, stop_sequence, ...head } = message;
  yield {
    type: 'message_start',
    message: { ...head, content: [], stop_reason: null, stop_sequence: null } as unknown as Message,
  };
  for (const [index, block] of content.entries()) {
    yield { type: 'content_block_start', index, content_block: block };
    yield { type: 'content_block_stop', index };
  }
  yield {
    type: 'message_delta',
    delta: { stop_reason, stop_sequence },
    usage: head.usage,
  } as unknown as StreamEvent;
  yield { type: 'message_stop' };
}

/**
 * Calls `notice` whenever the reader of a body asks for more, which is after bytes have come: the SDK keeps pings to
 * itself, and a second reader or a wrapped body would cost every delta.
 */
function noticeBytes({ body }: Response, notice: () => void): void {
  const iterate = body?.[Symbol.asyncIterator]?.bind(body);
  if (!body || !iterate) return;
  const value = (): AsyncIterator<Uint8Array> => {
    const chunks = iterate();
    return {
      next() {
        notice();
        return chunks.next();
      },
      return: () => chunks.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    };
  };
  Object.defineProperty(body, Symbol.asyncIterator, { value, configurable: true, writable: true });
}
