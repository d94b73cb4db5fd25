import { apiError, reply, script, type Step } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import type { AgentOptions } from '../../src/index.ts';
import { stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';
import { divided, look, SYSTEM } from './places.ts';

/** As many agents on one client, their requests answered after so many milliseconds each. */
function fan(steps: readonly Step[], options: Partial<AgentOptions> = {}) {
  const time = virtualTime();
  const { emulator, agent } = stage({
    time,
    maxRetries: 0,
    system: SYSTEM,
    tools: [look],
    world: { respond: script(steps), clock: () => time.seams.now(), sleep: time.sleep },
    limits: { idleMs: 500_000, turnRetries: 0 },
    ...options,
  });
  const ask = (count: number): Promise<unknown[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) => agent.run(`Item ${index}.`).catch(() => 'failed')),
    );
  return {
    time,
    emulator,
    agent,
    ask,
    sentAt: () => emulator.requests.map(({ at }) => at - Date.UTC(2026, 10, 20)),
  };
}

const slow = (delayMs: number): Step => reply('Done.', { delayMs });

describe('requests with one prefix at the same time [caching/fan-out]', () => {
  it('wait until the reply to the first begins, and read what it wrote', async () => {
    const { time, emulator, ask, sentAt } = fan(Array.from({ length: 20 }, () => slow(700)));
    await time.pass(ask(20));
    expect(sentAt()).toEqual([0, ...Array.from({ length: 19 }, () => 700)]);
    const [first, ...others] = divided(emulator);
    expect(first?.read).toBe(0);
    for (const { read, written } of others) {
      expect(read).toBeGreaterThan(1500);
      expect(written).toBeLessThan(50);
    }
  });

  it('do not wait for the end of it, nor where the prefix was cached a moment ago', async () => {
    const long = reply('Done. '.repeat(50), { delayMs: 100, chunk: { size: 10, delayMs: 50 } });
    const { time, ask, sentAt } = fan([long, slow(100), slow(100), slow(100), slow(100)]);
    await time.pass(ask(3));
    const [first = 0, second = 0, third = 0] = sentAt();
    expect([first, second, third]).toEqual([0, 100, 100]);
    const again = time.now();
    await time.pass(ask(2));
    expect(sentAt().slice(3)).toEqual([again, again]);
  });

  it('go by themselves where the first fails, one before the others again', async () => {
    const failed = apiError(400, { message: 'no', delayMs: 200 });
    const { time, ask, sentAt } = fan([failed, slow(300), slow(1), slow(1)]);
    await time.pass(ask(4));
    expect(sentAt()).toEqual([0, 200, 500, 500]);
  });

  it('wait no longer than fifteen seconds', async () => {
    const stalls = reply('Never.', { delayMs: 400_000 });
    const { time, ask, sentAt } = fan([stalls, slow(1), slow(1)]);
    await time.pass(ask(3));
    expect(sentAt()).toEqual([0, 15_000, 15_000]);
  });

  it('do not wait once they are stopped', async () => {
    const { time, emulator, agent, ask } = fan([slow(5000)]);
    const writing = ask(1);
    const stream = agent.stream('Item 2.');
    time.after(1000, () => stream.stop());
    const { outcome } = await time.pass(stream.result);
    expect([outcome, time.now(), emulator.requests.length]).toEqual(['stopped', 1000, 1]);
    await time.pass(writing);
  });

  it.each<[string, Partial<AgentOptions>]>([
    ['nothing is cached', { cache: 'off' }],
    ['the prefix is too short', { system: 'Be brief.', tools: [] }],
    ['the prefix is not marked', { cache: { tools: false, system: false } }],
  ])('do not wait where %s', async (_, options) => {
    const { time, ask, sentAt } = fan([slow(100), slow(100), slow(100)], options);
    await time.pass(ask(3));
    expect(sentAt()).toEqual([0, 0, 0]);
  });

  it('do not wait for a prefix that the server did not cache', async () => {
    const none = { cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
    const steps = Array.from({ length: 6 }, () => reply('Done.', { delayMs: 100, usage: none }));
    const { time, ask, sentAt } = fan(steps);
    await time.pass(ask(2));
    const again = time.now();
    time.after(400_000, () => {});
    await time.pass(time.sleep(400_000));
    const later = time.now();
    await time.pass(ask(4));
    expect(again).toBeLessThan(later);
    expect(sentAt().slice(2)).toEqual([later, later, later, later]);
  });
});
