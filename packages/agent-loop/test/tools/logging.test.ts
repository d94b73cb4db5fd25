import { Writable } from 'node:stream';
import { apiError, reply } from '@pawl/emulator';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../src/index.ts';
import { calling } from '../support/agent-under-test.ts';
import { expectSound, play, stage } from '../loop/stage.ts';

/** A real pino logger and the lines it wrote. */
function recorded(options: LoggerOptions = {}) {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString().trim().split('\n'))
        lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  const logger: Logger = pino({ base: null, timestamp: false, ...options }, stream);
  return { logger, lines };
}

const talkative = defineTool({
  name: 'talk',
  description: 'Logs.',
  input: z.object({}),
  run(_, { logger }) {
    logger.info(
      { headers: { authorization: 'Bearer abcdefgh123' }, n: 1 },
      'asked with %s',
      'sk-ant-123456789',
    );
    logger.error(new Error('password=hunter2'));
    logger.debug('not at this level');
    return 'said';
  },
});

describe('a pino logger', () => {
  test('gets a line per step in a child of the run, scrubbed', async () => {
    const { logger, lines } = recorded();
    const set = stage({
      name: 'concierge',
      logger,
      request: { metadata: { user_id: 'user-7' } },
      tools: [talkative],
      steps: [reply(calling(['talk'])), reply('Done.')],
    });
    const { result } = await play(set.agent);
    const bound = { runId: result?.runId, agent: 'concierge' };
    const [first = 0, second = 0] = result?.steps.map(({ usd }) => usd ?? 0) ?? [];
    const replied = (turn: number, stopReason: string, usd: number, totalUsd: number) => ({
      level: 30,
      ...bound,
      turn,
      model: 'claude-sonnet-5-5',
      stopReason,
      usage: expect.objectContaining({ service_tier: 'standard' }) as unknown,
      cache: { written: 0, read: 0, savedUsd: 0, miss: 'too-short' },
      usd,
      totalUsd,
      userId: 'user-7',
      requestId: set.emulator.requests[turn - 1]?.id,
      firstTokenMs: expect.any(Number) as number,
      durationMs: expect.any(Number) as number,
      msg: 'reply',
    });
    expect(lines).toEqual([
      replied(1, 'tool_use', first, first),
      {
        level: 30,
        ...bound,
        headers: { authorization: '[secret]' },
        n: 1,
        msg: 'asked with sk-ant-[secret]',
      },
      {
        level: 50,
        ...bound,
        err: {
          type: 'Error',
          name: 'Error',
          message: 'password=[secret]',
          stack: expect.stringMatching(/^Error: password=\[secret\]\n/) as string,
        },
        msg: 'password=[secret]',
      },
      replied(2, 'end_turn', second, result?.cost.usd ?? 0),
      {
        level: 30,
        ...bound,
        outcome: 'completed',
        turns: 2,
        usage: result?.usage,
        usd: result?.cost.usd,
        reason: null,
        msg: 'run ended',
      },
    ]);
    expectSound(set);
  });

  test('hears of a run that failed, with its cause', async () => {
    const { logger, lines } = recorded();
    const request = { metadata: { user_id: 'user-7' } };
    const set = stage({ logger, request, steps: [apiError(401)] });
    const { error } = await play(set.agent);
    expect(lines[0]).toMatchObject({
      model: 'claude-sonnet-5-5',
      turn: 1,
      attempt: 1,
      usage: null,
      lostUsd: 0,
      firstTokenMs: null,
      durationMs: expect.any(Number) as number,
      userId: 'user-7',
    });
    expect(lines.map(({ level, msg, code }) => [level, msg, code])).toEqual([
      [40, 'reply lost', 'authentication'],
      [50, 'run failed', 'authentication'],
    ]);
    expect(lines[1]?.['err']).toEqual({
      type: 'RunError',
      name: 'RunError',
      code: 'authentication',
      message: expect.stringContaining(String(error?.message)) as string,
      stack: expect.any(String) as string,
    });
  });

  test('costs nothing at a level it does not write', async () => {
    const { logger, lines } = recorded({ level: 'silent' });
    let looked = 0;
    const tool = defineTool({
      name: 'talk',
      description: 'Logs.',
      input: z.object({}),
      run(_, ctx) {
        ctx.logger.info({
          get heavy() {
            looked += 1;
            return 1;
          },
        });
      },
    });
    const set = stage({ logger, tools: [tool], steps: [reply(calling(['talk'])), reply('Done.')] });
    await play(set.agent);
    expect([lines, looked]).toEqual([[], 0]);
  });
});

test('pino options make a logger', async () => {
  const lines: unknown[] = [];
  const logger: LoggerOptions = {
    hooks: {
      logMethod(args) {
        lines.push([this.bindings(), args[1]]);
      },
    },
  };
  const set = stage({ name: 'concierge', logger, steps: [reply('Done.')] });
  const { result } = await play(set.agent);
  const bound = expect.objectContaining({ runId: result?.runId, agent: 'concierge' }) as unknown;
  expect(lines).toEqual([
    [bound, 'reply'],
    [bound, 'run ended'],
  ]);
});

test('without a logger, what tools log goes nowhere', async () => {
  const set = stage({ tools: [talkative], steps: [reply(calling(['talk'])), reply('Done.')] });
  const { result } = await play(set.agent);
  expect(result?.outcome).toBe('completed');
});
