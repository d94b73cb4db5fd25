import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { httpFetch } from '../../src/node/http-fetch.ts';
import { bodyOf, serve } from './http-server.ts';

type Fetch = typeof fetch;

const PLAIN = 'data: one\n\ndata: two\n\n'.repeat(500);

/** Replies of every kind that a fetch has to get right, by path. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const { socket } = request;
  const path = request.url?.split('?')[0];
  switch (path) {
    case '/echo': {
      // As sent, but sorted: the order of different headers means nothing in HTTP.
      const headers = Object.entries(request.headersDistinct).toSorted(([a], [b]) => (a < b ? -1 : 1));
      response.writeHead(201, 'Made', { 'x-multi': ['a', 'b'], 'set-cookie': ['a=1', 'b=2'] });
      response.end(JSON.stringify({ method: request.method, url: request.url, headers, body }));
      return;
    }
    case '/gzip':
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(PLAIN));
      return;
    case '/deflate':
      response.writeHead(200, { 'content-encoding': 'deflate' }).end(zlib.deflateSync(PLAIN));
      return;
    case '/deflate-raw':
      response.writeHead(200, { 'content-encoding': 'deflate' }).end(zlib.deflateRawSync(PLAIN));
      return;
    case '/br':
      response.writeHead(200, { 'content-encoding': 'br' }).end(zlib.brotliCompressSync(PLAIN));
      return;
    case '/gzip-br':
      response
        .writeHead(200, { 'content-encoding': 'gzip, br' })
        .end(zlib.brotliCompressSync(zlib.gzipSync(PLAIN)));
      return;
    case '/unknown-coding':
      response.writeHead(200, { 'content-encoding': 'rot13' }).end('cynva');
      return;
    case '/not-gzip':
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain');
      return;
    case '/gzip-cut': {
      const bytes = zlib.gzipSync(PLAIN);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length });
      response.write(bytes.subarray(0, 30));
      setTimeout(() => socket.destroy(), 20);
      return;
    }
    case '/cut-chunked':
      response.writeHead(200).write('half');
      setTimeout(() => socket.destroy(), 20);
      return;
    case '/cut-length':
      response.writeHead(200, { 'content-length': 100 }).write('half');
      setTimeout(() => socket.destroy(), 20);
      return;
    case '/bad-chunk':
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n');
      return;
    case '/until-close':
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall there is');
      return;
    case '/no-reply':
      socket.destroy();
      return;
    case '/not-http':
      socket.end('nonsense\r\n\r\n');
      return;
    case '/empty':
      response.writeHead(200, { 'content-length': 0 }).end();
      return;
    case '/204':
      response.writeHead(204).end();
      return;
    case '/bom':
      response.end('\uFEFF{"bom":true}');
      return;
    case '/large':
      response.end(Buffer.alloc(3_000_000, 'x'));
      return;
    case '/first-only':
      response.writeHead(200).write('first');
      return;
    case '/never':
      return;
    default:
      response.writeHead(404).end('{"error":"no such path"}');
  }
}

/** An error as its caller can tell it apart; the codes of causes are Node's own and differ. */
function shape(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error };
  return {
    name: error.name,
    type: error.constructor.name,
    message: error.message,
    caused: error.cause !== undefined,
  };
}

async function iterate(body: ReadableStream<Uint8Array> | null): Promise<unknown> {
  const chunks: string[] = [];
  let failure: unknown;
  try {
    for await (const chunk of body ?? [])
      chunks.push(chunk.constructor.name, new TextDecoder().decode(chunk));
  } catch (error) {
    failure = shape(error);
  }
  return {
    types: [...new Set(chunks.filter((_, i) => i % 2 === 0))],
    text: chunks.filter((_, i) => i % 2).join(''),
    failure,
  };
}

const cases: Record<string, (fetch: Fetch, origin: string) => unknown> = {
  'text body': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo?q=1#part`, {
      method: 'POST',
      body: 'é',
      headers: { 'X-A': '1' },
    });
    const before = [reply.status, reply.statusText, reply.ok, reply.url, reply.redirected, reply.type];
    const types = [reply instanceof Response, reply.headers instanceof Headers, reply.bodyUsed];
    const headers = [reply.headers.get('x-multi'), reply.headers.getSetCookie()];
    return [before, types, headers, await reply.json(), reply.bodyUsed, reply.body?.locked];
  },
  'bytes body': async (fetch, origin) =>
    (
      await fetch(new URL('/echo', origin), { method: 'POST', body: new TextEncoder().encode('{"é":1}') })
    ).json(),
  'buffer body': async (fetch, origin) =>
    (await fetch(`${origin}/echo`, { method: 'PUT', body: new Uint8Array([65, 66]).buffer })).json(),
  'own headers win': async (fetch, origin) => {
    const headers = {
      accept: 'a/b',
      'user-agent': 'me',
      'accept-encoding': 'identity',
      'content-type': 'c/d',
    };
    const init = { method: 'POST', body: 'x', headers: new Headers({ ...headers, 'x-latin': 'caf\u00e9' }) };
    return (await fetch(`${origin}/echo`, init)).json();
  },
  'header pairs': async (fetch, origin) => {
    const init = {
      headers: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ] satisfies [string, string][],
    };
    return (await fetch(`${origin}/echo`, init)).json();
  },
  get: async (fetch, origin) => (await fetch(`${origin}/echo`)).json(),
  'post nothing': async (fetch, origin) => (await fetch(`${origin}/echo`, { method: 'POST' })).json(),
  delete: async (fetch, origin) => (await fetch(`${origin}/echo`, { method: 'DELETE' })).json(),
  head: async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`, { method: 'HEAD' });
    return [reply.status, reply.body, await reply.text(), reply.bodyUsed];
  },
  'no content': async (fetch, origin) => {
    const reply = await fetch(`${origin}/204`);
    return [reply.status, reply.body, await reply.text(), inspect(reply).slice(0, 12)];
  },
  'not found': async (fetch, origin) => {
    const reply = await fetch(`${origin}/absent`);
    return [reply.status, reply.ok, await reply.json()];
  },
  empty: async (fetch, origin) => {
    const reply = await fetch(`${origin}/empty`);
    return [reply.body === null, await iterate(reply.body)];
  },
  'not json': async (fetch, origin) => (await fetch(`${origin}/gzip`)).json(),
  'byte order mark': async (fetch, origin) => (await fetch(`${origin}/bom`)).json(),
  large: async (fetch, origin) => (await (await fetch(`${origin}/large`)).arrayBuffer()).byteLength,
  'large, slowly': async (fetch, origin) => {
    let bytes = 0;
    for await (const chunk of (await fetch(`${origin}/large`)).body ?? []) {
      bytes += chunk.byteLength;
      await new Promise(setImmediate);
    }
    return bytes;
  },
  'until close': async (fetch, origin) => (await fetch(`${origin}/until-close`)).text(),
  'cut, iterated': async (fetch, origin) => iterate((await fetch(`${origin}/cut-chunked`)).body),
  'cut, by reader': async (fetch, origin) => {
    const reader = (await fetch(`${origin}/cut-length`)).body?.getReader();
    const first = await reader?.read();
    return [first?.value?.byteLength, await reader?.read().catch(shape), await reader?.closed.catch(shape)];
  },
  'iterated twice': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    await iterate(reply.body);
    return [reply.bodyUsed, reply.body?.locked, await iterate(reply.body), await reply.text().catch(shape)];
  },
  'second reader': async (fetch, origin) => {
    const reply = await fetch(`${origin}/first-only`);
    const iterator = reply.body?.[Symbol.asyncIterator]();
    await iterator?.next();
    const locked = reply.body?.locked;
    const refused = await reply.text().catch(shape);
    await iterator?.return?.();
    return [locked, refused, reply.body?.locked, await iterator?.next()];
  },
  'reads asked at once': async (fetch, origin) => {
    const iterator = (await fetch(`${origin}/until-close`)).body?.[Symbol.asyncIterator]();
    const [first, second] = await Promise.all([iterator?.next(), iterator?.next()]);
    return [first?.value?.byteLength, second?.done];
  },
  'text twice': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    await reply.text();
    return reply.text();
  },
  'text, then reader': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    await reply.text();
    return reply.body?.getReader();
  },
  'reader, then text': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    const reader = reply.body?.getReader();
    const seen = [reply.bodyUsed, reply.body?.locked];
    await reader?.read();
    reader?.releaseLock();
    return [...seen, reply.bodyUsed, await reply.text().catch(shape)];
  },
  cancelled: async (fetch, origin) => {
    const reply = await fetch(`${origin}/first-only`);
    await reply.body?.cancel();
    return [reply.bodyUsed, reply.body?.locked, await reply.text().catch(shape)];
  },
  cloned: async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    const copy = reply.clone();
    const third = copy.clone();
    const status = [
      copy.status,
      copy.url === reply.url,
      copy.headers.get('x-multi'),
      copy instanceof Response,
    ];
    const texts = await Promise.all([reply.text(), copy.text(), third.text()]);
    return [status, new Set(texts).size, reply.bodyUsed, copy.bodyUsed];
  },
  'cloned too late': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    await reply.text();
    return reply.clone();
  },
  'wrapped in a Response': async (fetch, origin) => {
    const reply = await fetch(`${origin}/echo`);
    const wrapped = new Response(reply.body, reply);
    const { method } = (await wrapped.json()) as { method: string };
    return [wrapped.status, wrapped.statusText, wrapped.headers.get('x-multi'), method];
  },
  piped: async (fetch, origin) => {
    let text = '';
    const decoded = (await fetch(`${origin}/gzip`)).body?.pipeThrough(new TextDecoderStream());
    for await (const piece of decoded ?? []) text += piece;
    return text === PLAIN;
  },
  blob: async (fetch, origin) => (await (await fetch(`${origin}/gzip`)).blob()).size,
  // oxlint-disable-next-line typescript/no-deprecated -- callers of fetch may still use it
  'form data': async (fetch, origin) => (await fetch(`${origin}/echo`)).formData(),
  refused: (fetch) => fetch('http://127.0.0.1:1024/'),
  'no such host': (fetch) => fetch('http://nothing.invalid/'),
  'no url': (fetch) => fetch('nothing'),
  'body on get': (fetch, origin) => fetch(origin, Object.assign({ body: 'x' }, { method: 'GET' })),
  'bad header': (fetch, origin) => fetch(origin, { headers: { a: '\u0100' } }),
  'aborted before': (fetch, origin) => fetch(origin, { signal: AbortSignal.abort() }),
  'aborted before, with a reason': (fetch, origin) => fetch(origin, { signal: AbortSignal.abort('reason') }),
  'aborted while waiting': (fetch, origin) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    return fetch(`${origin}/never`, { method: 'POST', body: 'x', signal: controller.signal });
  },
  'timed out while waiting': (fetch, origin) => fetch(`${origin}/never`, { signal: AbortSignal.timeout(20) }),
  'aborted in the body': async (fetch, origin) => {
    const controller = new AbortController();
    const reply = await fetch(`${origin}/first-only`, { signal: controller.signal });
    setTimeout(() => controller.abort(new RangeError('mine')), 20);
    return reply.text();
  },
  'aborted in the body, iterated': async (fetch, origin) => {
    const controller = new AbortController();
    const reply = await fetch(`${origin}/first-only`, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    return iterate(reply.body);
  },
  'aborted with bytes waiting': async (fetch, origin) => {
    const controller = new AbortController();
    const reply = await fetch(`${origin}/echo`, { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    return iterate(reply.body);
  },
  'aborted after the end': async (fetch, origin) => {
    const controller = new AbortController();
    const reply = await fetch(`${origin}/br`, { signal: controller.signal });
    const text = await reply.text();
    controller.abort();
    return text === PLAIN;
  },
};
for (const path of [
  'gzip',
  'deflate',
  'deflate-raw',
  'br',
  'gzip-br',
  'unknown-coding',
  'not-gzip',
  'gzip-cut',
]) {
  cases[`coding ${path}`] = async (fetch, origin) => (await fetch(`${origin}/${path}`)).text();
}
for (const path of ['no-reply', 'not-http', 'cut-chunked', 'cut-length', 'bad-chunk']) {
  cases[path] = async (fetch, origin) =>
    (await fetch(`${origin}/${path}`, { method: 'POST', body: 'x' })).text();
}

async function outcome(run: () => unknown): Promise<unknown> {
  try {
    return { value: await run() };
  } catch (error) {
    return { error: shape(error) };
  }
}

describe('httpFetch does what the global fetch does', () => {
  test.for(Object.entries(cases))('%s', async ([, run]) => {
    await using server = await serve(answer);
    const expected = await outcome(() => run(globalThis.fetch, server.origin));
    expect(await outcome(() => run(httpFetch, server.origin))).toEqual(expected);
  });
});
