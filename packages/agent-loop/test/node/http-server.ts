import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface TestServer extends AsyncDisposable {
  readonly server: http.Server;
  readonly origin: string;
  readonly port: number;
  /** Connections opened so far. */
  readonly connections: () => number;
  readonly sockets: ReadonlySet<Socket>;
}

/** A real HTTP server on a free port of the loopback, closed with its connections when the scope ends. */
export async function serve(
  listener: (request: http.IncomingMessage, response: http.ServerResponse) => unknown,
): Promise<TestServer> {
  const server = http.createServer((request, response) => void listener(request, response));
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    origin: `http://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    sockets,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The request's body as text. */
export async function bodyOf(request: http.IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  return body;
}
