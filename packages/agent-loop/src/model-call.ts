import type { Client, Message, StreamEvent } from './api.ts';
import { LostReply, lostByApi } from './lost-reply.ts';
import { BadStream, ReplyBuilder, type ReplyListener } from './reply-builder.ts';
import { observeAttempts } from './request-attempts.ts';
import type { RunState } from './run-state.ts';
import type { ModelRequest } from './session-state.ts';

/** A whole reply. */
export interface Reply {
  readonly message: Message;
  readonly brokenCalls: readonly string[];
  readonly requestId: string | null;
  readonly firstTokenMs: number;
  readonly durationMs: number;
}

/** Where content may be withheld, only pings show that a reply goes on: they are believed for this many times `idleMs`. */
const PING_PATIENCE = 10;
/** How long the end of the body is waited for once the reply is whole: its connection can then serve again. */
const LINGER_MS = 100;

/**
 * Sends one request and reads its reply to the end. Rejects with a LostReply for anything but a whole reply: an API
 * error, a broken or silent stream, a body that is no Messages reply, or a run that was stopped meanwhile.
 */
export async function callModel(
  run: RunState,
  request: ModelRequest,
  listener: ReplyListener,
): Promise<Reply> {
  const { seams, halt } = run;
  const startedAt = seams.monotonic();
  const builder = new ReplyBuilder(listener);
  const controller = new AbortController();
  let lastContentAt = startedAt;
  let lastBytesAt = startedAt;
  let firstTokenMs = 0;
  let requestId: string | null = null;
  let streaming = false;
  let suspected = false;
  let over = false;

  return new Promise<Reply>((resolve, reject) => {
    let cancelTimer = (): void => {};
    const detach = halt.on(() =>
      fail(
        new LostReply(
          halt.reason?.kind === 'time-limit' ? 'time-limit' : 'stopped',
          halt.reason?.reason ?? 'stopped',
          false,
        ),
      ),
    );
    watch();
    void read().then(complete, (error: unknown) => fail(asLost(error, seams.now())));

    /** One timer that looks again when silence could have become too long: nothing is re-armed per event. */
    function watch(): void {
      const { idleMs } = run.spec.limits;
      const quietSince = builder.mayBeQuiet
        ? Math.max(lastContentAt, Math.min(lastBytesAt, lastContentAt + idleMs * (PING_PATIENCE - 1)))
        : lastContentAt;
      const left = streaming ? quietSince + idleMs - seams.monotonic() : idleMs;
      if (left <= 0 && suspected)
        return fail(new LostReply('stream-broken', `The stream was silent for ${idleMs} ms.`, true));
      // Where this process was busy that long, what came meanwhile is read first.
      suspected = left <= 0;
      cancelTimer = seams.timer(Math.max(left, 1), watch);
    }

    async function read(): Promise<void> {
      const { stream, response } = await send(run, request, controller.signal);
      requestId = response.headers.get('request-id');
      streaming = true;
      lastContentAt = lastBytesAt = seams.monotonic();
      await readReply(stream, response, onEvent, () => (lastBytesAt = seams.monotonic()));
    }

    function onEvent(event: StreamEvent): void {
      if (over || !builder.accept(event)) return;
      lastContentAt = seams.monotonic();
      if (firstTokenMs === 0 && event.type === 'content_block_start')
        firstTokenMs = lastContentAt - startedAt;
      if (event.type !== 'message_stop') return;
      cancelTimer();
      cancelTimer = seams.timer(LINGER_MS, () => {
        complete();
        controller.abort();
      });
    }

    function complete(): void {
      if (over) return;
      try {
        const whole = builder.finish();
        const durationMs = lastContentAt - startedAt;
        const reply = { ...whole, requestId, firstTokenMs: firstTokenMs || durationMs, durationMs };
        finish(() => resolve(reply));
      } catch (error) {
        fail(asLost(error, seams.now()));
      }
    }

    function finish(settle: () => void): void {
      if (over) return;
      over = true;
      cancelTimer();
      detach();
      settle();
    }

    function fail(lost: LostReply): void {
      finish(() => {
        controller.abort();
        const { text, usage, model } = builder.partial;
        lost.partial = {
          text,
          usage: usage ?? null,
          model: model ?? request.params.model,
          durationMs: seams.monotonic() - startedAt,
        };
        reject(lost);
      });
    }
  });
}

interface Sent {
  readonly stream: AsyncIterable<StreamEvent>;
  readonly response: Response;
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

async function send(
  run: RunState,
  { params, messages, bytes }: ModelRequest,
  signal: AbortSignal,
): Promise<Sent> {
  const client = await run.spec.client();
  const { betas } = run.spec;
  const asBytes = takesBytes(client);
  const options = {
    signal,
    middleware: [observeAttempts(run, client.maxRetries)],
    // The SDK sends a byte body as it is; only its type has to be named.
    ...(asBytes && { body: bytes, headers: { 'content-type': 'application/json' } }),
  };
  // With a byte body the SDK looks at the messages only to describe them in its trace spans.
  const shown = asBytes && !client.openTelemetry?.traces?.enabled ? [] : [...messages];
  const request = { ...params, messages: shown };
  const sent =
    betas.length > 0
      ? createBeta(client, { ...request, betas: [...betas] }, options)
      : client.messages.create(request, options);
  const { data, response } = await sent.withResponse();
  return { stream: data as unknown as AsyncIterable<StreamEvent>, response };
}

type Create = Client['messages']['create'];

/** The beta namespace sends and receives the same shapes, with more fields in them. */
function createBeta(client: Client, request: object, options: object): ReturnType<Create> {
  if (!client.beta)
    throw new LostReply('config', 'The agent names betas, but its client has no beta.messages.', false);
  return client.beta.messages.create(request as never, options) as unknown as ReturnType<Create>;
}

/** Clients of other platforms and clients with middleware rewrite the body, for which they need it as an object. */
function takesBytes(client: Client): boolean {
  return client.constructor.name === 'Anthropic' && client.middleware?.length === 0;
}

async function readReply(
  stream: AsyncIterable<StreamEvent>,
  response: Response,
  onEvent: (event: StreamEvent) => void,
  onBytes: () => void,
): Promise<void> {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('json')) {
    for (const event of asEvents(await response.json())) onEvent(event);
  } else if (type !== '' && !type.includes('event-stream')) {
    await response.body?.cancel().catch(() => {});
    throw new LostReply(
      'bad-reply',
      `The server answered with ${type.split(';')[0]} where an event stream was asked for. Is the base URL right?`,
      true,
    );
  } else {
    noticeBytes(response, onBytes);
    for await (const event of stream) onEvent(event);
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

function asLost(error: unknown, now: number): LostReply {
  if (error instanceof LostReply) return error;
  if (error instanceof BadStream) return new LostReply('stream-broken', error.message, true, error);
  return lostByApi(error, now);
}
