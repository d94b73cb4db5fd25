import { fault, reply, type Step, text, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, defineTool, type Hooks, type ToolOptions } from '../../src/index.ts';
import { answered, assistant, called, failed, said, user } from '../support/agent-under-test.ts';
import { conversations, endOf, expectSound, play, stage, story } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

const key = z.object({ key: z.string() });
type Key = typeof key;

/** Tools whose runs are noted with the time: `look` reads, `change` writes. */
function tools(time: VirtualTime, more: Partial<ToolOptions<Key>> = {}, ms = 5) {
  const log: string[] = [];
  const make = (name: string, options: Partial<ToolOptions<Key>>) =>
    defineTool({
      name,
      description: 'Notes its runs.',
      input: key,
      async run(input, ctx) {
        log.push(`${time.now()} ${ctx.callId} begins`);
        ctx.signal.addEventListener('abort', () => {
          log.push(`${time.now()} ${ctx.callId} is aborted: ${(ctx.signal.reason as Error).message}`);
        });
        await time.sleep(ms, ctx.signal);
        if (!ctx.signal.aborted) log.push(`${time.now()} ${ctx.callId} ends`);
        return `${name} ${input.key}`;
      },
      ...options,
      ...more,
    });
  const look = make('look', { effect: 'read', access: (input) => ({ reads: [input.key] }) });
  const change = make('change', { access: (input) => ({ writes: [input.key] }) });
  return { log, tools: [look, change] };
}

const use = (name: string, id: string, value = 'k') => toolUse(name, { key: value }, { id });
/** Every event of the stream takes 10 ms: a block with one delta takes 30. */
const slowly = { chunk: { delayMs: 10, pings: false, size: 100 } };
const filler = text('The rest of a long reply.');

async function run(
  steps: readonly Step[],
  time: VirtualTime,
  given: ReturnType<typeof tools>,
  more: object = {},
) {
  const set = stage({ tools: given.tools, time, steps, ...more });
  const played = await time.pass(play(set.agent));
  expectSound(set);
  return { ...set, ...played };
}

const kinds = (events: readonly AgentEvent[]) =>
  story(events).filter((line) => !/^(text|input of look|input of change):/.test(line));

describe('while the reply still streams', () => {
  test('a read tool runs as soon as its input is complete; any other waits for the stop reason', async () => {
    const time = virtualTime();
    const given = tools(time);
    const set = await run(
      [
        reply([use('look', 'r1', 'a'), use('change', 'w1', 'b'), use('look', 'r2', 'c'), filler], {
          ...slowly,
          stopReason: 'tool_use',
        }),
        reply('Done.'),
      ],
      time,
      given,
    );
    expect(given.log).toEqual([
      '30 r1 begins',
      '35 r1 ends',
      '90 r2 begins',
      '95 r2 ends',
      '140 w1 begins',
      '145 w1 ends',
    ]);
    expect(kinds(set.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'tool-start: look',
      'tool-end: look ok',
      'tool-start: look',
      'tool-end: look ok',
      'reply: tool_use',
      'tool-start: change',
      'tool-end: change ok',
      'request 2.1',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(conversations(set.emulator)[1]).toEqual([
      user('Go.'),
      assistant(
        called('look', { key: 'a' }, 'r1'),
        called('change', { key: 'b' }, 'w1'),
        called('look', { key: 'c' }, 'r2'),
        said('The rest of a long reply.'),
      ),
      user([answered('r1', 'look a'), answered('w1', 'change b'), answered('r2', 'look c')]),
    ]);
  });

  test('a read that conflicts with an earlier waiting write waits with it; one that does not passes it', async () => {
    const time = virtualTime();
    const given = tools(time);
    await run(
      [
        reply([use('change', 'w1', 'a'), use('look', 'r1', 'a'), use('look', 'r2', 'b'), filler], {
          ...slowly,
          stopReason: 'tool_use',
        }),
        reply('Done.'),
      ],
      time,
      given,
    );
    expect(given.log).toEqual([
      '90 r2 begins',
      '95 r2 ends',
      '140 w1 begins',
      '145 w1 ends',
      '145 r1 begins',
      '150 r1 ends',
    ]);
  });

  test('a read tool that may need approval waits', async () => {
    const time = virtualTime();
    const given = tools(time, { approve: () => false });
    await run(
      [reply([use('look', 'r1'), filler], { ...slowly, stopReason: 'tool_use' }), reply('Done.')],
      time,
      given,
    );
    expect(given.log).toEqual(['80 r1 begins', '85 r1 ends']);
  });
});

describe('a reply that does not ask for its tools after all runs none of the waiting ones', () => {
  const steps = (stopReason: string) => [
    reply([use('look', 'r1', 'a'), use('change', 'w1', 'b'), filler], { ...slowly, stopReason }),
  ];

  test.each([
    ['max_tokens', 'truncated', 'truncated'],
    ['model_context_window_exceeded', 'context-full', 'context-full'],
    ['end_turn', 'completed', 'final'],
  ])(
    '%s: what ran early keeps its result, what waited is cancelled [stop-reason/max-tokens]',
    async (stopReason, outcome, word) => {
      const time = virtualTime();
      const given = tools(time);
      const { result, messages } = await run(steps(stopReason), time, given);
      expect(result?.outcome).toBe(outcome);
      expect(given.log).toEqual(['30 r1 begins', '35 r1 ends']);
      expect(messages).toEqual([
        user('Go.'),
        assistant(
          called('look', { key: 'a' }, 'r1'),
          called('change', { key: 'b' }, 'w1'),
          said('The rest of a long reply.'),
        ),
        user([
          answered('r1', 'look a'),
          failed('w1', `This call was not run: the reply that asked for it was ${word}.`),
        ]),
      ]);
    },
  );

  test('a refusal: nothing waiting runs and the turn is dropped [stop-reason/refusal]', async () => {
    const time = virtualTime();
    const given = tools(time);
    const { result, messages } = await run(steps('refusal'), time, given);
    expect(result?.outcome).toBe('refused');
    expect(given.log).toEqual(['30 r1 begins', '35 r1 ends']);
    expect(messages).toEqual([user('Go.')]);
  });

  test('an unknown stop reason: the run fails, and nothing waiting has run [stop-reason/unknown]', async () => {
    const time = virtualTime();
    const given = tools(time);
    const played = await run(steps('sunset'), time, given);
    expect(endOf(played)).toBe('unknown-stop-reason');
    expect(given.log).toEqual(['30 r1 begins', '35 r1 ends']);
  });
});

describe('a reply that is lost', () => {
  const whole = [use('look', 'r1', 'a'), use('change', 'w1', 'b'), filler];
  const next = [use('look', 'r2', 'a'), use('change', 'w2', 'b')];
  const request = [
    user('Go.'),
    assistant(called('look', { key: 'a' }, 'r2'), called('change', { key: 'b' }, 'w2')),
    user([answered('r2', 'look a'), answered('w2', 'change b')]),
  ];

  test('takes its early results with it: only the calls of the next try count, and none that waited ran [broken/cut] [broken/turn-retry]', async () => {
    const time = virtualTime();
    const given = tools(time);
    const cut = reply(whole, { ...slowly, fault: fault.cut({ afterEvents: 8 }) });
    const set = await run([cut, reply(next), reply('Done.')], time, given);
    expect(given.log.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
      'r1 begins',
      'r1 ends',
      'r2 begins',
      'w2 begins',
      'r2 ends',
      'w2 ends',
    ]);
    expect(kinds(set.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'tool-start: look',
      'tool-end: look ok',
      'reply-lost: stream-broken',
      'wait: retry 500',
      'retry turn 2',
      'request 1.2',
      'tool-start: look',
      'reply: tool_use',
      'tool-start: change',
      'tool-end: look ok',
      'tool-end: change ok',
      'request 2.1',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(conversations(set.emulator)[2]).toEqual(request);
  });

  test('aborts what it started early and is still running', async () => {
    const time = virtualTime();
    const given = tools(time, {}, 50);
    const cut = reply(whole, { ...slowly, fault: fault.cut({ afterEvents: 6 }) });
    const set = await run([cut, reply(next), reply('Done.')], time, given);
    expect(given.log.slice(0, 2)).toEqual([
      '30 r1 begins',
      expect.stringMatching(/^\d+ r1 is aborted: the reply that asked for this call was lost$/),
    ]);
    expect(kinds(set.events).slice(3, 6)).toEqual([
      'tool-start: look',
      'tool-end: look cancelled',
      'reply-lost: stream-broken',
    ]);
    expect(conversations(set.emulator)[2]).toEqual(request);
  });

  test('is not waited for by a tool that ignores its signal, and what that one gives later is nowhere', async () => {
    const time = virtualTime();
    const look = defineTool({
      name: 'look',
      description: 'Ignores its signal.',
      input: key,
      effect: 'read',
      run: (input, ctx) =>
        time.sleep(ctx.callId === 'r1' ? 2000 : 1).then(() => `look ${input.key} for ${ctx.callId}`),
    });
    const cut = reply([use('look', 'r1'), filler], { ...slowly, fault: fault.cut({ afterEvents: 5 }) });
    const slow = reply([use('look', 'r2')], { delayMs: 3000 });
    const seen: string[] = [];
    const hooks: Hooks = { afterTool: (call) => void seen.push(call.callId) };
    const set = await run([cut, slow, reply('Done.')], time, { log: [], tools: [look] as never }, { hooks });
    expect(seen).toEqual(['r2']);
    expect(conversations(set.emulator)[2]).toEqual([
      user('Go.'),
      assistant(called('look', { key: 'k' }, 'r2')),
      user([answered('r2', 'look k for r2')]),
    ]);
    expect(
      set.events.flatMap((event) => (event.type === 'tool-end' ? [[event.callId, event.outcome]] : [])),
    ).toEqual([
      ['r1', 'cancelled'],
      ['r2', 'ok'],
    ]);
  });
});
