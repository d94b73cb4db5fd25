import { getEventListeners } from 'node:events';
import {
  apiError,
  createEmulator,
  fault,
  reply,
  script,
  startEmulator,
  text,
  thinking,
  toolUse,
} from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { type Agent, type AgentEvent, createAgent, defineTool, type RunOptions } from '../../src/index.ts';
import { httpFetch } from '../../src/node/index.ts';
import {
  clientOf,
  conversations,
  expectSound,
  play,
  type Played,
  type Stage,
  stage,
  type StageOptions,
  story,
} from './stage.ts';
import { type VirtualTime, virtualTime } from './time.ts';

/** A text that takes longer to arrive than any stop here. */
const LONG = 'Once upon a time there was a queen. '.repeat(30);
/** The longest a stop may take, in milliseconds. */
const PROMPT_MS = 100;
/** Over HTTP the promise is kept in real time: a machine that is busy with other things may be late for it. */
const ON_TIME = { retry: 3 };

/** A tool that takes so long, whatever happens to its signal. */
const stubborn = ({ sleep }: VirtualTime, name: string, ms: number) =>
  defineTool({
    name,
    description: 'Waits.',
    effect: 'once',
    input: { type: 'object' },
    async run() {
      await sleep(ms);
      return `${name} is done`;
    },
  });

const answer = (id: string, content: string, isError = true) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...(isError && { is_error: true }),
});
const unknown = expect.stringContaining('may or may not have taken effect') as string;

/** Ways to stop a run that is under way. Each arranges to stop it after `ms` and says when it did. */
const ways = {
  'stop()': (ms: number) => ({
    reason: 'enough',
    outcome: 'stopped',
    play: (set: Stopping) => playAndStop(set, ms, (stop) => stop('enough')),
    options: {},
  }),
  'an aborted signal': (ms: number) => ({
    reason: 'enough',
    outcome: 'stopped',
    play: (set: Stopping) => {
      const controller = new AbortController();
      return playAndStop(set, ms, () => controller.abort(new Error('enough')), { signal: controller.signal });
    },
    options: {},
  }),
  'limits.timeMs': (ms: number) => ({
    reason: `limits.timeMs (${ms}) is over`,
    outcome: 'time-limit',
    play: (set: Stopping) => playAndStop(set, ms, () => {}),
    options: { limits: { timeMs: ms } },
  }),
} as const;

interface Stopped extends Played {
  /** From the stop to the end of the run, in milliseconds. */
  readonly tookMs: number;
}

/** An agent, and the time that passes for it. */
interface Stopping {
  readonly agent: Agent;
  readonly time: VirtualTime;
}

async function playAndStop(
  { agent, time }: Stopping,
  ms: number,
  halt: (stop: (reason?: string) => void) => void,
  options: RunOptions = {},
): Promise<Stopped> {
  const stream = agent.stream('Go.', options);
  const cancel = time.after(ms, () => halt((reason) => stream.stop(reason)));
  const events: AgentEvent[] = [];
  const reading = async () => {
    for await (const event of stream) events.push(event);
    return stream.result;
  };
  const result = await time.pass(reading());
  cancel();
  return { events, result, error: undefined, messages: result.messages, tookMs: time.now() - ms };
}

/** A stage in virtual time. */
function timed(options: (time: VirtualTime) => StageOptions): Stage & { readonly time: VirtualTime } {
  const time = virtualTime();
  return { ...stage({ time, ...options(time) }), time };
}

describe.each(Object.entries(ways))('%s', (_name, way) => {
  test('among three tools keeps what is finished, answers what is not, and the run can be continued', async () => {
    const { play: playIt, options, outcome, reason } = way(400);
    const set = timed((time) => ({
      ...options,
      tools: [stubborn(time, 'quick', 50), stubborn(time, 'brisk', 100), stubborn(time, 'endless', 3000)],
      steps: [
        reply([
          text('All three.'),
          toolUse('quick', {}, { id: 'toolu_1' }),
          toolUse('brisk', {}, { id: 'toolu_2' }),
          toolUse('endless', {}, { id: 'toolu_3' }),
        ]),
        reply('I see.'),
      ],
    }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(stopped.result).toMatchObject({ outcome, reason, text: 'All three.', turns: 1 });
    expect(story(stopped.events).slice(-7)).toEqual([
      'tool-start: quick',
      'tool-start: brisk',
      'tool-start: endless',
      'tool-end: quick ok',
      'tool-end: brisk ok',
      'tool-end: endless unknown',
      `run-end: ${outcome}`,
    ]);
    expect(stopped.messages.at(-1)).toEqual({
      role: 'user',
      content: [
        answer('toolu_1', 'quick is done', false),
        answer('toolu_2', 'brisk is done', false),
        answer('toolu_3', unknown),
      ],
    });
    expect(stopped.result?.usage.output_tokens).toBe(set.emulator.bill.outputTokens);
    const next = await set.time.pass(set.agent.run('What happened?', { messages: stopped.messages }));
    expect(next.text).toBe('I see.');
    expectSound(set);
  });

  test('while a reply streams keeps its text and what the server reported, and drops the turn', async () => {
    const { play: playIt, options, outcome, reason } = way(300);
    const set = timed(() => ({
      ...options,
      steps: [reply(LONG, { chunk: { size: 5, delayMs: 10 } }), reply('Yes.')],
    }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    const lost = stopped.events.find((event) => event.type === 'reply-lost');
    expect(lost).toMatchObject({ code: outcome, message: reason });
    expect(lost?.text).toMatch(/^Once ?/);
    expect(stopped.result).toMatchObject({ outcome, reason, text: lost?.text, turns: 1 });
    expect(stopped.result?.steps).toMatchObject([{ turn: 1, lost: true, tools: [] }]);
    expect(stopped.result?.usage.input_tokens).toBe(set.emulator.bill.inputTokens);
    expect(stopped.messages).toEqual([{ role: 'user', content: 'Go.' }]);
    // The connection is given up, so that the server stops too.
    await expect.poll(() => set.emulator.requests[0]?.ended).toBe('aborted');
    await set.time.pass(set.agent.run('Well?', { messages: stopped.messages }));
    expectSound(set);
  });

  test('before the first byte', async () => {
    const { play: playIt, options, outcome } = way(30);
    const set = timed(() => ({ ...options, steps: [reply('Late.', { delayMs: 5000 })] }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(story(stopped.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      `reply-lost: ${outcome}`,
      `run-end: ${outcome}`,
    ]);
    expect(stopped.result).toMatchObject({ outcome, text: '', usage: { input_tokens: 0 } });
    expectSound(set);
  });

  test('while the SDK waits to send a request again', async () => {
    const { play: playIt, options, outcome } = way(30);
    const set = timed(() => ({ ...options, steps: [apiError(429, { retryAfter: 5 })] }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(story(stopped.events).slice(2)).toEqual([
      'request 1.1',
      'wait: rate-limit 5000',
      `reply-lost: ${outcome}`,
      `run-end: ${outcome}`,
    ]);
    expectSound(set);
  });

  test('while the loop waits to try a turn again', async () => {
    const { play: playIt, options, outcome } = way(60);
    const set = timed(() => ({
      ...options,
      steps: [reply('Half', { fault: fault.cut() })],
    }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(story(stopped.events).slice(-3)).toEqual([
      'reply-lost: stream-broken',
      'wait: retry 500',
      `run-end: ${outcome}`,
    ]);
    expect(stopped.result?.text).toBe('Half');
    expectSound(set);
  });

  test('while an approval is waited for', async () => {
    const { play: playIt, options, outcome } = way(40);
    const runs: unknown[] = [];
    const risky = defineTool({
      name: 'risky',
      description: 'Risks.',
      input: { type: 'object' },
      approve: true,
      run: (input) => void runs.push(input),
    });
    const set = timed(() => ({
      ...options,
      tools: [risky],
      approve: () => new Promise<boolean>(() => {}),
      steps: [reply(toolUse('risky', {}, { id: 'toolu_1' })), reply('Fine.')],
    }));
    const stopped = await playIt(set);
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(story(stopped.events).slice(-3)).toEqual([
      'approval-request: risky',
      'tool-end: risky cancelled',
      `run-end: ${outcome}`,
    ]);
    expect(runs).toEqual([]);
    await set.time.pass(set.agent.run('Never mind.', { messages: stopped.messages }));
    expectSound(set);
  });

  test.each(['beforeRequest', 'afterReply', 'beforeTool', 'afterTool'] as const)(
    'while the %s hook hangs',
    async (hook) => {
      const { play: playIt, options, outcome } = way(40);
      const set = timed((time) => ({
        ...options,
        tools: [stubborn(time, 'quick', 1)],
        hooks: { [hook]: () => new Promise(() => {}) },
        steps: hook === 'beforeRequest' ? [] : [reply(toolUse('quick', {}))],
      }));
      const stopped = await playIt(set);
      expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
      expect(stopped.result?.outcome).toBe(outcome);
      const next = timed((time) => ({ steps: [reply('Fine.')], tools: [stubborn(time, 'quick', 1)] }));
      await next.time.pass(next.agent.run('Go on.', { messages: stopped.messages }));
      expectSound(next);
      expectSound(set);
    },
  );
});

describe('a stop', () => {
  test('leaves tools in the queue unstarted, and waits a moment for those that heed their signal', async () => {
    const time = virtualTime();
    const heeding = defineTool({
      name: 'heeding',
      description: 'Waits, but listens.',
      effect: 'once',
      input: { type: 'object' },
      run: (_input, { signal }) =>
        new Promise<string>((resolve) => {
          signal.addEventListener('abort', () => time.after(5, () => resolve('half of it')));
        }),
    });
    const set = stage({
      time,
      tools: [heeding, stubborn(time, 'next', 1)],
      limits: { concurrency: 1 },
      steps: [reply([toolUse('heeding', {}, { id: 'toolu_1' }), toolUse('next', {}, { id: 'toolu_2' })])],
    });
    const stopped = await playAndStop({ ...set, time }, 40, (stop) => stop());
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(stopped.result?.reason).toBe('stop() was called');
    expect(story(stopped.events).slice(-4)).toEqual([
      'tool-start: heeding',
      'tool-end: heeding ok',
      'tool-end: next cancelled',
      'run-end: stopped',
    ]);
    expect(stopped.messages.at(-1)).toEqual({
      role: 'user',
      content: [
        answer('toolu_1', 'half of it', false),
        answer('toolu_2', 'The run was stopped before this call was carried out.'),
      ],
    });
    expectSound(set);
  });

  test('by a tool or a hook starts no other tool', async () => {
    const runs: string[] = [];
    const controller = new AbortController();
    const set = stage({
      tools: ['a', 'b'].map((name) =>
        defineTool({
          name,
          description: 'Runs.',
          effect: 'once',
          input: { type: 'object' },
          run: () => void runs.push(name),
        }),
      ),
      hooks: { afterReply: () => controller.abort('seen enough') },
      steps: [reply([toolUse('a', {}), toolUse('b', {})])],
    });
    const { result, events } = await play(set.agent, 'Go.', { signal: controller.signal });
    expect(result).toMatchObject({ outcome: 'stopped', reason: 'seen enough' });
    expect(runs).toEqual([]);
    expect(story(events).slice(-3)).toEqual([
      'tool-end: a cancelled',
      'tool-end: b cancelled',
      'run-end: stopped',
    ]);
    expectSound(set);
  });

  test('with an early read under way keeps the transcript without the turn', async () => {
    const reading = defineTool({
      name: 'reading',
      description: 'Reads.',
      effect: 'read',
      input: { type: 'object' },
      run: () => new Promise<string>(() => {}),
    });
    const set = timed(() => ({
      tools: [reading],
      steps: [reply([toolUse('reading', {}), text('x'.repeat(100))], { chunk: { size: 1, delayMs: 5 } })],
    }));
    const stopped = await playAndStop(set, 60, (stop) => stop());
    expect(stopped.tookMs).toBeLessThan(PROMPT_MS);
    expect(story(stopped.events).slice(-3)).toEqual([
      'tool-end: reading cancelled',
      'reply-lost: stopped',
      'run-end: stopped',
    ]);
    expect(stopped.messages).toEqual([{ role: 'user', content: 'Go.' }]);
    expectSound(set);
  });

  test('twice is a stop once, with the first reason; after the end it changes nothing', async () => {
    const set = timed((time) => ({
      tools: [stubborn(time, 'endless', 3000)],
      steps: [reply(toolUse('endless', {})), reply('Hi.')],
    }));
    const stopped = await playAndStop(set, 30, (stop) => {
      stop('first');
      stop('second');
    });
    expect(stopped.result).toMatchObject({ outcome: 'stopped', reason: 'first' });
    const stream = set.agent.stream('Again.');
    const before = await set.time.pass(stream.result);
    stream.stop();
    await stream[Symbol.asyncDispose]();
    expect(await stream.result).toBe(before);
    expect(before.outcome).toBe('completed');
    expect(set.emulator.refusals).toEqual([]);
    set.emulator.assertDone();
  });

  test('before the start sends nothing', async () => {
    const set = stage({ steps: [] });
    const { events, result } = await play(set.agent, 'Go.', { signal: AbortSignal.abort('too late') });
    expect(result).toMatchObject({ outcome: 'stopped', reason: 'too late', turns: 0, text: '' });
    expect(story(events)).toEqual(['run-start', 'input of the user', 'run-end: stopped']);
    expect(set.emulator.requests).toEqual([]);
    const stream = set.agent.stream('Go.');
    stream.stop('at once');
    expect(await stream.result).toMatchObject({ outcome: 'stopped', reason: 'at once' });
    expect(set.emulator.requests).toEqual([]);
  });

  test('by leaving the loop over the events', async () => {
    const set = stage({ steps: [reply('One two three four.', { chunk: { size: 4, delayMs: 20 } })] });
    const stream = set.agent.stream('Go.');
    for await (const event of stream) if (event.type === 'text-delta') break;
    expect(await stream.result).toMatchObject({
      outcome: 'stopped',
      reason: 'the reader left',
      text: 'One ',
    });
    expectSound(set);
  });

  test('by leaving the scope of the stream', async () => {
    const set = timed((time) => ({
      tools: [stubborn(time, 'endless', 3000)],
      steps: [reply(toolUse('endless', {}))],
    }));
    let left: Promise<unknown> | undefined;
    const run = async (): Promise<void> => {
      await using stream = set.agent.stream('Go.');
      left = stream.result;
      await set.time.sleep(40);
    };
    await set.time.pass(run());
    expect(set.time.now()).toBeLessThan(40 + PROMPT_MS);
    expect(await left).toMatchObject({ outcome: 'stopped', reason: 'the stream was disposed of' });
    expectSound(set);
  });

  test.each([
    ['the global fetch', undefined],
    ['httpFetch', httpFetch],
  ])('closes the connection over HTTP, by %s', ON_TIME, async (_name, fetch) => {
    const slow = reply(LONG, { chunk: { size: 5, delayMs: 10 } });
    await using server = await startEmulator({ respond: script([slow]) });
    const set = stage({ client: clientOf(server.url, fetch && { fetch }) });
    const stream = set.agent.stream('Go.');
    let stoppedAt = Infinity;
    for await (const event of stream) {
      if (event.type !== 'text-delta' || stoppedAt < Infinity) continue;
      stoppedAt = performance.now();
      stream.stop();
    }
    const { text: told } = await stream.result;
    expect(performance.now() - stoppedAt).toBeLessThan(PROMPT_MS);
    expect(told).toMatch(/^Once/);
    await expect.poll(() => server.emulator.requests[0]?.ended).toBe('aborted');
    expectSound(server);
  });

  test('under way keeps finished thinking turns exactly as they were', async () => {
    const set = timed((time) => ({
      tools: [stubborn(time, 'quick', 1), stubborn(time, 'endless', 3000)],
      steps: [
        reply([thinking('First.'), toolUse('quick', {})]),
        reply([thinking('Then.'), toolUse('endless', {})]),
        reply([thinking('Now.'), text('Fine.')]),
      ],
    }));
    const stopped = await playAndStop(set, 60, (stop) => stop());
    await set.time.pass(set.agent.run('Go on.', { messages: stopped.messages }));
    expect(conversations(set.emulator)).toHaveLength(3);
    expectSound(set);
  });
});

test('a signal that lives long has no listener left after 400 runs', async () => {
  const { signal } = new AbortController();
  const time = virtualTime();
  const look = defineTool({
    name: 'look',
    description: 'Looks.',
    effect: 'read',
    input: { type: 'object' },
    run: () => 'x',
  });
  const emulator = createEmulator({
    record: false,
    respond: (request) => (request.body.messages.length > 1 ? reply('Done.') : reply(toolUse('look', {}))),
  });
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    tools: [look],
    client: clientOf(emulator.fetch),
    seams: time.seams,
  });
  for (let batch = 0; batch < 10; batch += 1) {
    const runs = Array.from({ length: 40 }, (_, index) =>
      index % 2 === 0 ? agent.run('Go.', { signal }) : agent.stream('Go.', { signal }).result,
    );
    expect(new Set((await Promise.all(runs)).map(({ outcome }) => outcome))).toEqual(new Set(['completed']));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }
});
