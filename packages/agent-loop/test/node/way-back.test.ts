import { execFile, execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { httpFetch } from '../../src/node/http-fetch.ts';
import { bodyOf, serve } from './http-server.ts';
import { strippedFlags } from '../../../../test/support/node-flags.ts';

const GLOBAL = 'undici:request:create';
const OWN = 'http.client.request.start';

/** Which transports sent a request while `run` ran: the global fetch and node:http announce each on a channel. */
async function transports(run: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const onGlobal = () => void seen.push('global');
  const onOwn = () => void seen.push('own');
  subscribe(GLOBAL, onGlobal);
  subscribe(OWN, onOwn);
  try {
    await run();
  } finally {
    unsubscribe(GLOBAL, onGlobal);
    unsubscribe(OWN, onOwn);
  }
  return seen;
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const status = /^\/(30\d)$/.exec(request.url ?? '')?.[1];
  if (status) response.writeHead(Number(status), { location: '/end' }).end('moved');
  else response.end(JSON.stringify([request.method, request.url, body]));
}

const text = async (reply: Promise<Response>) => (await reply).text();

describe('what node:http sends itself', () => {
  test('text and bytes, also after the global fetch was used and its dispatcher exists', async () => {
    await using server = await serve(echo);
    await text(fetch(server.origin));
    const { signal } = new AbortController();
    const used = await transports(async () => {
      await text(httpFetch(server.origin));
      await text(
        httpFetch(new URL(server.origin), { method: 'POST', body: 'x', headers: { a: 'b' }, signal }),
      );
      await text(
        httpFetch(server.origin, { method: 'POST', body: new Uint8Array(3), keepalive: undefined as never }),
      );
    });
    expect(used).toEqual(['own', 'own', 'own']);
  });

  test('a redirect status without a target is an ordinary reply', async () => {
    await using server = await serve((_, response) => response.writeHead(304).end());
    const used = await transports(async () => expect((await httpFetch(server.origin)).status).toBe(304));
    expect(used).toEqual(['own']);
  });
});

describe('what goes through the global fetch', () => {
  test.for([
    [307, ['POST', '/end', 'the body']],
    [308, ['POST', '/end', 'the body']],
    [302, ['GET', '/end', '']],
    [303, ['GET', '/end', '']],
  ] as const)('a redirect %i', async ([status, expected]) => {
    await using server = await serve(echo);
    const used = await transports(async () => {
      const reply = await httpFetch(`${server.origin}/${status}`, { method: 'POST', body: 'the body' });
      expect([reply.redirected, reply.url, await reply.json()]).toEqual([
        true,
        `${server.origin}/end`,
        expected,
      ]);
    });
    expect(used).toEqual(['own', 'global', 'global']);
  });

  const through: Record<string, (origin: string) => Promise<Response>> = {
    'a Request': (origin) => httpFetch(new Request(origin)),
    'a Request as options': (origin) => httpFetch(origin, new Request(origin, { method: 'POST', body: 'x' })),
    'a stream body': (origin) =>
      httpFetch(origin, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' }),
    'a blob': (origin) => httpFetch(origin, { method: 'POST', body: new Blob(['x']) }),
    'a form': (origin) => httpFetch(origin, { method: 'POST', body: new URLSearchParams('a=b') }),
    'an option it does not know': (origin) => httpFetch(origin, { redirect: 'manual' }),
    'a framing header': (origin) =>
      httpFetch(origin, { method: 'POST', body: 'x', headers: { 'content-length': '1' } }),
    'an unusual method': (origin) => httpFetch(origin, { method: 'post', body: 'x' }),
  };
  test.for(Object.entries(through))('%s', async ([, run]) => {
    await using server = await serve(echo);
    expect(await transports(() => text(run(server.origin)))).toEqual(['global']);
  });

  test('a dispatcher option, with the dispatcher given', async () => {
    await using server = await serve(echo);
    const dispatched: string[] = [];
    const dispatcher = {
      dispatch(options: { path: string }, handler: never) {
        dispatched.push(options.path);
        const agent = defaultDispatcher();
        return agent.dispatch(options, handler);
      },
    };
    await text(fetch(server.origin));
    await text(httpFetch(`${server.origin}/x`, { dispatcher } as unknown as RequestInit));
    expect(dispatched).toEqual(['/x']);
  });

  test('URLs and credentials that fetch has its own answer to', async () => {
    expect(await (await httpFetch('data:text/plain,hello')).text()).toBe('hello');
    await expect(httpFetch('http://name:secret@127.0.0.1/')).rejects.toThrow('includes credentials');
  });

  test('everything with PAWL_FETCH=global', async () => {
    await using server = await serve(echo);
    vi.stubEnv('PAWL_FETCH', 'global');
    expect(await transports(() => text(httpFetch(server.origin)))).toEqual(['global']);
  });

  test('everything when somebody replaced the global fetch, by that fetch', async () => {
    const calls: unknown[] = [];
    vi.stubGlobal('fetch', async (...call: unknown[]) => {
      calls.push(call);
      return new Response('mocked');
    });
    const init = { method: 'POST', body: 'x' };
    expect(await text(httpFetch('http://127.0.0.1:1/', init))).toBe('mocked');
    expect(calls).toEqual([['http://127.0.0.1:1/', init]]);
  });

  test('itself as the global fetch works, and falls back to that of Node', async () => {
    await using server = await serve(echo);
    vi.stubGlobal('fetch', httpFetch);
    const used = await transports(async () => {
      await text(fetch(server.origin));
      await text(fetch(new Request(server.origin)));
    });
    expect(used).toEqual(['own', 'global']);
  });
});

interface Dispatcher {
  constructor: new (options?: object) => Dispatcher;
  dispatch(options: unknown, handler: never): boolean;
}

const SYMBOLS = [Symbol.for('undici.globalDispatcher.2'), Symbol.for('undici.globalDispatcher.1')];
const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined>;

/** The dispatcher of the global fetch, which exists after its first use. */
function defaultDispatcher(): Dispatcher {
  const found = SYMBOLS.map((symbol) => globals[symbol]).find((value) => value !== undefined);
  if (!found) throw new Error('the global fetch was not used yet');
  return found;
}

describe('a global dispatcher', () => {
  const custom: [string, (standard: Dispatcher) => unknown][] = [
    ['with options', (standard) => new standard.constructor({ connect: { rejectUnauthorized: false } })],
    ['with a timeout', (standard) => new standard.constructor({ headersTimeout: 0 })],
    ['of a subclass', (standard) => new (class Tracing extends standard.constructor {})()],
    [
      'composed, as a proxy',
      (standard) =>
        new Proxy(standard, {
          get: (to, key) => (key === 'dispatch' ? to.dispatch.bind(to) : Reflect.get(to, key)),
        }),
    ],
    [
      'patched',
      (standard) => Object.assign(new standard.constructor(), { dispatch: standard.dispatch.bind(standard) }),
    ],
    ['of another kind', (standard) => ({ dispatch: standard.dispatch.bind(standard) })],
  ];
  test.for(custom)('%s is used', async ([, make]) => {
    await using server = await serve(echo);
    await text(fetch(server.origin));
    const standard = defaultDispatcher();
    const symbol = SYMBOLS.find((candidate) => globals[candidate] === standard) as symbol;
    globals[symbol] = make(standard) as Dispatcher;
    try {
      expect(await transports(() => text(httpFetch(server.origin)))).not.toContain('own');
    } finally {
      globals[symbol] = standard;
    }
    expect(await transports(() => text(httpFetch(server.origin)))).toEqual(['own']);
  });

  test('that is new but has no options changes nothing', async () => {
    await using server = await serve(echo);
    await text(fetch(server.origin));
    const standard = defaultDispatcher();
    const symbol = SYMBOLS.find((candidate) => globals[candidate] === standard) as symbol;
    globals[symbol] = new standard.constructor();
    try {
      expect(await transports(() => text(httpFetch(server.origin)))).toEqual(['own']);
    } finally {
      globals[symbol] = standard;
    }
  });
});

const source = fileURLToPath(new URL('../../src/node/http-fetch.ts', import.meta.url));

/** Runs a program of its own, where Node reads its environment anew; `httpFetch` is there. */
async function program(code: string, env: Record<string, string>): Promise<string> {
  const script = `import { httpFetch } from ${JSON.stringify(source)};\n${code}`;
  // Before Node 22.18 the sources run only when it is told so.
  const flags = process.features.typescript ? strippedFlags : ['--experimental-strip-types'];
  const args = [...flags, '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env },
    timeout: 10_000,
  });
  return stdout;
}

describe('in a process of its own', () => {
  const getText = (url: string) => `console.log(await (await httpFetch(${JSON.stringify(url)})).text())`;

  test('a proxy of the environment is used when Node is told to', async () => {
    const asked: string[] = [];
    await using server = await serve((_, response) => response.end('answer'));
    // Node asks a proxy for a tunnel or for the whole URL, depending on its version.
    await using proxy = await serve((request, response) => {
      asked.push(`${request.method}`);
      response.end('answer');
    });
    proxy.server.on('connect', (request: IncomingMessage, client: Socket) => {
      asked.push(`${request.method}`);
      const target = connect(server.port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      target.pipe(client).pipe(target);
    });
    const HTTP_PROXY = proxy.origin;
    const on = { NODE_USE_ENV_PROXY: '1' };
    const direct = await Promise.all([
      program(getText(server.origin), { HTTP_PROXY }),
      program(getText(server.origin), on),
      program(getText(server.origin), { HTTP_PROXY, ...on, NO_PROXY: '127.0.0.1' }),
    ]);
    expect([direct, asked]).toEqual([['answer\n', 'answer\n', 'answer\n'], []]);
    expect(await program(getText(server.origin), { HTTP_PROXY, ...on })).toBe('answer\n');
    expect(asked).toHaveLength(process.allowedNodeEnvironmentFlags.has('--use-env-proxy') ? 1 : 0);
  });

  test('idle connections and the import alone let the process end', async () => {
    await using server = await serve((_, response) => response.end('done'));
    const startedAt = performance.now();
    expect(await program(getText(server.origin), {})).toBe('done\n');
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    expect(server.connections()).toBe(1);
  });

  const openssl = (() => {
    try {
      return execFileSync('openssl', ['version'], { encoding: 'utf8' }).length > 0;
    } catch {
      return false;
    }
  })();

  test.skipIf(!openssl)('HTTPS: certificates are checked, and trusted as Node is told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-tls-'));
    await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const server = https.createServer(
      { key: await readFile(key), cert: await readFile(cert) },
      (message, response) => response.end(`secret, ${message.headers['accept-encoding']}`),
    );
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const twice = `${getText(url)};${getText(url)}`;
    let connections = 0;
    server.on('secureConnection', () => connections++);
    expect(await program(twice, { NODE_EXTRA_CA_CERTS: cert })).toBe('secret, br, gzip, deflate\n'.repeat(2));
    expect(connections).toBe(1);
    const failure = `await httpFetch(${JSON.stringify(url)}).catch((e) => console.log(e.message, e.cause.code))`;
    expect(await program(failure, {})).toBe('fetch failed DEPTH_ZERO_SELF_SIGNED_CERT\n');
    server.close();
    server.closeAllConnections();
  });
});
