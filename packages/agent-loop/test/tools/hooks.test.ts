import { reply, type StepFunction, text, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, createBudget, defineTool, type Hooks } from '../../src/index.ts';
import { answered, calling, failed, turnOf } from '../support/agent-under-test.ts';
import { endOf, expectSound, play, stage, story } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

/** A tool that notes what it ran with. */
function noted() {
  const ran: unknown[] = [];
  const tool = defineTool({
    name: 'note',
    description: 'Notes.',
    input: z.object({ n: z.number().default(1) }),
    run(input) {
      ran.push(input);
      return `noted ${input.n}`;
    },
  });
  return { tool, ran };
}

describe('every hook', () => {
  test('is called in its place, with what it is about', async () => {
    const { tool } = noted();
    const calls: unknown[] = [];
    const events: AgentEvent[] = [];
    const hooks: Hooks = {
      beforeRequest: (request) => void calls.push(['beforeRequest', request]),
      afterReply: (given) => void calls.push(['afterReply', given]),
      beforeTool: (call) => void calls.push(['beforeTool', call]),
      afterTool: (call) => void calls.push(['afterTool', call]),
      onEvent: (event) => void events.push(event),
    };
    const set = stage({
      tools: [tool],
      hooks,
      system: 'Be brief.',
      steps: [reply([text('Let me.'), ...calling(['note', {}])]), reply('Done.')],
    });
    const played = await play(set.agent);
    const { result } = played;
    const runId = result?.runId;
    const call = { callId: 'call_1', tool: 'note', input: { n: 1 }, agent: 'agent', runId };
    const { messages: _, ...params } = set.emulator.requests[0]?.body ?? { messages: [] };
    const replies = played.events.flatMap((event) => (event.type === 'reply' ? [event.message] : []));
    expect(calls).toEqual([
      ['beforeRequest', { runId, turn: 1, attempt: 1, params }],
      ['afterReply', { runId, turn: 1, message: replies[0] }],
      ['beforeTool', call],
      ['afterTool', { ...call, outcome: 'ok', content: 'noted 1' }],
      ['beforeRequest', { runId, turn: 2, attempt: 1, params }],
      ['afterReply', { runId, turn: 2, message: replies[1] }],
    ]);
    expect(events).toEqual(played.events);
    expectSound(set);
  });

  test('may be asynchronous, and is waited for', async () => {
    const time = virtualTime();
    const { tool } = noted();
    const wait = () => time.sleep(10);
    const hooks: Hooks = { beforeRequest: wait, afterReply: wait, beforeTool: wait, afterTool: wait };
    await turnOf([tool], [['note']], { time, hooks });
    expect(time.now()).toBe(60);
  });
});

describe('beforeRequest', () => {
  const greedy: StepFunction = ({ body }) => {
    const usage = { output_tokens: body.max_tokens };
    return body.tool_choice?.type === 'none'
      ? reply('What I have.', { usage })
      : reply(toolUse('note', {}), { usage });
  };

  test('is called once for each request that is sent, with what is sent, where a budget cuts it down or refuses it', async () => {
    const seen: unknown[] = [];
    const hooks: Hooks = {
      beforeRequest: ({ turn, params }) => void seen.push([turn, params.max_tokens, params.tool_choice]),
    };
    const set = stage({
      tools: [noted().tool],
      hooks,
      maxTokens: 4000,
      limits: { usd: 0.1 },
      world: { respond: greedy },
    });
    const { result } = await play(set.agent);
    expect(result?.outcome).toBe('budget-limit');
    const sent = set.emulator.requests.filter(({ path }) => path === '/v1/messages');
    expect(sent.length).toBeGreaterThan(2);
    expect(seen).toEqual(sent.map(({ body }, index) => [index + 1, body?.max_tokens, body?.tool_choice]));
  });

  test('gives its place back where it throws, or where the run is stopped meanwhile', async () => {
    const budget = createBudget({ usd: 1 });
    const boom: Hooks = {
      beforeRequest() {
        throw new Error('boom');
      },
    };
    const { error } = await play(stage({ hooks: boom, budget }).agent);
    expect(error?.code).toBe('hook-failed');
    const hang: Hooks = { beforeRequest: () => new Promise(() => {}) };
    const stopped = await play(stage({ hooks: hang, budget }).agent, 'Go.', {}, (stream) => {
      setTimeout(() => stream.stop(), 5);
    });
    expect(stopped.result?.outcome).toBe('stopped');
    expect(stopped.events.map(({ type }) => type)).not.toContain('request');
    expect(await budget.state()).toMatchObject({ usd: 0, lostUsd: 0, reservedUsd: 0 });
  });
});

describe('beforeTool', () => {
  test.each<[string, Hooks['beforeTool'], unknown, number]>([
    [
      'denies with a reason',
      () => ({ deny: 'not today' }),
      failed('call_1', 'This call was denied: not today'),
      0,
    ],
    ['answers in its place', () => ({ result: { cached: true } }), answered('call_1', '{"cached":true}'), 0],
    ['answers with nothing in its place', () => ({ result: undefined }), answered('call_1', ''), 0],
    ['lets it pass', () => undefined, answered('call_1', 'noted 1'), 1],
    [
      'fails',
      () => {
        throw new Error('no policy, token=abc123xyz');
      },
      failed('call_1', 'The call was not run: the beforeTool hook failed: no policy, token=[secret]'),
      0,
    ],
    [
      'rejects',
      () => Promise.reject(new Error('no policy')),
      failed('call_1', 'The call was not run: the beforeTool hook failed: no policy'),
      0,
    ],
    ['says nothing by a condition', () => false as never, answered('call_1', 'noted 1'), 1],
    [
      'answers with what is no verdict',
      () => ({ allow: false }) as never,
      failed(
        'call_1',
        'The call was not run: the beforeTool hook failed: it returned { allow: false }, not { deny: reason }, { result } or nothing',
      ),
      0,
    ],
    [
      'answers with a yes, which is no verdict',
      () => true as never,
      failed(
        'call_1',
        'The call was not run: the beforeTool hook failed: it returned true, not { deny: reason }, { result } or nothing',
      ),
      0,
    ],
    [
      'answers with what is no JSON',
      () => ({ result: 1n as never }),
      failed(
        'call_1',
        'The call was not run: the beforeTool hook failed: The tool returned a bigint, which JSON cannot hold. Return a string, a JSON value or content blocks.',
      ),
      0,
    ],
  ])('%s', async (_, beforeTool, result, runs) => {
    const { tool, ran } = noted();
    const hooks: Hooks = { ...(beforeTool && { beforeTool }) };
    const { results } = await turnOf([tool], [['note']], { hooks });
    expect(results).toEqual([result]);
    expect(ran).toHaveLength(runs);
  });

  test('what it denies was never started and asks nobody', async () => {
    const { tool } = noted();
    const asking = defineTool({
      name: 'ask',
      description: 'Asks.',
      input: z.object({}),
      approve: true,
      run: () => '',
    });
    const { events } = await turnOf([tool, asking], [['note'], ['ask']], {
      hooks: { beforeTool: () => ({ deny: 'no' }) },
    });
    expect(
      events.flatMap((event) => (event.type.startsWith('tool-') && 'callId' in event ? [event.type] : [])),
    ).toEqual(['tool-input-delta', 'tool-input-delta', 'tool-end', 'tool-end']);
    expect(story(events).some((line) => line.startsWith('approval'))).toBe(false);
  });
});

describe('afterTool', () => {
  test.each<[string, unknown, unknown]>([
    ['nothing', undefined, answered('call_1', 'noted 1')],
    ['nothing by a condition', false, answered('call_1', 'noted 1')],
    ['nothing in its place', { result: undefined }, answered('call_1', '')],
    ...[
      ['a yes', true, 'true'] as const,
      ['the text itself', 'short', '"short"'] as const,
      ['a content that is named otherwise', { content: 'short' }, '{ content: "short" }'] as const,
    ].map(
      ([what, verdict, got]) =>
        [
          what,
          verdict,
          failed(
            'call_1',
            `The tool has run, but the afterTool hook failed, so its result is not shown: it returned ${got}, not { result } or nothing`,
          ),
        ] satisfies [string, unknown, unknown],
    ),
  ])('returns %s', async (_, verdict, result) => {
    const { results } = await turnOf([noted().tool], [['note']], {
      hooks: { afterTool: () => verdict as never },
    });
    expect(results).toEqual([result]);
  });

  test('replaces what the model reads, of errors too; the outcome stays', async () => {
    const { tool } = noted();
    const seen: [string, string, unknown][] = [];
    const broken = defineTool({
      name: 'broken',
      description: 'Fails.',
      input: z.object({}),
      run() {
        throw new Error('boom');
      },
    });
    const hooks: Hooks = {
      afterTool({ tool: name, outcome, content }) {
        seen.push([name, outcome, content]);
        return { result: `${name}: looked at` };
      },
    };
    const { results, events } = await turnOf([tool, broken], [['note'], ['broken']], { hooks });
    expect(results).toEqual([answered('call_1', 'note: looked at'), failed('call_2', 'broken: looked at')]);
    expect(seen.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ['broken', 'error', 'Error: boom'],
      ['note', 'ok', 'noted 1'],
    ]);
    const told = events.flatMap((event) => (event.type === 'tool-end' ? [event.content] : []));
    expect(new Set(told)).toEqual(new Set(['broken: looked at', 'note: looked at']));
  });

  test('may give blocks; in place of an error only their text, as the API wants errors to be', async () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://a.local/a.png' } } as const;
    const { tool } = noted();
    const hooks: Hooks = { afterTool: () => ({ result: [{ type: 'text', text: 'see' }, image] }) };
    const { results } = await turnOf([tool], [['note'], ['note', { n: 'one' }]], { hooks });
    expect((results as unknown[])[0]).toEqual(answered('call_1', [{ type: 'text', text: 'see' }, image]));
    const broken = defineTool({
      name: 'broken',
      description: 'Fails.',
      input: z.object({}),
      run() {
        throw new Error('boom');
      },
    });
    expect(await turnOf([broken], [['broken']], { hooks })).toMatchObject({
      results: [
        failed('call_1', [
          { type: 'text', text: 'see' },
          { type: 'text', text: '[A block of type image is left out.]' },
        ]),
      ],
    });
  });

  test('sees a call that timed out once, and not what it gives later', async () => {
    const time = virtualTime();
    const seen: unknown[] = [];
    const slow = defineTool({
      name: 'slow',
      description: 'Ends late.',
      input: z.object({}),
      timeoutMs: 10,
      run: () => time.sleep(30).then(() => 'late'),
    });
    const patient = defineTool({
      name: 'patient',
      description: 'Keeps the run going.',
      input: z.object({}),
      run: () => time.sleep(50).then(() => 'patient'),
    });
    const hooks: Hooks = { afterTool: ({ tool, outcome }) => void seen.push([tool, outcome, time.now()]) };
    await turnOf([slow, patient], [['slow'], ['patient']], { time, hooks });
    expect(seen).toEqual([
      ['slow', 'timeout', 10],
      ['patient', 'ok', 50],
    ]);
  });

  test('that fails is an error that says the tool has run', async () => {
    const { tool, ran } = noted();
    const hooks: Hooks = {
      afterTool() {
        throw new Error('no disk');
      },
    };
    const { results } = await turnOf([tool], [['note']], { hooks });
    expect(results).toEqual([
      failed(
        'call_1',
        'The tool has run, but the afterTool hook failed, so its result is not shown: no disk',
      ),
    ]);
    expect(ran).toHaveLength(1);
  });
});

describe('a hook that only observes ends the run where it throws', () => {
  const boom = () => {
    throw new Error('boom');
  };
  test.each<[string, Hooks, string[]]>([
    ['beforeRequest', { beforeRequest: boom }, ['run-start', 'input of the user', 'run-end: failed']],
    [
      'afterReply',
      { afterReply: boom },
      ['run-start', 'input of the user', 'request 1.1', 'text: Hello.', 'reply: end_turn', 'run-end: failed'],
    ],
  ])('%s', async (name, hooks, events) => {
    const set = stage({ hooks, steps: name === 'beforeRequest' ? [] : [reply('Hello.')] });
    const played = await play(set.agent);
    expect(endOf(played)).toBe('hook-failed');
    expect(played.error?.message).toBe(`The ${name} hook failed: boom`);
    expect(played.error?.cause).toEqual(new Error('boom'));
    expect(story(played.events)).toEqual(events);
    expectSound(set);
  });

  test('onEvent', async () => {
    const set = stage({
      hooks: {
        onEvent(event) {
          if (event.type === 'reply') throw new Error('boom');
        },
      },
      steps: [reply('Hello.')],
    });
    const played = await play(set.agent);
    expect(endOf(played)).toBe('hook-failed');
    expect(played.error?.message).toBe('The onEvent hook failed: boom');
    expectSound(set);
  });
});
