import {
  type Emulator,
  fault,
  reply,
  script,
  serverToolUse,
  startEmulator,
  text,
  thinking,
  whole,
} from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { httpFetch } from '../../src/node/index.ts';
import { clientOf, endOf, expectSound, play, stage, story } from './stage.ts';
import { virtualTime } from './time.ts';

const second = 1000;
const minute = 60 * second;

describe('silence [broken/stall]', () => {
  test.each([
    ['right after the headers', fault.stall({ afterEvents: 0 })],
    ['in the middle of a text', fault.stall({ afterEvents: 3 })],
    ['before message_stop', fault.stall({ afterEvents: 99 })],
    ['with nothing but pings', fault.pingStall({ everyMs: 5 * second })],
  ])('%s for limits.idleMs loses the reply, and the turn is tried again', async (_name, silent) => {
    const time = virtualTime();
    const set = stage({ time, steps: [reply('Hello', { fault: silent }), reply('Hi.')] });
    const { events, result } = await time.pass(play(set.agent));
    const lost = events.find((event) => event.type === 'reply-lost');
    expect(lost).toMatchObject({ code: 'stream-broken', message: 'The stream was silent for 60000 ms.' });
    expect(lost?.durationMs).toBeGreaterThanOrEqual(minute);
    expect(lost?.durationMs).toBeLessThan(minute + 10);
    expect(result?.text).toBe('Hi.');
    expectSound(set);
  });

  test('shorter than that is waited out', async () => {
    const time = virtualTime();
    const set = stage({ time, steps: [reply('Hello', { fault: fault.stall({ ms: 59 * second }) })] });
    const played = await time.pass(play(set.agent));
    expect(played.result).toMatchObject({ outcome: 'completed', text: 'Hello' });
    expectSound(set);
  });

  test('between the events of a slow reply is counted anew after each', async () => {
    const time = virtualTime();
    const set = stage({
      time,
      steps: [reply('Hello there.', { chunk: { size: 1, delayMs: 50 * second, pings: false } })],
    });
    const played = await time.pass(play(set.agent));
    expect(endOf(played)).toBe('completed');
    expect(time.now()).toBeGreaterThan(10 * minute);
    expectSound(set);
  });

  test('before any header is borne ten times as long', async () => {
    const time = virtualTime();
    const set = stage({ time, steps: [reply('Hello', { fault: fault.headerStall() }), reply('Hi.')] });
    const { events, result } = await time.pass(play(set.agent));
    const lost = events.find((event) => event.type === 'reply-lost');
    expect(lost).toMatchObject({ code: 'stream-broken', message: 'No answer began for 600000 ms.' });
    expect(lost?.durationMs).toBeGreaterThanOrEqual(10 * minute);
    expect(lost?.durationMs).toBeLessThan(10 * minute + 10);
    expect(result?.text).toBe('Hi.');
    expectSound(set);
  });

  test('while this process was busy is not the stream’s', async () => {
    const set = stage({
      limits: { idleMs: 60 },
      steps: [reply('Hello there.', { chunk: { size: 4, delayMs: 5 } })],
      hooks: {
        onEvent(event) {
          if (event.type === 'text-delta' && event.text === 'Hell') busy(150);
        },
      },
    });
    const { events } = await play(set.agent);
    expect(story(events)).not.toContain('reply-lost: stream-broken');
    expectSound(set);
  });

  function busy(ms: number): void {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }
});

describe('withheld content', () => {
  const search = serverToolUse('web_search', {}, { id: 'srvtoolu_1' });
  const found = whole({ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] });
  const tools = [{ type: 'web_search_20260318', name: 'web_search' }] as const;

  test.each([
    // message_start, block start | signature
    ['thinking', [thinking('Long.', { shown: false }), text('So.')], 2],
    // message_start, block start, input, block stop | result
    ['a tool of the server', [search, found, text('So.')], 4],
  ] as const)('%s survives minutes of pings', async (_name, blocks, afterEvents) => {
    const time = virtualTime();
    const quiet = fault.pingStall({ afterEvents, everyMs: 20 * second, ms: 9 * minute });
    const set = stage({ time, tools, steps: [reply(blocks, { fault: quiet })] });
    const { result, events } = await time.pass(play(set.agent));
    expect(result).toMatchObject({ outcome: 'completed', text: 'So.' });
    expect(story(events)).not.toContain('reply-lost: stream-broken');
    expect(time.now()).toBeGreaterThanOrEqual(9 * minute);
    expectSound(set);
  });

  test.concurrent.each([
    ['the global fetch', undefined],
    ['httpFetch', httpFetch],
  ])('survives over HTTP, by %s', async (_name, fetch) => {
    const quiet = fault.pingStall({ afterEvents: 2, everyMs: 20, ms: 600 });
    const steps = [reply([thinking('Long.'), text('So.')], { fault: quiet })];
    await using server = await startEmulator({ respond: script(steps) });
    const client = clientOf(server.url, fetch && { fetch });
    const set = stage({ client, limits: { idleMs: 200, turnRetries: 0 } });
    const { result } = await play(set.agent);
    expect(result?.text).toBe('So.');
    expectSound(server);
  });

  test('is believed for ten times limits.idleMs, and no longer', async () => {
    const time = virtualTime();
    const quiet = fault.pingStall({ afterEvents: 2, everyMs: 20 * second });
    const set = stage({
      time,
      steps: [reply([thinking('Long.'), text('So.')], { fault: quiet }), reply('Hi.')],
    });
    const { events } = await time.pass(play(set.agent));
    const lost = events.find((event) => event.type === 'reply-lost');
    expect(lost?.durationMs).toBeGreaterThan(9 * minute);
    expect(lost?.durationMs).toBeLessThan(10 * minute + second);
    expectSound(set);
  });

  test('without pings is silence', async () => {
    const time = virtualTime();
    const quiet = fault.stall({ afterEvents: 2 });
    const set = stage({
      time,
      steps: [reply([thinking('Long.'), text('So.')], { fault: quiet }), reply('Hi.')],
    });
    const { events } = await time.pass(play(set.agent));
    const lost = events.find((event) => event.type === 'reply-lost');
    expect(lost?.durationMs).toBeLessThan(minute + second);
    expectSound(set);
  });
});

describe('the total deadline', () => {
  test.each([
    ['no headers come', reply('', { fault: fault.headerStall() })],
    ['the stream falls silent', reply('Hello', { fault: fault.stall() })],
    ['nothing but pings comes', reply('Hello', { fault: fault.pingStall({ everyMs: 10 }) })],
    ['the reply trickles for ever', reply('x'.repeat(10_000), { chunk: { size: 1, delayMs: 50 } })],
  ])('ends a run where %s', async (_name, step) => {
    const time = virtualTime();
    const set = stage({ time, limits: { timeMs: 30 * second }, steps: [step] });
    const { result, events } = await time.pass(play(set.agent));
    expect(result).toMatchObject({
      outcome: 'time-limit',
      reason: 'limits.timeMs (30000) is over',
      turns: 1,
      messages: [{ role: 'user', content: 'Go.' }],
    });
    expect(time.now()).toBe(30 * second);
    expect(story(events).slice(-2)).toEqual(['reply-lost: time-limit', 'run-end: time-limit']);
    expectSound(set);
  });
});

test('a reply is whole at message_stop: a connection that stays open is not waited for', async () => {
  const set = stage({ steps: [reply('Hi.')], world: {} });
  const held = holdingOpen(set.emulator.fetch);
  const open = stage({ client: held.client });
  const startedAt = performance.now();
  const { result } = await play(open.agent);
  expect(result).toMatchObject({ outcome: 'completed', text: 'Hi.' });
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(held.cancelled()).toBe(true);
  expectSound(set);
});

/** A server that never ends its bodies. */
function holdingOpen(fetch: Emulator['fetch']) {
  let cancelled = false;
  const held: Emulator['fetch'] = async (input, init) => {
    const response = await fetch(input, init);
    const reader = response.body?.getReader();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (!done && value) return controller.enqueue(value);
        await new Promise((resolve) => init?.signal?.addEventListener('abort', resolve));
        cancelled = true;
      },
    });
    return new Response(body, response);
  };
  return { client: clientOf(held), cancelled: () => cancelled };
}
