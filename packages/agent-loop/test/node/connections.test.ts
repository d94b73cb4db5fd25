import { EventEmitter, getEventListeners, once } from 'node:events';
import type http from 'node:http';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectionOptions, httpAgent, httpsAgent, wasStale } from '../../src/node/connections.ts';
import { httpFetch } from '../../src/node/http-fetch.ts';
import { collect } from '../support/collect.ts';
import { bodyOf, serve } from './http-server.ts';

const post = (origin: string, body = 'x', signal?: AbortSignal) =>
  httpFetch(origin, { method: 'POST', body, ...(signal && { signal }) });

/** Waits until `condition` holds, at most two seconds. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await delay(10);
  expect(condition()).toBe(true);
}

interface RawServer extends AsyncDisposable {
  readonly origin: string;
  readonly requests: string[];
}

/** A server that speaks by hand, to close connections at moments that node:http would not choose. */
async function speak(answer: (socket: Socket, request: number) => void): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    let received = '';
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      received += String(data);
      const [head, body] = received.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/.exec(head ?? '')?.[1]);
      if (body === undefined || body.length < length) return;
      received = '';
      requests.push(body);
      answer(socket, requests.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('kept-alive connections', () => {
  test('one connection serves requests that follow each other', async () => {
    await using server = await serve(async (request, response) => response.end(await bodyOf(request)));
    const texts: string[] = [];
    for (const body of ['a', 'b', 'c']) texts.push(await (await post(server.origin, body)).text());
    const iterated = await post(server.origin, 'd');
    for await (const chunk of iterated.body ?? []) texts.push(new TextDecoder().decode(chunk));
    await delay(5);
    texts.push(await (await post(server.origin, 'e')).text());
    expect([texts, server.connections()]).toEqual([['a', 'b', 'c', 'd', 'e'], 1]);
  });

  test('a body cancelled after it arrived whole leaves the connection usable, one still arriving does not', async () => {
    await using server = await serve((request, response) => {
      response.write('start');
      if (request.url === '/whole') response.end();
    });
    await (await httpFetch(`${server.origin}/whole`)).text();
    await delay(5);
    const arrived = once(httpAgent, 'free');
    const whole = await httpFetch(`${server.origin}/whole`);
    await arrived;
    await whole.body?.cancel();
    const open = await httpFetch(`${server.origin}/open`);
    expect(server.connections()).toBe(1);
    await open.body?.cancel();
    await until(() => server.sockets.size === 0);
  });

  test('many requests at once each get their own connection', async () => {
    let waiting = 0;
    const all = new EventEmitter();
    await using server = await serve(async (_, response) => {
      if (++waiting === 50) all.emit('here');
      else await once(all, 'here');
      response.end('ok');
    });
    all.setMaxListeners(50);
    const replies = await Promise.all(Array.from({ length: 50 }, () => post(server.origin)));
    expect(new Set(await Promise.all(replies.map((reply) => reply.text())))).toEqual(new Set(['ok']));
  });

  test('no limit of time applies to a request, and idle sockets are bounded', () => {
    for (const agent of [httpAgent, httpsAgent]) {
      expect((agent as unknown as { options: object }).options).toMatchObject(connectionOptions);
      expect([agent.maxFreeSockets, agent.maxSockets]).toEqual([1_024, Number.POSITIVE_INFINITY]);
    }
  });

  test('silence longer than the idle time of a socket in use does not end a request', async () => {
    await using server = await serve((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 150);
    });
    const created = once(httpAgent, 'free').catch(() => {});
    const reply = await post(server.origin);
    for (const sockets of Object.values(httpAgent.sockets))
      for (const socket of sockets ?? []) socket.setTimeout(40);
    expect(await reply.text()).toBe('ab');
    await created;
  });
});

describe('a kept-alive connection that the server closed', () => {
  test('is replaced without a trace when it breaks before the request could be processed', async () => {
    await using server = await speak((socket, request) => {
      if (request === 2) socket.resetAndDestroy();
      else socket.write(OK);
    });
    expect(await (await post(server.origin, 'first')).text()).toBe('ok');
    expect(await (await post(server.origin, 'second')).text()).toBe('ok');
    expect(server.requests).toEqual(['first', 'second', 'second']);
  });

  test('is an error on a new connection: the request is not sent again', async () => {
    await using server = await speak((socket) => socket.resetAndDestroy());
    await expect(post(server.origin)).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' });
    expect(server.requests).toEqual(['x']);
  });

  test('is an error once a byte of the reply has come', async () => {
    await using server = await speak((socket, request) => {
      if (request === 2) socket.write('HTTP/1.1 2', () => socket.resetAndDestroy());
      else socket.write(OK);
    });
    await (await post(server.origin)).text();
    await expect(post(server.origin)).rejects.toMatchObject({ message: 'fetch failed' });
    expect(server.requests).toHaveLength(2);
  });

  test('is an error when it breaks late: the server may have done the work', () => {
    const socket = Object.assign(new net.Socket(), {});
    const request = { reusedSocket: true, socket } as unknown as http.ClientRequest;
    httpAgent.reuseSocket(socket, request);
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    expect([
      wasStale(request, reset, 5),
      wasStale(request, reset, 1_500),
      wasStale(request, refused, 5),
    ]).toEqual([true, false, false]);
    socket.destroy();
  });
});

describe('nothing is left behind', () => {
  test('1,000 requests leave no listener on a signal that lives on', async () => {
    await using server = await serve(async (request, response) => {
      await bodyOf(request);
      if (request.url === '/cut') {
        response.write('x');
        setTimeout(() => request.socket.destroy(), 1);
      } else if (request.url === '/none') request.socket.destroy();
      else if (request.url === '/204') response.writeHead(204).end();
      else response.end('{}');
    });
    const { signal } = new AbortController();
    const use: (() => Promise<unknown>)[] = [
      async () => (await httpFetch(`${server.origin}/`, { signal })).json(),
      async () => {
        for await (const _ of (await httpFetch(`${server.origin}/`, { signal })).body ?? []);
      },
      async () => (await httpFetch(`${server.origin}/`, { signal })).body?.cancel(),
      async () => (await httpFetch(`${server.origin}/cut`, { signal })).text().catch(() => {}),
      async () => httpFetch(`${server.origin}/none`, { signal }).catch(() => {}),
      async () => httpFetch(`${server.origin}/204`, { signal }),
      async () => {
        const reply = await httpFetch(`${server.origin}/`, { signal });
        await Promise.all([reply.clone().text(), reply.text()]);
      },
    ];
    for (let i = 0; i < 1_000; i += 20) {
      await Promise.all(Array.from({ length: 20 }, async (_, j) => use[(i + j) % use.length]?.()));
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('a reply that nobody holds any more is cancelled', async () => {
    await using server = await serve((_, response) => void response.write('x'));
    const { signal } = new AbortController();
    const drop = async (touch: (reply: Response) => unknown) =>
      void (await touch(await post(server.origin, 'x', signal)));
    for (let i = 0; i < 5; i++) {
      await drop(() => {});
      await drop((reply) => reply.body);
      await drop((reply) => reply.body?.[Symbol.asyncIterator]().next());
      await drop((reply) => reply.body?.getReader().read());
    }
    expect(server.connections()).toBe(20);
    for (let i = 0; i < 50 && server.sockets.size > 0; i++) {
      await delay(10);
      collect();
    }
    expect([server.sockets.size, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  test('a reply in use is not cancelled by a collection', async () => {
    await using server = await serve((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 120);
    });
    const clone = async () => (await post(server.origin)).clone().text();
    const iterate = async () => {
      let text = '';
      for await (const chunk of (await post(server.origin)).body ?? [])
        text += new TextDecoder().decode(chunk);
      return text;
    };
    const reading = [post(server.origin).then((reply) => reply.text()), clone(), iterate()];
    for (let i = 0; i < 10; i++) {
      await delay(8);
      collect();
    }
    expect(await Promise.all(reading)).toEqual(['ab', 'ab', 'ab']);
  });
});
