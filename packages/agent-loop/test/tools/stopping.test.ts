import { reply } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type Seams, type ToolContext, type ToolEffect } from '../../src/index.ts';
import { answered, calling, failed } from '../support/agent-under-test.ts';
import { expectSound, play, stage, story } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

const nothing = z.object({});

function tool(
  name: string,
  effect: ToolEffect,
  run: (ctx: ToolContext) => Promise<string>,
  more: object = {},
) {
  return defineTool({
    name,
    description: 'Works.',
    input: nothing,
    effect,
    run: (_, ctx) => run(ctx),
    ...more,
  });
}

/** Throws as soon as it is told to stop. */
const heed = (time: VirtualTime) => async (ctx: ToolContext) => {
  await time.sleep(1000, ctx.signal);
  ctx.signal.throwIfAborted();
  return 'done';
};

test('what a stopped tool throws does not count: it is unknown, told by its effect; what it returns counts', async () => {
  const time = virtualTime();
  const tools = [
    tool('quick', 'once', () => time.sleep(10).then(() => 'quick')),
    tool('graceful', 'once', (ctx) => time.sleep(1000, ctx.signal).then(() => 'half of it')),
    tool('change', 'once', heed(time)),
    tool('look', 'read', heed(time)),
    tool('deaf', 'once', () => time.sleep(1000).then(() => 'too late')),
  ];
  const set = stage({
    tools,
    time,
    steps: [reply(calling(['quick'], ['graceful'], ['change'], ['look'], ['deaf']))],
  });
  const controller = new AbortController();
  time.after(50, () => controller.abort());
  const { result, messages } = await time.pass(play(set.agent, 'Go.', { signal: controller.signal }));
  expect(result?.outcome).toBe('stopped');
  const started = 'The run was stopped while this call was being carried out.';
  const effect = 'It may or may not have taken effect: check before repeating it.';
  expect(messages.at(-1)?.content).toEqual([
    answered('call_1', 'quick'),
    answered('call_2', 'half of it'),
    failed('call_3', `${started} ${effect}`),
    failed('call_4', `${started} It changed nothing: it can be repeated, perhaps with a smaller request.`),
    failed('call_5', `${started} ${effect}`),
  ]);
  expectSound(set);
});

test('a call that waits for its turn is not started by the stop of the one before it', async () => {
  const time = virtualTime();
  const ran: string[] = [];
  const graceful = tool('graceful', 'once', async (ctx) => {
    ran.push(ctx.callId);
    await time.sleep(1000, ctx.signal);
    return 'half of it';
  });
  const set = stage({
    tools: [graceful],
    time,
    limits: { concurrency: 1 },
    steps: [reply(calling(['graceful'], ['graceful']))],
  });
  const controller = new AbortController();
  time.after(50, () => controller.abort());
  const { events, messages } = await time.pass(play(set.agent, 'Go.', { signal: controller.signal }));
  expect(ran).toEqual(['call_1']);
  expect(story(events).slice(-4)).toEqual([
    'tool-start: graceful',
    'tool-end: graceful ok',
    'tool-end: graceful cancelled',
    'run-end: stopped',
  ]);
  expect(messages.at(-1)?.content).toEqual([
    answered('call_1', 'half of it'),
    failed('call_2', 'The run was stopped before this call was carried out.'),
  ]);
  expectSound(set);
});

test('a stopped run leaves no timer behind, so that a process can end', async () => {
  const time = virtualTime();
  let pending = 0;
  const timer: Seams['timer'] = (ms, fire) => {
    let open = true;
    pending += 1;
    const close = (): void => {
      if (open) pending -= 1;
      open = false;
    };
    const cancel = time.seams.timer(ms, () => {
      close();
      fire();
    });
    return () => {
      close();
      cancel();
    };
  };
  const deaf = tool('deaf', 'once', () => time.sleep(100_000).then(() => 'late'), { timeoutMs: 60_000 });
  const set = stage({
    tools: [deaf],
    time,
    seams: { ...time.seams, timer },
    steps: [reply(calling(['deaf']))],
  });
  const controller = new AbortController();
  time.after(50, () => controller.abort());
  const { result } = await time.pass(play(set.agent, 'Go.', { signal: controller.signal }));
  expect([result?.outcome, pending, time.now() < 100]).toEqual(['stopped', 0, true]);
  expectSound(set);
});
