import { createServer } from 'node:net';
import { apiError, fault, reply } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { createAgent, createBudget, createGovernor } from '../../src/index.ts';
import { clientOf, play, stage, story } from './stage.ts';

const MODEL = 'claude-sonnet-5-5';

/** A port at which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a fetch throws whose connection failed so. */
const failing = (why: string, details: object): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(why), details) });

describe('a server that was not reached bills nothing', () => {
  test('nobody listens: a budget is where it was, however often it is tried', async () => {
    const client = clientOf(`http://127.0.0.1:${await deadPort()}`, { maxRetries: 0 });
    const budget = createBudget({ usd: 1 });
    const agent = createAgent({ model: MODEL, client, budget });
    for (let run = 1; run <= 4; run += 1) {
      const { error, events } = await play(agent);
      expect(error?.code).toBe('connection');
      expect(error?.message).toContain('ECONNREFUSED');
      expect(error?.cost).toMatchObject({ usd: 0, lostUsd: 0 });
      expect(events.find(({ type }) => type === 'reply-lost')).toMatchObject({ unbilled: true, lostUsd: 0 });
    }
    expect(await budget.state()).toMatchObject({ usd: 0, lostUsd: 0, lostTokens: 0, reservedUsd: 0 });
  });

  test('the SDK tries again, with a budget too', async () => {
    const refused = reply('Never.', { fault: fault.connectionRefused() });
    const budget = createBudget({ usd: 1 });
    const set = stage({ steps: [refused, reply('Here.')], budget });
    const { events, result } = await play(set.agent);
    expect(story(events)).toContain('retry request 2');
    expect(result).toMatchObject({ text: 'Here.', cost: { lostUsd: 0 } });
    expect((await budget.state()).lostUsd).toBe(0);
  });

  test('a run that is stopped between two such tries has lost nothing', async () => {
    const set = stage({ steps: [reply('Never.', { fault: fault.connectionRefused() })] });
    const { result } = await play(set.agent, 'Go.', {}, (stream) => {
      setTimeout(() => stream.stop(), 100);
    });
    expect(result).toMatchObject({ outcome: 'stopped', cost: { lostUsd: 0 } });
  });
});

describe('a request that was refused before it was sent bills nothing', () => {
  test('by a client without what it takes', async () => {
    const budget = createBudget({ usd: 1 });
    const { client } = stage({});
    const bare = Object.assign(client, { beta: undefined as never });
    const { error } = await play(createAgent({ model: MODEL, client: bare, betas: ['files-1'], budget }));
    expect(error?.message).toBe('The agent names betas, but its client has no beta.messages.');
    expect(await budget.state()).toMatchObject({ lostUsd: 0, lostTokens: 0, reservedUsd: 0 });
  });

  test('by a governor that holds back what the SDK would try again', async () => {
    const budget = createBudget({ usd: 1 });
    const hour = apiError(429, { retryAfterMs: 3_600_000 });
    const steps = [apiError(500, { retryAfterMs: 150 }), hour];
    const { agent } = stage({ steps, budget, governor: createGovernor() });
    const first = play(agent);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const ends = await Promise.all([first, play(agent)]);
    for (const { error } of ends) expect(error?.code).toBe('rate-limited');
    expect(ends[0]?.error?.message).toMatch(/^The server asks to wait 3600 s before the next request/);
    expect(await budget.state()).toMatchObject({ lostUsd: 0, lostTokens: 0, reservedUsd: 0 });
  });
});

describe('what a fetch throws tells whether anything was sent', () => {
  test.each<[why: string, thrown: Error, free: boolean]>([
    ['refused', failing('connect ECONNREFUSED', { code: 'ECONNREFUSED', syscall: 'connect' }), true],
    ['no such host', failing('getaddrinfo ENOTFOUND', { code: 'ENOTFOUND', syscall: 'getaddrinfo' }), true],
    ['no name server', failing('getaddrinfo EAI_AGAIN', { code: 'EAI_AGAIN' }), true],
    ['no route', failing('connect EHOSTUNREACH', { code: 'EHOSTUNREACH', syscall: 'connect' }), true],
    ['no network', failing('connect ENETUNREACH', { code: 'ENETUNREACH' }), true],
    [
      'no answer to a connection',
      failing('connect ETIMEDOUT', { code: 'ETIMEDOUT', syscall: 'connect' }),
      true,
    ],
    ['the same in words', failing('Connect Timeout Error', { code: 'UND_ERR_CONNECT_TIMEOUT' }), true],
    ['a certificate', failing('self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), true],
    ['an expired one', failing('certificate has expired', { code: 'CERT_HAS_EXPIRED' }), true],
    ['that of another host', failing('altnames', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), true],
    [
      'a server without TLS',
      failing('write EPROTO error:0A00010B:SSL routines:wrong version number', { syscall: 'write' }),
      true,
    ],
    [
      'all addresses',
      failing('', { errors: [failing('', { code: 'ECONNREFUSED' }), failing('', { code: 'ENETUNREACH' })] }),
      true,
    ],
    ['one of them', failing('', { errors: [failing('', { code: 'ECONNREFUSED' }), new Error('?')] }), false],
    ['a reset', failing('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }), false],
    ['a network that went', failing('read EHOSTUNREACH', { code: 'EHOSTUNREACH', syscall: 'read' }), false],
    ['a socket that was closed', failing('other side closed', { code: 'UND_ERR_SOCKET' }), false],
    ['no word of why', new TypeError('fetch failed'), false],
  ])('%s', async (_, thrown, free) => {
    const client = clientOf(() => Promise.reject(thrown), { maxRetries: 0, logLevel: 'off' });
    const budget = createBudget({ usd: 1 });
    const { error } = await play(createAgent({ model: MODEL, client, budget }));
    expect(error?.code).toBe('connection');
    expect(error?.cost?.lostUsd === 0).toBe(free);
    expect((await budget.state()).lostUsd === 0).toBe(free);
  });
});

test('a try that may have been carried out counts, whether it is tried again or not', async () => {
  const reset = reply('Never.', { fault: fault.connectionReset() });
  const once = stage({ steps: [reset], maxRetries: 0 });
  const { error } = await play(once.agent);
  expect(error?.code).toBe('connection');
  expect(error?.cost?.lostUsd).toBeGreaterThan(0.3);

  const set = stage({ steps: [reset, reply('Here.')], seams: { random: () => 0 } });
  const { events, result } = await play(set.agent);
  expect(story(events).slice(2)).toEqual([
    'request 1.1',
    'wait: retry 500',
    'reply-lost: connection',
    'wait: retry 500',
    'retry turn 2',
    'request 1.2',
    'text: Here.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expect(result?.cost.lostUsd).toBe(error?.cost?.lostUsd);
  expect(events.find(({ type }) => type === 'reply-lost')).toMatchObject({
    message:
      'No answer came to the request, which may have been carried out (read ECONNRESET (pawl emulator)).',
  });
});
