import { describe, expect, test } from 'vitest';
import { crowd, type Crowd, type MemberEnd, members, type Turn, turns } from './crowd.ts';

/** How long work takes at best: buckets are full at first, then refill evenly; the last reply has to come. */
function idealMs(work: number, perMinute: number, lastMs: number): number {
  return ((work - perMinute) * 60_000) / perMinute + lastMs;
}

function expectAllDone(set: Crowd, ends: readonly MemberEnd[]): void {
  expect(ends.map(({ outcome }) => outcome)).toEqual(ends.map(() => 'completed'));
  expect(set.sent(429)).toEqual([]);
  expect(set.governor).toMatchObject({ inFlight: 0, waiting: 0 });
}

/** By how many turns the agent that is furthest was ahead of the last, at most. */
function widestLead(set: Crowd, count: number): number {
  const sent = new Map<string, number>();
  let widest = 0;
  for (const [agent] of set.sent()) {
    sent.set(agent, (sent.get(agent) ?? 0) + 1);
    const least = sent.size < count ? 0 : Math.min(...sent.values());
    widest = Math.max(widest, Math.max(...sent.values()) - least);
  }
  return widest;
}

describe('a fan-out of 40 agents meets no 429, and takes hardly longer than the limit demands', () => {
  test('of requests per minute, turn by turn', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 60 } } });
    expectAllDone(set, await set.run(members(40, turns(6))));
    expect(set.sent()).toHaveLength(240);
    expect(set.time.now()).toBeLessThanOrEqual(1.02 * idealMs(240, 60, 100));
    expect(widestLead(set, 40)).toBeLessThanOrEqual(2);
  });

  test('of output tokens, which nobody knows before', async () => {
    const set = crowd({ world: { rateLimits: { outputTokensPerMinute: 40_000 } } });
    expectAllDone(set, await set.run(members(40, turns(5, { outputTokens: 800, ms: 2000 }))));
    expect(set.time.now()).toBeLessThanOrEqual(1.05 * idealMs(160_000, 40_000, 2000));
  });

  test('of output tokens that differ from reply to reply', async () => {
    const uneven = (agent: number): Turn[] =>
      turns(5).map((_, turn) => ({ outputTokens: 50 + ((agent * 7 + turn * 13) % 20) * 80, ms: 2000 }));
    const set = crowd({ world: { rateLimits: { outputTokensPerMinute: 40_000 } } });
    const crew = members(40, []).map((member, index) => ({ ...member, turns: uneven(index) }));
    expectAllDone(set, await set.run(crew));
    const ideal = idealMs(set.emulator.bill.outputTokens, 40_000, 2000);
    expect(set.time.now()).toBeLessThanOrEqual(1.1 * ideal);
  });

  test('of input tokens', async () => {
    const set = crowd({ world: { cache: false, rateLimits: { inputTokensPerMinute: 50_000 } } });
    expectAllDone(set, await set.run(members(40, turns(3), { inputChars: 8000 })));
    const ideal = idealMs(set.emulator.bill.inputTokens, 50_000, 100);
    expect(set.time.now()).toBeLessThanOrEqual(1.02 * ideal);
  });

  test('of input tokens of which most come from the cache: those do not count', async () => {
    const set = crowd({ world: { rateLimits: { inputTokensPerMinute: 100_000 } } });
    expectAllDone(set, await set.run(members(10, turns(12), { inputChars: 20_000 })));
    const { inputTokens, cacheReadTokens, cacheWrite5mTokens } = set.emulator.bill;
    expect(cacheReadTokens).toBeGreaterThan(5 * (inputTokens + cacheWrite5mTokens));
    expect(set.time.now()).toBeLessThan(20_000);
  });

  test('and is spread over seconds where the limit would let it all go at once', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 600 } } });
    expectAllDone(set, await set.run(members(40, turns(1))));
    const times = set.sent().map(([, at]) => at);
    expect(times.slice(0, 2)).toEqual([0, 100]);
    // 600 a minute, the whole bucket in 10 s: one every 17 ms.
    for (let index = 4; index < times.length; index += 1)
      expect((times[index] ?? 0) - (times[index - 3] ?? 0)).toBeGreaterThanOrEqual(17);
  });
});

test('the first request tells the limits; the others wait for its headers, not for its end', async () => {
  const set = crowd({
    world: { rateLimits: { requestsPerMinute: 6000 }, chunk: { delayMs: 1000 } },
  });
  expectAllDone(set, await set.run(members(5, turns(1, { ms: 300 }))));
  const times = set.sent().map(([, at]) => at);
  expect(times[0]).toBe(0);
  expect(times[1]).toBe(300);
  expect(times.at(-1)).toBeLessThan(400);
});

test('without a governor the same fan-out is refused', async () => {
  const set = crowd({ governor: null, world: { rateLimits: { requestsPerMinute: 60 } } });
  const quick = { options: { limits: { retryAfterMs: 0 } } };
  const ends = await set.run(members(70, turns(1), quick));
  expect(ends.filter(({ outcome }) => outcome === 'rate-limited')).toHaveLength(10);
});
