import { apiError, type Answer, fault, reply } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import type { AgentEvent, Governor } from '../../src/index.ts';
import { ConfigError, createAgent, createGovernor } from '../../src/index.ts';
import { type GovernorNote, memoryGovernorStore } from '../../src/store.ts';
import { crowd, type CrowdOptions, type Member, members, turns } from './crowd.ts';

function waits(events: readonly AgentEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'wait' ? [`${event.reason} ${event.delayMs}`] : []));
}

/** Answers the first `count` requests so, and lets the others through. */
function firstOnes(count: number, answer: Answer): NonNullable<CrowdOptions['instead']> {
  let seen = 0;
  return () => ((seen += 1) <= count ? answer : undefined);
}

describe('a 429 holds everyone', () => {
  test('also where the SDK tries again by itself: nobody sends before it may', async () => {
    const retryAfterMs = 150;
    const set = crowd({ instead: firstOnes(1, apiError(429, { retryAfterMs })), speed: 1 });
    const ends = await set.run(members(4, turns(1, { ms: 0 })));
    expect(ends.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => 'completed'));
    const [[, limitedAt] = ['', 0], ...others] = set.sent();
    expect(others).toHaveLength(4);
    for (const [, at] of others) expect(at - limitedAt).toBeGreaterThanOrEqual(retryAfterMs - 1);
    for (const { events } of ends.slice(1)) expect(waits(events).join()).toContain('rate-limit 1');
  });

  test('and a run that has not so much patience ends at once, as it would without a governor', async () => {
    const hour = apiError(429, { retryAfterMs: 3_600_000 });
    const set = crowd({ instead: firstOnes(1, hour) });
    const ends = await set.run(members(5, turns(1)));
    expect(ends.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 5 }, () => 'rate-limited'));
    expect(set.sent()).toHaveLength(1);
    const late = await set.run([{ name: 'late', turns: turns(1) }]);
    expect(late[0]?.outcome).toBe('rate-limited');
    expect(set.sent()).toHaveLength(1);
    expect(set.governor).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  test('but a spend limit holds nobody: waiting would not help', async () => {
    const spent = apiError(429, { details: { error_code: 'enforced_spend_limit_reached' } });
    const set = crowd({ instead: firstOnes(1, spent) });
    const ends = await set.run(members(3, turns(1)));
    expect(ends.map(({ outcome }) => outcome)).toEqual(['rate-limited', 'completed', 'completed']);
    expect(set.time.now()).toBeLessThan(1000);
  });
});

describe('a server that is overloaded gets half as many requests at once, then slowly more', () => {
  test.each([
    ['529', apiError(529, { shouldRetry: false })],
    ['an error event', reply('Well', { fault: fault.errorEvent({ type: 'overloaded_error' }) })],
  ])('%s', async (_name, answer) => {
    let seen = 0;
    const instead = () => ((seen += 1) >= 10 && seen < 13 ? answer : undefined);
    const set = crowd({ instead, world: { headers: false } });
    const crew = members(16, turns(6, { ms: 1000 }), { options: { limits: { turnRetries: 0 } } });
    const ends = await set.run(crew);
    expect(ends.filter(({ outcome }) => outcome === 'overloaded')).toHaveLength(3);
    const perSecond = new Map<number, number>();
    for (const [, at] of set.sent()) {
      const second = Math.floor(at / 1000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    const counts = [...perSecond.values()];
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(15);
    // One cut for those that went out together, not one for each that failed.
    const afterwards = counts.slice(2, -2);
    expect(Math.max(...afterwards)).toBeLessThanOrEqual(12);
    expect(Math.min(...afterwards)).toBeGreaterThanOrEqual(5);
  });
});

describe('a server without rate headers', () => {
  const bare: CrowdOptions['world'] = { headers: false };

  test('is asked with as much concurrency as is allowed', async () => {
    const set = crowd({ governor: { concurrency: 3 }, world: bare });
    const ends = await set.run(members(9, turns(1, { ms: 1000 })));
    expect(ends.every(({ outcome }) => outcome === 'completed')).toBe(true);
    expect(set.sent().map(([, at]) => at)).toEqual([0, 1000, 1000, 1000, 2000, 2000, 2000, 3000, 3000]);
    expect(waits(ends[8]?.events ?? [])).toEqual(['concurrency 10000']);
  });

  test('teaches by its 429s: half as many at once, and longer and longer waits', async () => {
    let under = 0;
    const set = crowd({
      world: bare,
      instead: () => {
        under += 1;
        return under > 8 && under < 11 ? apiError(429, { shouldRetry: false }) : undefined;
      },
    });
    const ends = await set.run(members(12, turns(4, { ms: 500 })));
    expect(ends.filter(({ outcome }) => outcome === 'rate-limited')).toHaveLength(2);
    const times = set.sent().map(([, at]) => at);
    // One at first, then all; held for a second, then half as many at once.
    expect(times.filter((at) => at === 500)).toHaveLength(12);
    expect(times.filter((at) => at > 500 && at < 1500)).toEqual([]);
    expect(times.filter((at) => at === 1500)).toHaveLength(6);
  });
});

describe('a wait', () => {
  test('is told with its reason and an estimate that comes true', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 6 } } });
    const ends = await set.run(members(10, turns(1)));
    const told = ends.map(({ events }) => waits(events));
    expect(told[0]).toEqual([]);
    expect(told[1]).toEqual(['first-answer 5000']);
    expect(ends.at(-1)?.endedAt).toBeGreaterThan(39_000);
    const late = await set.run([{ name: 'late', turns: turns(1), startMs: 1000 }]);
    const [reason, ms] = waits(late[0]?.events ?? [])[0]?.split(' ') ?? [];
    expect(reason).toBe('rate-limit');
    const request = set.sent().at(-1)?.[1] ?? 0;
    const start = late[0]?.events[0]?.at ?? 0;
    expect(request + set.startedAt - start).toBeCloseTo(Number(ms), -2);
  });

  test('ends at once where its run is stopped, and leaves nothing behind', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 2 } } });
    const stop = new AbortController();
    const crew = members(6, turns(1), { signal: stop.signal });
    set.time.after(5000, () => stop.abort());
    const ends = await set.run(crew);
    expect(ends.map(({ outcome, endedAt }) => [outcome, endedAt])).toEqual([
      ['completed', 100],
      ['completed', expect.any(Number)],
      ...Array.from({ length: 4 }, () => ['stopped', 5000]),
    ]);
    expect(set.governor).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(set.openTimers()).toBe(0);
  });
});

test('a limit is per class of models and per key: others are not waited for', async () => {
  const set = crowd({ world: { rateLimits: { requestsPerMinute: 1 } } });
  const client = set.client.withOptions({ apiKey: 'other' });
  const ends = await set.run([
    { name: 'a', turns: turns(1) },
    { name: 'b', turns: turns(1), options: { model: 'claude-opus-4-7' } },
    { name: 'c', turns: turns(1), options: { model: 'claude-haiku-5-5' } },
    { name: 'd', turns: turns(1), options: { model: 'claude-opus-4-8' } },
    { name: 'e', turns: turns(1), options: { client } },
  ]);
  expect(ends.map(({ endedAt }) => Math.round(endedAt / 1000))).toEqual([0, 0, 0, 60, 0]);
});

test('a reserve is left to others: half of the limit is half the speed', async () => {
  const work = members(4, turns(10));
  const whole = crowd({ world: { rateLimits: { requestsPerMinute: 20 } } });
  const half = crowd({ governor: { reserve: 0.5 }, world: { rateLimits: { requestsPerMinute: 20 } } });
  await whole.run(work);
  await half.run(work);
  expect(whole.time.now()).toBeGreaterThan(60_000);
  expect(whole.time.now()).toBeLessThan(62_000);
  expect(half.time.now()).toBeGreaterThan(180_000);
  expect(half.time.now()).toBeLessThan(184_000);
});

test('what others take of the same key is seen in the headers, and waited for', async () => {
  const set = crowd({ world: { rateLimits: { requestsPerMinute: 30 } } });
  const body = JSON.stringify({
    model: 'claude-sonnet-5-5',
    max_tokens: 10,
    messages: [{ role: 'user', content: 'Hi.' }],
  });
  const headers = { 'x-api-key': 'k', 'anthropic-version': '2026-10-21' };
  set.time.after(1000, () => {
    const url = 'http://emulator.local/v1/messages';
    for (let count = 0; count < 10; count += 1)
      void set.emulator.fetch(url, { method: 'POST', headers, body });
  });
  const ends = await set.run(members(4, turns(15)));
  expect(ends.every(({ outcome }) => outcome === 'completed')).toBe(true);
  expect(set.sent(429)).toEqual([]);
  expect(set.sent()).toHaveLength(70);
  expect(set.time.now()).toBeGreaterThan(80_000);
  expect(set.time.now()).toBeLessThan(84_000);
});

describe('governors of two processes that share a store', () => {
  const two = (options: CrowdOptions) => {
    const hub = new Set<(note: GovernorNote) => void>();
    const create = (): Governor => createGovernor({ store: memoryGovernorStore(hub) });
    const [left, right] = [create(), create()];
    const crew = (side: string, governor: Governor, count: number): Member[] =>
      members(count, turns(1, { ms: 0 }), { options: { governor } }).map((one) => ({
        ...one,
        name: `${side}-${one.name}`,
      }));
    return { set: crowd({ governor: null, speed: 50, ...options }), left, right, crew };
  };

  test('stay below the limit together', async () => {
    const { set, left, right, crew } = two({ world: { rateLimits: { requestsPerMinute: 20 } } });
    const ends = await set.run([...crew('left', left, 15), ...crew('right', right, 15)]);
    expect(ends.every(({ outcome }) => outcome === 'completed')).toBe(true);
    expect(set.sent(429)).toEqual([]);
  });

  test('wait for what either is told to wait for', async () => {
    const limited = apiError(429, { retryAfterMs: 3_600_000 });
    const instead: CrowdOptions['instead'] = ({ bodyText }) =>
      bodyText.includes('left') ? limited : undefined;
    const { set, left, right, crew } = two({ instead });
    expect((await set.run(crew('right', right, 1)))[0]?.outcome).toBe('completed');
    expect((await set.run(crew('left', left, 1)))[0]?.outcome).toBe('rate-limited');
    expect((await set.run(crew('right', right, 1)))[0]?.outcome).toBe('rate-limited');
    expect(set.sent()).toHaveLength(2);
  });
});

describe('options', () => {
  const [model, governor] = ['claude-sonnet-5-5', createGovernor()];

  test.each([
    [
      () => createGovernor({ concurrency: 0 }),
      'createGovernor.concurrency: must be a whole number above 0, got 0.',
    ],
    [
      () => createGovernor({ concurrency: 1.5 }),
      'createGovernor.concurrency: must be a whole number above 0, got 1.5.',
    ],
    [
      () => createGovernor({ reserve: 1 }),
      'createGovernor.reserve: must be a share from 0 to below 1, such as 0.2, got 1.',
    ],
    [
      () => createGovernor({ store: {} as never }),
      'createGovernor.store: must have the functions tell(note) and follow(listener), got an object.',
    ],
    [
      () => createGovernor({ rpm: 5 } as never),
      'createGovernor: there is no option "rpm". Known: concurrency, reserve, store.',
    ],
    [() => createGovernor(5 as never), 'createGovernor: expected an object of options, got 5.'],
    [
      () => createAgent({ model, governor: {} as never }),
      'governor: expected what createGovernor() returns, got an object.',
    ],
    [() => createAgent({ model, governor, priority: 0 }), 'priority: must be a number above 0, got 0.'],
    [
      () => createAgent({ model, governor, priority: Infinity }),
      'priority: must be finite: nobody else would get a turn.',
    ],
  ])('%s', (create, message) => {
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(message);
  });
});
