import http from 'node:http';
import https from 'node:https';
import type { AgentOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * How connections are kept, for both schemes.
 *
 * No number here limits a request: a reply may take hours to start or pause as long as it likes. `timeout`
 * is when an idle socket is let go (Node's agent heeds a shorter `keep-alive: timeout=` of the server); a
 * socket in use only emits an event that nobody listens to.
 */
export const connectionOptions = {
  keepAlive: true,
  // A fleet opens one connection a running request, as the global fetch does; only the idle ones are bounded.
  maxSockets: Number.POSITIVE_INFINITY,
  maxFreeSockets: 1_024,
  // The socket used last is the least likely to have been closed by the other side.
  scheduling: 'lifo',
  noDelay: true,
  // A silent connection is probed after a minute, as the global fetch does; Node's default of one second would
  // give up on a stream after ten seconds without network.
  keepAliveMsecs: 60_000,
  timeout: 30_000,
} as const satisfies AgentOptions;

/** How long a connection may take to open, in milliseconds; the global fetch allows the same. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Bytes a kept-alive socket had received when its current request began. */
const receivedBefore = new WeakMap<Duplex, number>();

type Opened = 'connect' | 'secureConnect';

/** Gives up on a connection that does not open: without it a lost SYN holds a request for minutes. */
function limitConnectTime(socket: Duplex, opened: Opened, where: string): void {
  const timer = setTimeout(() => {
    const error = new Error(`Connect timeout: ${where} did not answer within ${CONNECT_TIMEOUT_MS} ms`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT', syscall: 'connect' }));
  }, CONNECT_TIMEOUT_MS);
  // Neither listener stays: an open connection would keep the timer and all that belongs to it.
  const clear = () => {
    clearTimeout(timer);
    socket.off(opened, clear).off('close', clear);
  };
  socket.on(opened, clear).on('close', clear);
}

/** What Node's agent is handed a request by; the request has its headers already. */
interface Adding {
  addRequest(request: http.ClientRequest, options: http.RequestOptions): void;
}

function keepingAgent<A extends http.Agent>(agent: A, opened: Opened): A {
  const connect = agent.createConnection.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback);
    if (socket) limitConnectTime(socket, opened, `${options.host ?? 'localhost'}:${options.port ?? ''}`);
    return socket;
  };
  const add = (agent as unknown as Adding).addRequest.bind(agent);
  (agent as unknown as Adding).addRequest = (request, options) => {
    // A connection keeps the options of its first request as long as it is open.
    add(request, { ...options, headers: undefined });
  };
  agent.reuseSocket = (socket, request) => {
    receivedBefore.set(socket, (socket as Socket).bytesRead);
    reuse(socket, request);
  };
  return agent;
}

/** The kept-alive connections of plain HTTP. Idle sockets are unref'd by Node, so the process may exit. */
export const httpAgent = keepingAgent(new http.Agent(connectionOptions), 'connect');

/** The kept-alive connections of HTTPS. */
export const httpsAgent = keepingAgent(new https.Agent(connectionOptions), 'secureConnect');

/** A reset later than this after sending is not the answer to a request on a socket that was already closed. */
const STALE_WINDOW_MS = 1_000;

/**
 * Whether `request` failed because the server had closed an idle kept-alive socket before the request
 * reached it, so that sending it again cannot make the server do the work twice: the socket was reused, not
 * one byte came back, and the reset came at once (a server that dies while it works does so later).
 */
export function wasStale(
  request: http.ClientRequest,
  error: NodeJS.ErrnoException,
  sinceSentMs: number,
): boolean {
  if (!request.reusedSocket || (error.code !== 'ECONNRESET' && error.code !== 'EPIPE')) return false;
  const { socket } = request;
  return socket !== null && receivedBefore.get(socket) === socket.bytesRead && sinceSentMs < STALE_WINDOW_MS;
}
