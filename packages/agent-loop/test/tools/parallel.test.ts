import { reply } from '@pawl/emulator';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, defineTool, type ToolAccess } from '../../src/index.ts';
import { answered, assistant, called, calling, said, turnOf, user } from '../support/agent-under-test.ts';
import { conversations, expectSound, play, stage, story } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

const job = z.object({
  ms: z.number(),
  reads: z.array(z.string()).optional(),
  writes: z.array(z.string()).optional(),
});

/** A tool that takes as long as its input says, and notes when it began and ended. */
function worker(time: VirtualTime, name = 'work') {
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const tool = defineTool({
    name,
    description: 'Works.',
    input: job,
    access: ({ reads, writes }): ToolAccess => ({ ...(reads && { reads }), ...(writes && { writes }) }),
    async run({ ms }, { callId }) {
      running += 1;
      most = Math.max(most, running);
      log.push(`${time.now()} ${callId} begins`);
      await time.sleep(ms);
      log.push(`${time.now()} ${callId} ends`);
      running -= 1;
      return callId;
    },
  });
  return { tool, log, most: () => most };
}

const ends = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.type === 'tool-end' ? [event.callId] : []));

describe('all calls of a turn run at the same time [results/parallel]', () => {
  test('ends are told as they come; results go back in call order, in one user message [results/call-order] [results/one-message] [results/first]', async () => {
    const time = virtualTime();
    const { tool } = worker(time);
    const set = stage({
      tools: [tool],
      time,
      steps: [
        reply(calling(['work', { ms: 30 }], ['work', { ms: 10 }], ['work', { ms: 20 }])),
        reply('Done.'),
      ],
    });
    const { events, messages } = await time.pass(play(set.agent));
    expect(story(events).filter((line) => !line.startsWith('input of work'))).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'reply: tool_use',
      'tool-start: work',
      'tool-start: work',
      'tool-start: work',
      'tool-end: work ok',
      'tool-end: work ok',
      'tool-end: work ok',
      'request 2.1',
      'text: Done.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(ends(events)).toEqual(['call_2', 'call_3', 'call_1']);
    const calls = assistant(
      called('work', { ms: 30 }, 'call_1'),
      called('work', { ms: 10 }, 'call_2'),
      called('work', { ms: 20 }, 'call_3'),
    );
    const results = user([
      answered('call_1', 'call_1'),
      answered('call_2', 'call_2'),
      answered('call_3', 'call_3'),
    ]);
    expect(conversations(set.emulator)).toEqual([[user('Go.')], [user('Go.'), calls, results]]);
    expect(messages).toEqual([user('Go.'), calls, results, assistant(said('Done.'))]);
    expect(time.now()).toBe(30);
    expectSound(set);
  });

  test('start and end of a call are told with all that is known of it', async () => {
    const time = virtualTime();
    const { tool } = worker(time);
    const { events, result } = await turnOf([tool], [['work', { ms: 5 }]], { time });
    const base = { runId: result?.runId, agent: 'agent', turn: 1, callId: 'call_1', tool: 'work' };
    expect(events.filter(({ type }) => type === 'tool-start' || type === 'tool-end')).toEqual([
      {
        ...base,
        type: 'tool-start',
        seq: 4,
        at: time.seams.now() - 5,
        input: { ms: 5 },
        effect: 'once',
        attempt: 1,
        idempotencyKey: `${result?.runId}:call_1`,
      },
      {
        ...base,
        type: 'tool-end',
        seq: 5,
        at: time.seams.now(),
        outcome: 'ok',
        content: 'call_1',
        durationMs: 5,
      },
    ]);
  });

  test('progress is told as it comes, and not kept', async () => {
    const time = virtualTime();
    const tool = defineTool({
      name: 'work',
      description: 'Tells how far it is.',
      input: z.object({}),
      async run(_, ctx) {
        ctx.progress('half');
        await time.sleep(10);
        ctx.progress('whole');
      },
    });
    const { events } = await turnOf([tool], [['work']], { time });
    const told = story(events);
    expect(told.slice(told.indexOf('tool-start: work'), told.indexOf('request 2.1'))).toEqual([
      'tool-start: work',
      'tool-progress: work: half',
      'tool-progress: work: whole',
      'tool-end: work ok',
    ]);
    expect(events.filter(({ type }) => type === 'tool-progress').some((event) => 'seq' in event)).toBe(false);
  });
});

describe('limits.concurrency', () => {
  test.each([
    [1, 80],
    [3, 30],
    [8, 10],
  ])('%i calls at a time: eight of 10 ms take %i ms', async (concurrency, total) => {
    const time = virtualTime();
    const { tool, most } = worker(time);
    const calls = Array.from({ length: 8 }, () => ['work', { ms: 10 }] as const);
    await turnOf([tool], calls, { time, limits: { concurrency } });
    expect(most()).toBe(concurrency);
    expect(time.now()).toBe(total);
  });

  test('is 8 where nothing is said', async () => {
    const time = virtualTime();
    const { tool, most } = worker(time);
    await turnOf(
      [tool],
      Array.from({ length: 20 }, () => ['work', { ms: 10 }] as const),
      { time },
    );
    expect(most()).toBe(8);
  });

  test('a call that waits for another takes no place', async () => {
    const time = virtualTime();
    const { tool, log } = worker(time);
    const write = { ms: 10, writes: ['k'] };
    await turnOf(
      [tool],
      [
        ['work', write],
        ['work', write],
        ['work', write],
        ['work', { ms: 10 }],
      ],
      {
        time,
        limits: { concurrency: 2 },
      },
    );
    expect(log.slice(0, 2)).toEqual(['0 call_1 begins', '0 call_4 begins']);
    expect(time.now()).toBe(30);
  });

  test('the time that a call waits does not count against its timeout', async () => {
    const time = virtualTime();
    const tool = defineTool({
      name: 'work',
      description: 'Works.',
      input: z.object({}),
      timeoutMs: 15,
      run: () => time.sleep(10).then(() => 'done'),
    });
    const { results } = await turnOf([tool], [['work'], ['work'], ['work']], {
      time,
      limits: { concurrency: 1 },
    });
    expect(results).toEqual([
      answered('call_1', 'done'),
      answered('call_2', 'done'),
      answered('call_3', 'done'),
    ]);
  });
});

describe('access keys', () => {
  const read = (...reads: string[]) => ['work', { ms: 10, reads }] as const;
  const write = (...writes: string[]) => ['work', { ms: 10, writes }] as const;

  test.each([
    ['reads of one key run together', [read('a'), read('a')], ['0 1', '0 2']],
    ['a write waits for an earlier read', [read('a'), write('a')], ['0 1', '10 2']],
    ['a read waits for an earlier write', [write('a'), read('a')], ['0 1', '10 2']],
    ['writes run in call order', [write('a'), write('a'), write('a')], ['0 1', '10 2', '20 3']],
    ['writes of different keys run together', [write('a'), write('b')], ['0 1', '0 2']],
    ['one common key is enough', [write('a', 'b'), write('b', 'c'), write('c')], ['0 1', '10 2', '20 3']],
    [
      'what conflicts with nothing passes what waits',
      [write('a'), read('a'), read('b')],
      ['0 1', '0 3', '10 2'],
    ],
    ['a call without keys waits for nothing', [write('a'), ['work', { ms: 10 }] as const], ['0 1', '0 2']],
    [
      'reads between writes run together, after the one and before the other',
      [write('a'), read('a'), read('a'), write('a')],
      ['0 1', '10 2', '10 3', '20 4'],
    ],
  ])('%s', async (_, calls, begins) => {
    const time = virtualTime();
    const { tool, log } = worker(time);
    await turnOf([tool], calls, { time });
    const began = log.filter((line) => line.endsWith('begins'));
    expect(began.map((line) => line.replace(' call_', ' ').replace(' begins', ''))).toEqual(begins);
  });

  test('hold between different tools, and past a call that failed', async () => {
    const time = virtualTime();
    const { tool, log } = worker(time);
    const failing = defineTool({
      name: 'fail',
      description: 'Fails.',
      input: z.object({}),
      access: () => ({ writes: ['a'] }),
      async run() {
        await time.sleep(5);
        throw new Error('boom');
      },
    });
    await turnOf([tool, failing], [['fail'], ['work', { ms: 1, reads: ['a'] }]], { time });
    expect(log).toEqual(['5 call_2 begins', '6 call_2 ends']);
  });

  test('an access that throws is an error of that call alone', async () => {
    const time = virtualTime();
    const { tool } = worker(time);
    const odd = defineTool({
      name: 'odd',
      description: 'Cannot name its keys.',
      input: z.object({}),
      access() {
        throw new Error('no key');
      },
      run: () => 'ran',
    });
    const { results } = await turnOf([tool, odd], [['odd'], ['work', { ms: 1 }]], { time });
    expect(results).toEqual([
      {
        ...answered('call_1', 'The input could not be checked. Nothing was run: no key'),
        is_error: true,
      },
      answered('call_2', 'call_2'),
    ]);
  });

  test.each([
    ['a text for a list', { writes: 'abc' }, '{ writes: "abc" }'],
    ['a list that is no keys', { reads: ['a', 1] }, '{ reads: a list }'],
    ['a misspelt list', { write: ['a'] }, '{ write: a list }'],
    ['a list', ['a'], 'a list'],
    ['a promise of no keys', Promise.resolve('a'), '"a"'],
  ])('an access of %s is an error that says what is expected', async (_, access, given) => {
    const odd = defineTool({
      name: 'odd',
      description: 'Cannot name its keys.',
      input: z.object({}),
      access: () => access as ToolAccess,
      run: () => 'ran',
    });
    const { results } = await turnOf([odd], [['odd']]);
    expect(results).toEqual([
      {
        ...answered(
          'call_1',
          `The input could not be checked. Nothing was run: access returned ${given}, not { reads, writes } with lists of texts`,
        ),
        is_error: true,
      },
    ]);
  });

  test('may be asynchronous, and hold as others do', async () => {
    const time = virtualTime();
    const { tool, log } = worker(time);
    const slow = defineTool({
      name: 'slow',
      description: 'Looks its keys up.',
      input: z.object({}),
      access: async () => ({ writes: ['a'] }),
      run: () => time.sleep(5),
    });
    await turnOf([tool, slow], [['slow'], ['work', { ms: 1, reads: ['a'] }]], { time });
    expect(log).toEqual(['5 call_2 begins', '6 call_2 ends']);
  });

  test('whatever the calls, conflicting ones never overlap, run in call order, and none is lost', async () => {
    const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 });
    const calls = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 5 }), reads: keys, writes: keys }), {
      minLength: 1,
      maxLength: 8,
    });
    const property = fc.asyncProperty(calls, fc.integer({ min: 1, max: 4 }), async (inputs, concurrency) => {
      const time = virtualTime();
      const { tool, log, most } = worker(time);
      const { results } = await turnOf(
        [tool],
        inputs.map((input) => ['work', input] as const),
        { time, limits: { concurrency } },
      );
      expect(results).toEqual(inputs.map((_, index) => answered(`call_${index + 1}`, `call_${index + 1}`)));
      expect(most()).toBeLessThanOrEqual(concurrency);
      for (const [later, one] of inputs.entries()) {
        for (const [earlier, other] of inputs.slice(0, later).entries()) {
          const meet = one.writes.some((key) => [...other.reads, ...other.writes].includes(key));
          if (!meet && !other.writes.some((key) => one.reads.includes(key))) continue;
          const ended = log.findIndex((line) => line.endsWith(`call_${earlier + 1} ends`));
          const began = log.findIndex((line) => line.endsWith(`call_${later + 1} begins`));
          expect(began).toBeGreaterThan(ended);
        }
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
