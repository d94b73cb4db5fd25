import { reply, text, thinking, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { defineTool } from '../../src/index.ts';
import { conversations, expectSound, play, stage } from './stage.ts';
import { virtualTime } from './time.ts';

const tool = (name: string) =>
  defineTool({ name, description: 'Looks.', effect: 'once', input: { type: 'object' }, run: () => name });

const noUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens_details: { thinking_tokens: 0 },
  server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
};

test('a result holds all of the run: text, turns, messages, usage, steps and cost', async () => {
  const time = virtualTime();
  const set = stage({
    time,
    name: 'scout',
    tools: [tool('left'), tool('right')],
    steps: [
      reply([text('Both.'), toolUse('left'), toolUse('right')], {
        chunk: { delayMs: 10 },
        usage: {
          input_tokens: 100,
          output_tokens: 20,
          cache_creation_input_tokens: 7,
          cache_read_input_tokens: 3,
          cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 5 },
        },
      }),
      reply([thinking('So.'), text('Done.')], {
        model: 'claude-sonnet-5-5-20260901',
        usage: {
          input_tokens: 150,
          output_tokens: 30,
          output_tokens_details: { thinking_tokens: 9 },
          server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
        },
      }),
    ],
  });
  const { result, events } = await time.pass(play(set.agent));
  const first = {
    ...noUsage,
    input_tokens: 100,
    output_tokens: 20,
    cache_creation_input_tokens: 7,
    cache_read_input_tokens: 3,
    cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 5 },
  };
  const second = {
    ...noUsage,
    input_tokens: 150,
    output_tokens: 30,
    output_tokens_details: { thinking_tokens: 9 },
    server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
  };
  const sum = { ...first, input_tokens: 250, output_tokens: 50, ...pick(second) };
  // 100 x 2 + 20 x 10 + 2 x 2.50 + 5 x 4 + 3 x 0.10 USD per million; the second model has no known price.
  const usd = 0.0004253;
  const unpriced = (usage: object) => ({ usage, usd: null });
  const half = {
    ...noUsage,
    input_tokens: 75,
    output_tokens: 15,
    output_tokens_details: { thinking_tokens: 4 },
    server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
  };
  const otherHalf = {
    ...half,
    output_tokens_details: { thinking_tokens: 5 },
    server_tool_use: { web_search_requests: 1, web_fetch_requests: 1 },
  };
  const requests = events.filter((event) => event.type === 'request');
  expect(result).toEqual({
    runId: 'run_1',
    text: 'Done.',
    outcome: 'completed',
    output: null,
    reason: null,
    pending: null,
    turns: 2,
    messages: expect.any(Array) as unknown,
    reply: expect.objectContaining({
      stop_reason: 'end_turn',
      model: 'claude-sonnet-5-5-20260901',
    }) as unknown,
    usage: sum,
    steps: [
      {
        runId: 'run_1',
        turn: 1,
        agent: 'scout',
        model: 'claude-sonnet-5-5',
        tools: ['left', 'right'],
        reads: [],
        usage: first,
        usd,
        // 3 x (2 - 0.10) saved by reading, 2 x (2.50 - 2) and 5 x (4 - 2) spent on writing.
        savedUsd: -0.0000053,
        lost: false,
        startedAt: requests[0]?.at,
        durationMs: expect.any(Number) as unknown,
      },
      {
        runId: 'run_1',
        turn: 2,
        agent: 'scout',
        model: 'claude-sonnet-5-5-20260901',
        tools: [],
        reads: ['left', 'right'],
        usage: second,
        usd: null,
        savedUsd: null,
        cacheMiss: 'too-short',
        lost: false,
        startedAt: requests[1]?.at,
        durationMs: 0,
      },
    ],
    cost: {
      usd: null,
      lostUsd: 0,
      unpriced: ['claude-sonnet-5-5-20260901'],
      byModel: {
        'claude-sonnet-5-5': { usage: first, usd },
        'claude-sonnet-5-5-20260901': unpriced(second),
      },
      byAgent: { scout: unpriced(sum) },
      byTool: { left: unpriced(otherHalf), right: unpriced(half) },
    },
  });
  expect(result?.steps[0]?.durationMs).toBeGreaterThanOrEqual(100);
  expectSound(set);
});

function pick({ output_tokens_details, server_tool_use }: typeof noUsage) {
  return { output_tokens_details, server_tool_use };
}

test('usage in message_delta is cumulative: it replaces, it does not add [usage/overwrite]', async () => {
  const set = stage({
    steps: [reply('A rather long answer to a short question.', { chunk: { messageDeltas: 4 } })],
  });
  const { result } = await play(set.agent);
  const { bill } = set.emulator;
  expect(result?.usage).toMatchObject({ input_tokens: bill.inputTokens, output_tokens: bill.outputTokens });
  expectSound(set);
});

test('the sum over a long run is what the emulator billed, cache writes and reads included [usage/sum-of-steps] [usage/ttl-split-kept] [usage/whole-prompt] [threads/full-history] [blocks/prefix-bytes] [blocks/append-only]', async () => {
  const set = stage({
    tools: [tool('left')],
    request: { cache_control: { type: 'ephemeral' } },
    system: 'Be brief. '.repeat(600),
    steps: [...Array.from({ length: 8 }, () => reply(toolUse('left', {}))), reply('Done.')],
  });
  const { result } = await play(set.agent);
  const { bill } = set.emulator;
  expect(result?.turns).toBe(9);
  // The prompt of each step holds all of the one before it, cached or not.
  const prompts = (result?.steps ?? []).map(
    ({ usage }) => usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
  );
  expect(prompts).toEqual(prompts.toSorted((a, b) => a - b));
  expect(conversations(set.emulator).map((messages) => (messages as unknown[]).length)).toEqual(
    prompts.map((_, index) => index * 2 + 1),
  );
  expect(bill.cacheReadTokens).toBeGreaterThan(bill.cacheWrite5mTokens);
  expect(result?.usage).toMatchObject({
    input_tokens: bill.inputTokens,
    output_tokens: bill.outputTokens,
    cache_read_input_tokens: bill.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: bill.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: bill.cacheWrite1hTokens,
    },
  });
  expectSound(set);
});

test('limits.turns ends the run with its calls answered, and it can be continued', async () => {
  const set = stage({
    tools: [tool('left')],
    limits: { turns: 2 },
    steps: [reply(toolUse('left', {})), reply(toolUse('left', {})), reply('Done.')],
  });
  const first = await play(set.agent);
  expect(first.result).toMatchObject({
    outcome: 'turn-limit',
    turns: 2,
    reason: 'limits.turns (2) is reached',
  });
  const second = await play(set.agent, 'Go on.', { messages: first.messages });
  expect(second.result?.outcome).toBe('completed');
  expectSound(set);
});
