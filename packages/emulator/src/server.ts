import type { IncomingMessage, ServerResponse } from 'node:http';
import { SocketCut } from './body.ts';
import { createState, emulatorOf } from './emulator.ts';
import { checkServerOptions } from './emulator-options.ts';
import type { Incoming } from './exchange.ts';
import { errorBody } from './outcome.ts';
import { apiError } from './reply.ts';
import { handle, maxBodyBytes } from './router.ts';
import type { EmulatorState } from './state.ts';
import type { Emulator, EmulatorOptions } from './types.ts';

/** Options of `startEmulator`. */
export interface ServerOptions extends EmulatorOptions {
  /** Default 0: a free port. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
}

/** An emulator that listens. */
export interface EmulatorServer {
  /** The base URL to give to a client, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly emulator: Emulator;
  /** Stops listening and destroys open connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the emulator over HTTP; rejects with a clear error when the port is taken. Needs Node or a runtime with `node:http`. */
export async function startEmulator(options: ServerOptions = {}): Promise<EmulatorServer> {
  checkServerOptions(options, 'startEmulator options');
  const { createServer } = await import('node:http');
  const { port: wanted = 0, host = '127.0.0.1' } = options;
  const state = createState(options);
  const server = createServer((request, response) => {
    serve(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, wanted, host)));
    server.listen(wanted, host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wanted;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    emulator: emulatorOf(state),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return Object.assign(
    new Error(`Port ${port} on ${host} is taken; choose another, or 0 for a free one.`, { cause: error }),
    { code: error.code },
  );
}

async function serve(
  state: EmulatorState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const bodyText = await readBody(request);
  if (bodyText === undefined) return refuseTooLarge(response);
  const outcome = await handle(state, incomingOf(request, bodyText, gone.signal));
  if (outcome.kind === 'no-response') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(outcome.status, outcome.headers);
  if (typeof outcome.body === 'string') {
    response.end(outcome.body);
    return;
  }
  // Headers reach the client before the first event, as they do from the API.
  response.flushHeaders();
  try {
    for await (const bytes of outcome.body) {
      if (!response.write(bytes)) await drained(response, gone.signal);
    }
    response.end();
  } catch (error) {
    if (!(error instanceof SocketCut)) throw error;
    await flushed(response);
    response.socket?.destroy();
  }
}

function incomingOf(request: IncomingMessage, bodyText: string, signal: AbortSignal): Incoming {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { method: request.method ?? 'GET', target: request.url ?? '/', headers, bodyText, signal };
}

/** The body as text, or undefined when it is larger than the API takes. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What is too much is still read, so that the answer arrives instead of a reset.
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  if (size > maxBodyBytes) return undefined;
  return Buffer.concat(chunks).toString('utf8');
}

function refuseTooLarge(response: ServerResponse): void {
  const error = apiError(413, {
    message: 'Request exceeds the maximum allowed number of bytes. The maximum request size is 32 MB.',
  });
  response.writeHead(413, { 'content-type': 'application/json', connection: 'close' });
  response.end(errorBody(error, 'req_edge'));
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Waits until what was written has left, so that a cut comes after it and not before. */
function flushed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.write(new Uint8Array(0), () => setImmediate(resolve)));
}
