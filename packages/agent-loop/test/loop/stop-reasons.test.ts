import { compaction, reply, serverToolUse, text, thinking, toolUse, whole } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { defineTool } from '../../src/index.ts';
import { conversations, endOf, expectSound, fold, play, stage, story } from './stage.ts';

/** A tool that notes its runs. */
function counter(name = 'count') {
  const runs: unknown[] = [];
  const tool = defineTool({
    name,
    description: 'Counts.',
    effect: 'once',
    input: { type: 'object', properties: { n: { type: 'number' } } } as const,
    run(input) {
      runs.push(input);
      return `${name} ${runs.length}`;
    },
  });
  return { tool, runs };
}

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const said = (value: string) => ({ type: 'text', text: value });
const call = (id: string, name = 'count', input: unknown = {}) => ({ type: 'tool_use', id, name, input });
const answer = (id: string, content: string, isError = false) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...(isError && { is_error: true }),
});

describe('end_turn', () => {
  test('ends the run as completed, and the reply joins the transcript [stop-reason/end-turn]', async () => {
    const set = stage({ steps: [reply('Take a coat.')] });
    const played = await play(set.agent, 'Coat?');
    expect(story(played.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'text: Take a coat.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(played.result).toMatchObject({
      outcome: 'completed',
      text: 'Take a coat.',
      turns: 1,
      output: null,
      reason: null,
      pending: null,
    });
    expect(played.messages).toEqual([user('Coat?'), assistant(said('Take a coat.'))]);
    expectSound(set);
  });

  test('with empty content ends the run and is not asked again [stop-reason/end-turn] [blocks/no-empty-content]', async () => {
    const set = stage({
      tools: [counter().tool],
      steps: [reply(toolUse('count', {}, { id: 'toolu_1' })), reply([]), reply('Later.')],
    });
    const first = await play(set.agent, 'Count.');
    expect(endOf(first)).toBe('completed');
    expect(first.result?.text).toBe('');
    expect(first.messages).toEqual([
      user('Count.'),
      assistant(call('toolu_1')),
      user([answer('toolu_1', 'count 1')]),
    ]);
    const second = await play(set.agent, 'And now?', { messages: first.messages });
    expect(second.result?.text).toBe('Later.');
    expectSound(set);
  });

  test('drops text of nothing but white space, which the API would refuse to read again [blocks/no-empty-content]', async () => {
    const set = stage({
      tools: [counter().tool],
      steps: [
        reply([text(' \n'), toolUse('count', {}, { id: 'toolu_1' })]),
        reply([text('\n\n'), text('Done.')]),
        reply('Bye.'),
      ],
    });
    const first = await play(set.agent, 'Count.');
    expect(first.messages).toEqual([
      user('Count.'),
      assistant(call('toolu_1')),
      user([answer('toolu_1', 'count 1')]),
      assistant(said('Done.')),
    ]);
    await play(set.agent, 'Thanks.', { messages: first.messages });
    expectSound(set);
  });

  test('runs no tool, and answers the calls that came with it', async () => {
    const { tool, runs } = counter();
    const set = stage({
      tools: [tool],
      steps: [
        reply([text('Hm.'), toolUse('count', {}, { id: 'toolu_1' })], { stopReason: 'end_turn' }),
        reply('Ok.'),
      ],
    });
    const first = await play(set.agent);
    expect(story(first.events).slice(-3)).toEqual([
      'reply: end_turn',
      'tool-end: count cancelled',
      'run-end: completed',
    ]);
    expect(runs).toEqual([]);
    expect(first.messages.at(-1)).toEqual(
      user([answer('toolu_1', 'This call was not run: the reply that asked for it was final.', true)]),
    );
    await play(set.agent, 'Go on.', { messages: first.messages });
    expectSound(set);
  });
});

test('stop_sequence ends the run as completed, and the reply says which it was [stop-reason/stop-sequence]', async () => {
  const set = stage({
    request: { stop_sequences: ['END'] },
    steps: [reply('One, two', { stopReason: 'stop_sequence', stopSequence: 'END' })],
  });
  const { result } = await play(set.agent);
  expect(result).toMatchObject({
    outcome: 'completed',
    text: 'One, two',
    reply: { stop_reason: 'stop_sequence', stop_sequence: 'END' },
  });
  expectSound(set);
});

describe('tool_use', () => {
  test('runs every call and answers all of them in one user message, in call order [stop-reason/tool-use] [results/one-message] [results/call-order]', async () => {
    const delays = { slow: 30, fast: 0 } as const;
    const tools = (['slow', 'fast'] as const).map((name) =>
      defineTool({
        name,
        description: 'Waits.',
        effect: 'once',
        input: { type: 'object' },
        run: () => new Promise<string>((resolve) => setTimeout(() => resolve(`${name} done`), delays[name])),
      }),
    );
    const set = stage({
      tools,
      steps: [
        reply([
          text('Both.'),
          toolUse('slow', {}, { id: 'toolu_a' }),
          toolUse('fast', {}, { id: 'toolu_b' }),
        ]),
        reply('Done.'),
      ],
    });
    const played = await play(set.agent, 'Both, please.');
    expect(story(played.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'text: Both.',
      'input of slow: {}',
      'input of fast: {}',
      'reply: tool_use',
      'tool-start: slow',
      'tool-start: fast',
      'tool-end: fast ok',
      'tool-end: slow ok',
      'request 2.1',
      'text: Done.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(conversations(set.emulator)[1]).toEqual([
      user('Both, please.'),
      assistant(said('Both.'), call('toolu_a', 'slow'), call('toolu_b', 'fast')),
      user([answer('toolu_a', 'slow done'), answer('toolu_b', 'fast done')]),
    ]);
    expectSound(set);
  });

  test('without a call is no reply to go on from', async () => {
    const set = stage({ steps: [reply('Hm.', { stopReason: 'tool_use' })] });
    const { error } = await play(set.agent);
    expect(error).toMatchObject({ code: 'bad-reply', text: 'Hm.', turns: 1 });
    expectSound(set);
  });
});

describe.each([
  ['max_tokens', 'truncated'],
  ['model_context_window_exceeded', 'context-full'],
] as const)('%s', (stopReason, outcome) => {
  test(`ends the run as ${outcome} and keeps what arrived [stop-reason/context-exceeded]`, async () => {
    const set = stage({ steps: [reply('Once upon a', { stopReason }), reply(' time.')] });
    const first = await play(set.agent);
    expect(first.result).toMatchObject({ outcome, text: 'Once upon a' });
    expect(first.messages.at(-1)).toEqual(assistant(said('Once upon a')));
    await play(set.agent, 'Go on.', { messages: first.messages });
    expectSound(set);
  });

  test('runs nothing: a cut call is dropped, a whole one is answered as not run [stop-reason/max-tokens] [stop-reason/max-tokens-transcript] [results/cut-input] [results/every-call]', async () => {
    const { tool, runs } = counter();
    const reads: unknown[] = [];
    const look = defineTool({
      name: 'look',
      description: 'Reads.',
      effect: 'read',
      input: { type: 'object' },
      run: (input) => {
        reads.push(input);
        return 'seen';
      },
    });
    const set = stage({
      tools: [tool, look],
      steps: [
        reply(
          [
            thinking('Let me see.'),
            toolUse('count', { n: 1 }, { id: 'toolu_1' }),
            toolUse('look', '{"path": "/a', { id: 'toolu_2' }),
          ],
          { stopReason },
        ),
        reply('Sorry.'),
      ],
    });
    const first = await play(set.agent);
    expect(story(first.events).slice(-4)).toEqual([
      `reply: ${stopReason}`,
      'tool-end: count cancelled',
      'tool-end: look cancelled',
      `run-end: ${outcome}`,
    ]);
    expect([runs, reads]).toEqual([[], []]);
    expect(first.messages.slice(1)).toEqual([
      assistant(
        { type: 'thinking', thinking: '', signature: expect.any(String) },
        call('toolu_1', 'count', { n: 1 }),
      ),
      user([answer('toolu_1', `This call was not run: the reply that asked for it was ${outcome}.`, true)]),
    ]);
    await play(set.agent, 'Go on.', { messages: first.messages });
    expectSound(set);
  });

  test('of a reply that has nothing but cut thinking leaves a transcript that goes on', async () => {
    const set = stage({
      steps: [reply([thinking('Hmm', { signature: '' })], { stopReason }), reply('Yes.')],
    });
    const first = await play(set.agent);
    expect(first.messages).toEqual([user('Go.')]);
    await play(set.agent, 'Shorter.', { messages: first.messages });
    expectSound(set);
  });
});

describe('pause_turn', () => {
  const search = serverToolUse('web_search', { query: 'pawl' }, { id: 'srvtoolu_1' });
  const foundBy = (id: string) => whole({ type: 'web_search_tool_result', tool_use_id: id, content: [] });
  const found = foundBy('srvtoolu_1');
  const tools = [{ type: 'web_search_20260318', name: 'web_search' }] as const;

  test('sends the reply back unchanged, without a user message, and goes on [stop-reason/pause-turn]', async () => {
    const set = stage({
      tools,
      steps: [
        reply([text('Searching.'), search], { stopReason: 'pause_turn' }),
        reply([found, text('Found nothing.')]),
      ],
    });
    const played = await play(set.agent, 'Search.');
    expect(story(played.events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'text: Searching.',
      'reply: pause_turn',
      'request 2.1',
      'text: Found nothing.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    const paused = assistant(said('Searching.'), {
      type: 'server_tool_use',
      id: 'srvtoolu_1',
      name: 'web_search',
      input: { query: 'pawl' },
    });
    expect(conversations(set.emulator)[1]).toEqual([user('Search.'), paused]);
    expect(played.result).toMatchObject({ outcome: 'completed', text: 'Found nothing.', turns: 2 });
    expectSound(set);
  });

  test('is resumed limits.pauses times in a row, then the run ends and can be continued [stop-reason/pause-bound]', async () => {
    const set = stage({
      tools,
      limits: { pauses: 2 },
      steps: [
        ...[1, 2, 3].map((n) =>
          reply(
            [
              ...(n > 1 ? [foundBy(`srvtoolu_${n - 1}`)] : []),
              thinking(`Step ${n}.`),
              serverToolUse('web_search', { query: `${n}` }, { id: `srvtoolu_${n}` }),
            ],
            { stopReason: 'pause_turn' },
          ),
        ),
        reply('Fine.'),
      ],
    });
    const first = await play(set.agent);
    expect(first.result).toMatchObject({
      outcome: 'turn-limit',
      turns: 3,
      reason: 'limits.pauses (2) is reached: the server paused the turn again',
    });
    const second = await play(set.agent, 'Without searching.', { messages: first.messages });
    // The call that was never answered is taken out, and the thinking that led to it alone.
    const kinds = second.messages.map(({ content }) =>
      typeof content === 'string' ? content : content.map(({ type }) => type).join(),
    );
    expect(kinds).toEqual([
      'Go.',
      'thinking,server_tool_use',
      'web_search_tool_result,thinking,server_tool_use',
      'web_search_tool_result',
      'Without searching.',
      'text',
    ]);
    expect(second.result?.text).toBe('Fine.');
    expect(set.emulator.refusals).toEqual([]);
    set.emulator.assertDone();
  });

  test('with client calls answers them, then goes on', async () => {
    const { tool } = counter();
    const set = stage({
      tools: [...tools, tool],
      steps: [
        reply([search, toolUse('count', {}, { id: 'toolu_1' })], { stopReason: 'pause_turn' }),
        reply([found, text('Done.')]),
      ],
    });
    const played = await play(set.agent);
    expect(conversations(set.emulator)[1]).toMatchObject([
      user('Go.'),
      { role: 'assistant', content: [{ type: 'server_tool_use' }, { type: 'tool_use' }] },
      user([answer('toolu_1', 'count 1')]),
    ]);
    expect(endOf(played)).toBe('completed');
    expectSound(set);
  });
});

describe('refusal', () => {
  test('drops the turn, runs nothing, says why, and the transcript goes on from before it [stop-reason/refusal] [stop-reason/refusal-dropped]', async () => {
    const { tool, runs } = counter();
    const set = stage({
      tools: [tool],
      steps: [
        reply([text('First I'), toolUse('count', {}, { id: 'toolu_1' })], {
          stopReason: 'refusal',
          stopDetails: { type: 'refusal', category: 'cyber', explanation: 'That looks like an attack.' },
        }),
        reply('Sure.'),
      ],
    });
    const first = await play(set.agent, 'Break in.');
    expect(first.result).toMatchObject({
      outcome: 'refused',
      reason: 'That looks like an attack.',
      text: 'First I',
      reply: { stop_reason: 'refusal', stop_details: { category: 'cyber' } },
    });
    expect(first.messages).toEqual([user('Break in.')]);
    expect(runs).toEqual([]);
    await play(set.agent, 'Then knock.', { messages: first.messages });
    expect(conversations(set.emulator)[1]).toEqual([user('Break in.'), user('Then knock.')]);
    expectSound(set);
  });

  test('after tools have run keeps their results', async () => {
    const set = stage({
      tools: [counter().tool],
      steps: [
        reply(toolUse('count', {}, { id: 'toolu_1' })),
        reply([], {
          stopReason: 'refusal',
          stopDetails: { type: 'refusal', category: null, explanation: null },
        }),
        reply('Ok.'),
      ],
    });
    const first = await play(set.agent);
    expect(first.result).toMatchObject({ outcome: 'refused', reason: null, turns: 2 });
    expect(first.messages.at(-1)).toEqual(user([answer('toolu_1', 'count 1')]));
    await play(set.agent, 'Something else.', { messages: first.messages });
    expectSound(set);
  });
});

test('compaction keeps the summary and asks again [stop-reason/compaction]', async () => {
  const set = stage({
    betas: ['compact-2026-01-12'],
    request: {
      context_management: { edits: [{ type: 'compact_20260112', pause_after_compaction: true }] },
    },
    steps: [reply(compaction('They asked for a coat.'), { stopReason: 'compaction' }), reply('Take one.')],
  });
  const played = await play(set.agent, 'Coat?');
  expect(story(played.events)).toEqual([
    'run-start',
    'input of the user',
    'request 1.1',
    'reply: compaction',
    'compaction',
    'request 2.1',
    'text: Take one.',
    'reply: end_turn',
    'run-end: completed',
  ]);
  expect(conversations(set.emulator)[1]).toEqual([
    user('Coat?'),
    assistant({ type: 'compaction', content: 'They asked for a coat.' }),
  ]);
  expectSound(set);
});

test.each(['cosmic_ray', null])(
  'a stop reason of %j is an error that names it, with all that is known; nothing was run [stop-reason/unknown] [stop-reason/null]',
  async (stopReason) => {
    const { tool, runs } = counter();
    const set = stage({
      tools: [tool],
      steps: [
        reply(toolUse('count', {}, { id: 'toolu_1' })),
        reply(
          [
            text('And'),
            toolUse('count', { n: 2 }, { id: 'toolu_2' }),
            toolUse('count', '{"n', { id: 'toolu_3' }),
          ],
          {
            stopReason,
          },
        ),
        reply('Fine.'),
      ],
    });
    const first = await play(set.agent);
    expect(story(first.events).slice(-4)).toEqual([
      `reply: ${stopReason}`,
      'tool-end: count cancelled',
      'tool-end: count cancelled',
      'run-end: failed',
    ]);
    const { error } = first;
    expect(error?.code).toBe('unknown-stop-reason');
    expect(error?.message).toContain(JSON.stringify(stopReason));
    expect(error).toMatchObject({ turns: 2, text: 'And' });
    expect(error?.steps.map(({ turn, tools }) => [turn, tools])).toEqual([
      [1, ['count']],
      [2, ['count', 'count']],
    ]);
    expect(error?.usage?.output_tokens).toBe(set.emulator.bill.outputTokens);
    expect(runs).toHaveLength(1);
    expect(first.messages.slice(-2)).toEqual([
      assistant(said('And'), call('toolu_2', 'count', { n: 2 })),
      user([
        answer(
          'toolu_2',
          'This call was not run: the reply that asked for it ended in an unexpected way.',
          true,
        ),
      ]),
    ]);
    await play(set.agent, 'Go on.', { messages: first.messages });
    expectSound(set);
  },
);

test('a paused turn that also waits for a call made from its code is settled as a whole', () => {
  const code = {
    type: 'server_tool_use',
    id: 'srvtoolu_1',
    name: 'code_execution',
    input: { code: '…' },
  } as const;
  const history = [
    { role: 'user', content: 'Go.' },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'Running.' },
        code,
        {
          type: 'tool_use',
          id: 'toolu_1',
          name: 'count',
          input: {},
          caller: { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' },
        },
        { type: 'tool_use', id: 'toolu_2', name: 'count', input: {} },
      ],
    },
  ] as const;
  const input = {
    type: 'input',
    source: 'user',
    content: 'Stop that.',
    seq: 0,
    runId: 'r',
    agent: 'a',
    at: 0,
  } as const;
  expect(fold([input], history as never)).toEqual([
    user('Go.'),
    assistant(said('Running.'), call('toolu_2')),
    user([
      answer('toolu_2', 'This call has no result: the run ended before it was carried out or decided.', true),
    ]),
    user('Stop that.'),
  ]);
});
