import type { Body } from './body.ts';
import { SocketCut } from './body.ts';
import { readFetchCall } from './fetch-call.ts';
import type { Incoming } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import type { Emulator } from './types.ts';

/** A `fetch` over a handler: rejects and breaks the way Node's own fetch does. */
export function memoryFetch(handle: (incoming: Incoming) => Promise<Outcome>): Emulator['fetch'] {
  return async (input, init) => {
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    signal?.throwIfAborted();
    const link = linkSignal(signal ?? undefined);
    try {
      const outcome = await Promise.race([
        link.aborted,
        handle(await readRequest(input, init, link.controller.signal)),
      ]);
      if (outcome.kind === 'no-response') throw fetchFailed(outcome.code);
      const { status, headers, body } = outcome;
      if (typeof body !== 'string') return new Response(streamOf(body, link), { status, headers });
      link.unlink();
      return new Response(body, { status, headers });
    } catch (error) {
      link.unlink();
      throw error;
    }
  };
}

interface Link {
  readonly controller: AbortController;
  /** Rejects with the reason of the caller's signal. */
  readonly aborted: Promise<never>;
  /** Takes the listener off the caller's signal; called on every path. */
  unlink(): void;
}

function linkSignal(signal: AbortSignal | undefined): Link {
  const controller = new AbortController();
  let unlink = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = (): void => {
      // The reason is whatever the caller gave, as with any fetch.
      reject(signal?.reason as unknown);
      controller.abort(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    unlink = () => signal?.removeEventListener('abort', abort);
  });
  aborted.catch(() => undefined);
  return { controller, aborted, unlink };
}

async function readRequest(
  input: string | URL | Request,
  init: RequestInit | undefined,
  signal: AbortSignal,
): Promise<Incoming> {
  const { headers, ...call } = await readFetchCall(input, init);
  return { ...call, headers: Object.fromEntries(headers), signal };
}

/** The error of a fetch whose connection failed; `cause.code` tells how. */
function fetchFailed(code: string): TypeError {
  const detail =
    code === 'ECONNREFUSED' ? 'connect ECONNREFUSED (pawl emulator)' : 'read ECONNRESET (pawl emulator)';
  return new TypeError('fetch failed', { cause: Object.assign(new Error(detail), { code }) });
}

/** The error of a body whose socket was cut. */
function terminated(): TypeError {
  return new TypeError('terminated', {
    cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }),
  });
}

function streamOf(body: Body, link: Link): ReadableStream<Uint8Array> {
  const finish = async (): Promise<void> => {
    link.unlink();
    link.controller.abort();
    await body.return(undefined);
  };
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        link.aborted.catch((reason: unknown) => {
          controller.error(reason);
          void finish();
        });
      },
      pull: async (controller) => {
        try {
          const { value, done } = await body.next();
          if (done !== true) return controller.enqueue(value);
          link.unlink();
          if (!link.controller.signal.aborted) controller.close();
        } catch (error) {
          link.unlink();
          controller.error(error instanceof SocketCut ? terminated() : error);
        }
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  );
}
