import { apiError, fault, reply, spendCapError, text, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { type AgentEvent, defineTool } from '../../src/index.ts';
import { endOf, expectSound, play, stage, story } from './stage.ts';
import { processTime, virtualTime } from './time.ts';

const unmeasured = (events: readonly AgentEvent[]): string[] => story(events).slice(2);

/** A tool that notes its runs. */
function noting(effect: 'read' | 'once', name = effect as string) {
  const runs: string[] = [];
  const tool = defineTool({
    name,
    description: 'Notes.',
    effect,
    input: { type: 'object' },
    run(_input, { callId }) {
      runs.push(callId);
      return `run ${runs.length}`;
    },
  });
  return { tool, runs };
}

describe('before the first byte the SDK retries, and every wait and retry is told [retry/before-headers]', () => {
  test('429 with retry-after-ms', async () => {
    const set = stage({
      steps: [apiError(429, { retryAfterMs: 3 }), apiError(529, { retryAfterMs: 4 }), reply('Hi.')],
    });
    const { events, result } = await play(set.agent);
    expect(unmeasured(events)).toEqual([
      'request 1.1',
      'wait: rate-limit 3',
      'retry request 2',
      'wait: overloaded 4',
      'retry request 3',
      'text: Hi.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(result?.turns).toBe(1);
    expectSound(set);
  });

  test('retry-after: 1 is waited for', async () => {
    using time = processTime();
    const set = stage({ time, steps: [apiError(429, { retryAfter: 1 }), reply('Hi.')] });
    const { events } = await time.pass(play(set.agent));
    expect(time.now()).toBe(1000);
    expect(unmeasured(events)).toEqual([
      'request 1.1',
      'wait: rate-limit 1000',
      'retry request 2',
      'text: Hi.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expectSound(set);
  });

  test('500 without a hint, by the SDK’s own back-off', async () => {
    using time = processTime();
    const set = stage({ time, maxRetries: 1, steps: [apiError(500), reply('Hi.')] });
    const { events } = await time.pass(play(set.agent));
    expect(unmeasured(events).slice(0, 3)).toEqual(['request 1.1', 'wait: retry 500', 'retry request 2']);
    // Half a second, less up to a quarter of it.
    expect(time.now()).toBeGreaterThan(370);
    expect(time.now()).toBeLessThanOrEqual(500);
    expectSound(set);
  });

  test('400 that says it may be retried', async () => {
    const set = stage({ steps: [apiError(400, { shouldRetry: true, retryAfterMs: 2 }), reply('Hi.')] });
    const { events } = await play(set.agent);
    expect(unmeasured(events).slice(0, 3)).toEqual(['request 1.1', 'wait: retry 2', 'retry request 2']);
    expectSound(set);
  });

  test('the last try is not followed by a wait', async () => {
    const limited = apiError(429, { retryAfterMs: 2 });
    const set = stage({ maxRetries: 1, steps: [limited, limited] });
    const { events, error } = await play(set.agent);
    expect(unmeasured(events)).toEqual([
      'request 1.1',
      'wait: rate-limit 2',
      'retry request 2',
      'reply-lost: rate-limited',
      'run-end: failed',
    ]);
    expect(error).toMatchObject({ code: 'rate-limited', retryAfterMs: 2, turns: 1 });
    expectSound(set);
  });
});

describe('what waiting does not mend ends the run at once [retry/capped-wait] [retry/not-4xx]', () => {
  test.each([
    ['retry-after: 3600', apiError(429, { retryAfter: 3600 }), 3_600_000],
    ['retry-after-ms: 3600000', apiError(529, { retryAfterMs: 3_600_000 }), 3_600_000],
    [
      'retry-after of a far date',
      apiError(429, { headers: { 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' } }),
      expect.any(Number) as number,
    ],
    [
      'a retry-after-ms that says nothing beside a long retry-after',
      apiError(429, { headers: { 'retry-after-ms': '0', 'retry-after': '3600' } }),
      3_600_000,
    ],
    [
      'a retry-after the SDK would read as a number',
      apiError(429, { headers: { 'retry-after': '3600, please' } }),
      3_600_000,
    ],
  ])('%s', async (_name, answer, retryAfterMs) => {
    using time = processTime();
    const set = stage({ time, steps: [answer] });
    const { events, error } = await time.pass(play(set.agent));
    expect(time.now()).toBe(0);
    expect(error?.code).toBe(answer.status === 529 ? 'overloaded' : 'rate-limited');
    expect(error?.retryAfterMs).toEqual(retryAfterMs);
    expect(unmeasured(events)).toEqual(['request 1.1', `reply-lost: ${error?.code}`, 'run-end: failed']);
    expectSound(set);
  });

  test('a limits.retryAfterMs of the caller', async () => {
    const set = stage({ limits: { retryAfterMs: 0 }, steps: [apiError(429, { retryAfterMs: 1 })] });
    const { error } = await play(set.agent);
    expect(error).toMatchObject({ code: 'rate-limited', retryAfterMs: 1 });
    expectSound(set);
  });

  test.each(['enforced_spend_limit_reached', 'contract_spend_limit_reached'] as const)(
    'a spend limit: %s [retry/spend-cap]',
    async (code) => {
      const set = stage({ steps: [spendCapError(code)] });
      const { events, error } = await play(set.agent);
      expect(error).toMatchObject({ code: 'rate-limited', retryAfterMs: undefined });
      expect(error?.message).toContain('usage limits');
      expect(unmeasured(events)).toEqual(['request 1.1', 'reply-lost: rate-limited', 'run-end: failed']);
      expectSound(set);
    },
  );

  test.each([
    [400, 'invalid-request'],
    [401, 'authentication'],
    [402, 'billing'],
    [403, 'permission'],
    [404, 'not-found'],
    [413, 'request-too-large'],
    [422, 'invalid-request'],
  ] as const)('HTTP %i is %s', async (status, code) => {
    const set = stage({ steps: [apiError(status)] });
    const { events, error } = await play(set.agent);
    expect(error).toMatchObject({ code, turns: 1, usage: { input_tokens: 0, output_tokens: 0 } });
    expect(error?.cause).toMatchObject({ status });
    // What the API refuses for its content is taken back; what it refuses for other reasons can be sent again.
    const refused = code === 'invalid-request' || code === 'request-too-large';
    expect(error?.messages).toEqual(refused ? [] : [{ role: 'user', content: 'Go.' }]);
    expect(unmeasured(events)).toEqual(['request 1.1', `reply-lost: ${code}`, 'run-end: failed']);
    expectSound(set);
  });

  test.each([
    [409, 'api-error'],
    [500, 'api-error'],
    [504, 'api-error'],
    [529, 'overloaded'],
  ] as const)('HTTP %i after the SDK’s retries is %s', async (status, code) => {
    const set = stage({ maxRetries: 0, steps: [apiError(status)] });
    const { error } = await play(set.agent);
    expect(error).toMatchObject({ code });
    expectSound(set);
  });

  test('nobody listens', async () => {
    const set = stage({ maxRetries: 0, steps: [reply('', { fault: fault.connectionRefused() })] });
    const { error } = await play(set.agent);
    expect(error?.code).toBe('connection');
    expect(error?.message).toContain('ECONNREFUSED');
    expectSound(set);
  });
});

describe('a reply that breaks off is tried again', () => {
  test('with longer and longer waits, limits.turnRetries times, then the run fails with all that is known [usage/lost-reply]', async () => {
    const time = virtualTime();
    const cut = reply('Once upon a time', { chunk: { size: 4 }, fault: fault.cut({ afterEvents: 4 }) });
    const set = stage({ time, steps: [cut, cut, cut] });
    const { events, error } = await time.pass(play(set.agent));
    expect(unmeasured(events)).toEqual([
      'request 1.1',
      'text: Once upo',
      'reply-lost: stream-broken',
      'wait: retry 500',
      'retry turn 2',
      'request 1.2',
      'text: Once upo',
      'reply-lost: stream-broken',
      'wait: retry 1000',
      'retry turn 3',
      'request 1.3',
      'text: Once upo',
      'reply-lost: stream-broken',
      'run-end: failed',
    ]);
    expect(time.now()).toBe(1500);
    expect(error).toMatchObject({ code: 'stream-broken', text: 'Once upo', turns: 1 });
    expect(error?.message).toMatch(/\(3 tries\)$/);
    // What the server had told of the lost replies is counted, three times.
    expect(error?.steps.map(({ turn, lost }) => [turn, lost])).toEqual([
      [1, true],
      [1, true],
      [1, true],
    ]);
    expect(error?.usage?.input_tokens).toBe(set.emulator.bill.inputTokens);
    expectSound(set);
  });

  test.each([
    ['overloaded_error', 'overloaded'],
    ['api_error', 'api-error'],
    ['timeout_error', 'api-error'],
    ['rate_limit_error', 'rate-limited'],
  ])('by an error event of type %s', async (type, code) => {
    const time = virtualTime();
    const set = stage({ time, steps: [reply('Hello', { fault: fault.errorEvent({ type }) }), reply('Hi.')] });
    const { events } = await time.pass(play(set.agent));
    expect(unmeasured(events)).toContain(`reply-lost: ${code}`);
    expect(unmeasured(events).at(-1)).toBe('run-end: completed');
    expectSound(set);
  });

  test.each([
    ['invalid_request_error', 'invalid-request'],
    ['permission_error', 'permission'],
  ])('but not where the error event says the request is at fault: %s', async (type, code) => {
    const set = stage({ steps: [reply('Hello', { fault: fault.errorEvent({ type }) })] });
    const { error } = await play(set.agent);
    expect(error?.code).toBe(code);
    expectSound(set);
  });

  test('reads that started early are forgotten and run again; what has an effect runs once [broken/turn-retry] [broken/cut]', async () => {
    const time = virtualTime();
    const read = noting('read');
    const once = noting('once');
    const calls = [
      toolUse('read', {}, { id: 'toolu_r' }),
      toolUse('once', {}, { id: 'toolu_o' }),
      text('And a long explanation.'),
    ];
    const set = stage({
      time,
      tools: [read.tool, once.tool],
      steps: [
        reply(calls, { chunk: { size: 4, delayMs: 10 }, fault: fault.cut({ afterEvents: 9 }) }),
        reply(calls.slice(0, 2)),
        reply('Done.'),
      ],
    });
    const { events, result } = await time.pass(play(set.agent));
    expect(unmeasured(events).filter((line) => !line.startsWith('input of'))).toEqual([
      'request 1.1',
      'tool-start: read',
      'tool-end: read ok',
      'text: And ',
      'reply-lost: stream-broken',
      'wait: retry 500',
      'retry turn 2',
      'request 1.2',
      'tool-start: read',
      'tool-end: read ok',
      'reply: tool_use',
      'tool-start: once',
      'tool-end: once ok',
      'request 2.1',
      'text: Done.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect([read.runs, once.runs]).toEqual([['toolu_r', 'toolu_r'], ['toolu_o']]);
    expect(result?.messages[2]).toMatchObject({
      content: [
        { tool_use_id: 'toolu_r', content: 'run 2' },
        { tool_use_id: 'toolu_o', content: 'run 1' },
      ],
    });
    expectSound(set);
  });

  test('in any turn, and the turns before it stay', async () => {
    const time = virtualTime();
    const once = noting('once');
    const set = stage({
      time,
      tools: [once.tool],
      steps: [reply(toolUse('once')), reply('Almost', { fault: fault.earlyEnd() }), reply('Done.')],
    });
    const played = await time.pass(play(set.agent));
    expect(endOf(played)).toBe('completed');
    expect(once.runs).toHaveLength(1);
    const [, second, third] = set.emulator.requests;
    expect(third?.bodyText).toBe(second?.bodyText);
    expectSound(set);
  });
});
