import http from 'node:http';
import https from 'node:https';
import { httpAgent, httpsAgent, wasStale } from './connections.ts';
import { decompressed } from './decompress.ts';
import { headOf, replyOf } from './reply.ts';
import { ReplyBody } from './reply-body.ts';
import type { PlainRequest } from './way-back.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Sends the request through the global fetch after all. */
type HandOver = () => Promise<Response>;

/** Adds what the global fetch adds, and frames the body. */
function wireHeaders({ url, method, headers, body }: PlainRequest): string[] {
  const all = ['host', url.host, 'connection', 'keep-alive', ...headers];
  const given = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) given.add(headers[i] as string);
  const add = (name: string, value: string) => {
    if (!given.has(name)) all.push(name, value);
  };
  if (body?.isText) add('content-type', 'text/plain;charset=UTF-8');
  add('accept', '*/*');
  add('accept-language', '*');
  add('sec-fetch-mode', 'cors');
  add('user-agent', 'node');
  add('accept-encoding', url.protocol === 'https:' ? 'br, gzip, deflate' : 'gzip, deflate');
  if (body) all.push('content-length', String(body.bytes.byteLength));
  else if (method === 'POST' || method === 'PUT' || method === 'PATCH') all.push('content-length', '0');
  return all;
}

function open(request: PlainRequest): http.ClientRequest {
  const { url, method } = request;
  const secure = url.protocol === 'https:';
  return (secure ? https : http).request({
    agent: secure ? httpsAgent : httpAgent,
    hostname: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port,
    path: url.pathname + url.search,
    method,
    headers: wireHeaders(request),
  });
}

/** A request whose caller still waits. Let go once settled: a stream may stay open long after its request. */
interface Pending {
  readonly request: PlainRequest;
  readonly handOver: HandOver;
  readonly resolve: (response: Response | Promise<Response>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Sends `request` over a kept-alive connection; `handOver` has to send it when the reply is a redirect. */
export function exchange(request: PlainRequest, handOver: HandOver): Promise<Response> {
  return new Promise((resolve, reject) => start({ request, handOver, resolve, reject }));
}

function start(waiting: Pending): void {
  const { signal, method, url, body } = waiting.request;
  const sentAt = performance.now();
  const sent = open(waiting.request);
  // Nothing below may hold `waiting` itself: through its resolve function the socket would keep an abandoned
  // Response alive, and with it the connection.
  let pending: Pending | undefined = waiting;
  let received: ReplyBody | undefined;

  const settle = (): Pending | undefined => {
    const settled = pending;
    pending = undefined;
    return settled;
  };
  const release = () => signal?.removeEventListener('abort', abort);
  const abort = () => {
    if (received) return received.abort(signal?.reason);
    release();
    settle()?.reject(signal?.reason);
    sent.destroy();
  };
  signal?.addEventListener('abort', abort);

  sent.on('error', (error) => {
    if (received) return received.fail(error);
    release();
    const caller = settle();
    if (caller && wasStale(sent, error, performance.now() - sentAt)) {
      caller.resolve(exchange(caller.request, caller.handOver));
    } else caller?.reject(new TypeError('fetch failed', { cause: error }));
  });
  sent.on('response', (message) => {
    const caller = settle();
    if (!caller) return message.destroy();
    if (REDIRECTS.has(message.statusCode ?? 0) && message.headers.location !== undefined) {
      release();
      message.on('error', () => {}).destroy();
      return caller.resolve(caller.handOver());
    }
    received = receive(message, method, release);
    caller.resolve(replyOf(headOf(message, url), received));
  });
  sent.end(body?.bytes);
}

/** The body of a reply, or `undefined` when a reply of this kind has none. */
function receive(
  message: http.IncomingMessage,
  method: string,
  onSettled: () => void,
): ReplyBody | undefined {
  if (method !== 'HEAD' && !WITHOUT_BODY.has(message.statusCode ?? 0)) {
    return new ReplyBody(message, decompressed(message), onSettled);
  }
  message.resume();
  onSettled();
  return undefined;
}
