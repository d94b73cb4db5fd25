import { reply } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type AgentOptions,
  type ApprovalDecision,
  createAgent,
  defineTool,
  type ToolCall,
} from '../../src/index.ts';
import {
  answered,
  assistant,
  called,
  calling,
  failed,
  gate,
  said,
  turnOf,
  user,
} from '../support/agent-under-test.ts';
import { conversations, expectSound, play, stage, story } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

/** A tool with an effect that notes what it ran with. */
function removal(approve: boolean | ((input: { path: string }) => boolean) = true) {
  const ran: unknown[] = [];
  const tool = defineTool({
    name: 'remove',
    description: 'Removes a file.',
    input: z.object({ path: z.string(), force: z.boolean().default(false) }),
    approve,
    run(input) {
      ran.push(input);
      return `removed ${input.path}`;
    },
  });
  return { tool, ran };
}
const plain = defineTool({
  name: 'plain',
  description: 'Needs nobody.',
  input: z.object({}),
  run: () => 'plain',
});

const remove = (path: string) => ['remove', { path }] as const;

describe('a decision', () => {
  test.each<[string, ApprovalDecision, unknown, unknown[]]>([
    ['true', true, answered('call_1', 'removed a'), [{ path: 'a', force: false }]],
    ['allow', { allow: true }, answered('call_1', 'removed a'), [{ path: 'a', force: false }]],
    ['false', false, failed('call_1', 'This call was denied.'), []],
    ['deny', { allow: false }, failed('call_1', 'This call was denied.'), []],
    [
      'deny with a reason the model reads',
      { allow: false, reason: 'not on a Friday' },
      failed('call_1', 'This call was denied: not on a Friday'),
      [],
    ],
    [
      "allow with another input, checked like the model's own",
      { allow: true, input: { path: 'b' } },
      answered('call_1', 'removed b'),
      [{ path: 'b', force: false }],
    ],
    [
      'allow with an input that does not fit',
      { allow: true, input: { path: 7 } },
      failed(
        'call_1',
        "The input does not fit the tool's schema. Nothing was run. Problems:\npath: Invalid input: expected string, received number",
      ),
      [],
    ],
  ])('%s', async (_, decision, result, inputs) => {
    const { tool, ran } = removal();
    const { results } = await turnOf([tool], [remove('a')], { approve: () => decision });
    expect(results).toEqual([result]);
    expect(ran).toEqual(inputs);
  });

  test.each<[string, unknown, string]>([
    ['nothing, as where a return is forgotten', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'yes', '"yes"'],
    ['an object without allow', {}, '{}'],
    ['an object that names it otherwise', { approved: true }, '{ approved: true }'],
    ['an allow that is neither true nor false', { allow: 'yes' }, '{ allow: "yes" }'],
  ])('that is none runs nothing, and is told: %s', async (_, decision, got) => {
    const { tool, ran } = removal();
    const { results } = await turnOf([tool], [remove('a')], { approve: () => decision as never });
    expect(results).toEqual([
      failed(
        'call_1',
        `The call was not run: the approval failed: what approve returned: expected true, false or { allow: true | false, input?, reason? }, got ${got}.`,
      ),
    ]);
    expect(ran).toEqual([]);
  });

  test('may take its time; the other calls run meanwhile, and it is told as it happens', async () => {
    const { tool } = removal();
    const asked: ToolCall[] = [];
    const decision = gate<ApprovalDecision>();
    const set = stage({
      tools: [tool, plain],
      approve(call) {
        asked.push(call);
        return decision.promise;
      },
      hooks: {
        onEvent: (event) => {
          if (event.type === 'tool-end' && event.tool === 'plain')
            decision.resolve({ allow: true, input: { path: 'b' }, reason: 'b is meant' });
        },
      },
      steps: [reply(calling(remove('a'), ['plain'])), reply('Done.')],
    });
    const { events, result } = await play(set.agent);
    expect(asked).toEqual([
      {
        callId: 'call_1',
        tool: 'remove',
        input: { path: 'a' },
        agent: 'agent',
        runId: result?.runId,
      },
    ]);
    expect(story(events).slice(6, -3)).toEqual([
      'approval-request: remove',
      'tool-start: plain',
      'tool-end: plain ok',
      'approval: remove true',
      'tool-start: remove',
      'tool-end: remove ok',
      'request 2.1',
    ]);
    const base = {
      runId: result?.runId,
      agent: 'agent',
      callId: 'call_1',
      tool: 'remove',
      at: expect.any(Number) as number,
    };
    expect(events.filter(({ type }) => type.startsWith('approval'))).toEqual([
      {
        ...base,
        type: 'approval-request',
        seq: expect.any(Number) as number,
        input: { path: 'a' },
      },
      {
        ...base,
        type: 'approval',
        seq: expect.any(Number) as number,
        allow: true,
        input: { path: 'b' },
        reason: 'b is meant',
      },
    ]);
    expectSound(set);
  });

  test('that throws is an error of that call alone', async () => {
    const { tool, ran } = removal();
    const { results } = await turnOf([tool, plain], [remove('a'), ['plain']], {
      approve() {
        throw new Error('nobody is there, password=hunter2');
      },
    });
    expect(results).toEqual([
      failed('call_1', 'The call was not run: the approval failed: nobody is there, password=[secret]'),
      answered('call_2', 'plain'),
    ]);
    expect(ran).toEqual([]);
  });

  test('with another input is scheduled by that input', async () => {
    const time = virtualTime();
    const log: string[] = [];
    const write = (name: string, approve: boolean) =>
      defineTool({
        name,
        description: 'Writes.',
        input: z.object({ key: z.string() }),
        approve,
        access: ({ key }) => ({ writes: [key] }),
        async run({ key }) {
          log.push(`${time.now()} ${name} ${key} begins`);
          await time.sleep(10);
          log.push(`${time.now()} ${name} ${key} ends`);
        },
      });
    await turnOf(
      [write('asked', true), write('free', false)],
      [
        ['asked', { key: 'a' }],
        ['free', { key: 'b' }],
      ],
      {
        time,
        approve: () => time.sleep(5).then(() => ({ allow: true, input: { key: 'b' } })),
      },
    );
    expect(log).toEqual(['0 free b begins', '10 free b ends', '10 asked b begins', '20 asked b ends']);
  });
});

describe('whether a call needs one', () => {
  test('can depend on the input', async () => {
    const { tool, ran } = removal(({ path }) => path.startsWith('/'));
    const asked: unknown[] = [];
    const { results } = await turnOf([tool], [remove('a'), remove('/b')], {
      approve(call) {
        asked.push(call.input);
        return false;
      },
    });
    expect(results).toEqual([answered('call_1', 'removed a'), failed('call_2', 'This call was denied.')]);
    expect(asked).toEqual([{ path: '/b' }]);
    expect(ran).toEqual([{ path: 'a', force: false }]);
  });

  test('a function that fails is an error of that call; one that gives no answer needs a decision', async () => {
    const broken = removal(() => {
      throw new Error('cannot tell');
    });
    const first = await turnOf([broken.tool], [remove('a')], { approve: () => true });
    expect(first.results).toEqual([
      failed('call_1', 'The call was not run: whether it needs approval could not be told: cannot tell'),
    ]);
    const silent = removal(() => undefined as never);
    const second = await turnOf([silent.tool], [remove('a')], { approve: () => false });
    expect(second.results).toEqual([failed('call_1', 'This call was denied.')]);
  });

  test('nobody is asked for input that does not fit', async () => {
    const { tool } = removal();
    const { events } = await turnOf([tool], [['remove', { path: 1 }]], { approve: () => true });
    expect(events.filter(({ type }) => type.startsWith('approval'))).toEqual([]);
  });
});

describe('without a callback', () => {
  test('the run ends as awaiting-approval with the calls; siblings are finished and the transcript can be continued [results/every-call]', async () => {
    const { tool, ran } = removal();
    const set = stage({
      tools: [tool, plain],
      steps: [reply(calling(remove('a'), ['plain'], remove('b')))],
    });
    const { events, result, messages } = await play(set.agent);
    expect(
      story(events).filter(
        (line) => !line.startsWith('input of remove') && !line.startsWith('input of plain'),
      ),
    ).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'reply: tool_use',
      'approval-request: remove',
      'approval-request: remove',
      'tool-start: plain',
      'tool-end: plain ok',
      'run-end: awaiting-approval',
    ]);
    expect(result).toMatchObject({
      outcome: 'awaiting-approval',
      turns: 1,
      pending: {
        reason: 'awaiting-approval',
        approvals: [
          { callId: 'call_1', tool: 'remove', input: { path: 'a' }, agent: 'agent' },
          { callId: 'call_3', tool: 'remove', input: { path: 'b' }, agent: 'agent' },
        ],
      },
    });
    expect(ran).toEqual([]);
    const open = 'This call has no result: the run ended before it was carried out or decided.';
    const transcript = [
      user('Go.'),
      assistant(
        called('remove', { path: 'a' }, 'call_1'),
        called('plain', {}, 'call_2'),
        called('remove', { path: 'b' }, 'call_3'),
      ),
      user([failed('call_1', open), answered('call_2', 'plain'), failed('call_3', open)]),
    ];
    expect(messages).toEqual(transcript);
    expectSound(set);

    const later = stage({ tools: [tool, plain], steps: [reply('Understood.')] });
    const next = await play(later.agent, 'Leave them.', { messages });
    expect(conversations(later.emulator)).toEqual([[...transcript, user('Leave them.')]]);
    expect(next.messages).toEqual([...transcript, user('Leave them.'), assistant(said('Understood.'))]);
    expectSound(later);
  });
});

describe('a run that is stopped while somebody thinks about it', () => {
  test('ends at once, the call is cancelled, and the late answer changes nothing', async () => {
    const { tool, ran } = removal();
    const decision = gate<boolean>();
    const options: Partial<AgentOptions> = { tools: [tool], approve: () => decision.promise };
    const set = stage({ ...options, steps: [reply(calling(remove('a')))] });
    const stream = set.agent.stream('Go.');
    const told: string[] = [];
    for await (const event of stream) {
      told.push(...story([event]));
      if (event.type !== 'approval-request') continue;
      stream.stop('enough');
      decision.resolve(true);
    }
    const result = await stream.result;
    expect(result.outcome).toBe('stopped');
    expect(told.slice(-3)).toEqual([
      'approval-request: remove',
      'tool-end: remove cancelled',
      'run-end: stopped',
    ]);
    expect(result.messages.at(-1)).toEqual(
      user([failed('call_1', 'The run was stopped before this call was carried out.')]),
    );
    expect(ran).toEqual([]);
    expectSound(set);
    expect(createAgent({ model: 'claude-sonnet-5-5', ...options }).name).toBe('agent');
  });
});
