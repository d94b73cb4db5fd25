import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../src/governor/fair-queue.ts';
import { crowd, members, turns } from './crowd.ts';

const flows = fc.array(
  fc.record({
    weight: fc.constantFrom(0.5, 1, 2, 5),
    costs: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
  }),
  { minLength: 2, maxLength: 6 },
);

describe('the queue', () => {
  test('serves flows that wait in proportion to their weights, to within one item each', () => {
    fc.assert(
      fc.property(flows, fc.nat(200), (given, seed) => {
        const queue = new FairQueue<number>();
        const keys = given.map(() => ({}));
        const order = given.flatMap(({ costs }, flow) => costs.map((cost) => ({ flow, cost })));
        const shift = seed % order.length;
        for (const { flow, cost } of [...order.slice(shift), ...order.slice(0, shift)])
          queue.add(flow, keys[flow] ?? {}, cost, given[flow]?.weight ?? 1);
        const left = given.map(({ costs }) => costs.length);
        const served = given.map(() => 0);
        const span = given.map(({ weight, costs }) => Math.max(...costs) / weight);
        const rotated = [...order.slice(shift), ...order.slice(0, shift)];
        const pending = given.map((_, flow) => rotated.filter((item) => item.flow === flow));
        while (left.every((count) => count > 0)) {
          const flow = queue.take() ?? -1;
          const cost = pending[flow]?.shift()?.cost ?? 0;
          served[flow] = (served[flow] ?? 0) + cost / (given[flow]?.weight ?? 1);
          left[flow] = (left[flow] ?? 0) - 1;
          for (const [a, mine] of served.entries())
            for (const [b, other] of served.entries())
              expect(mine - other).toBeLessThanOrEqual((span[a] ?? 0) + (span[b] ?? 0) + 1e-9);
        }
      }),
      { seed: 1 },
    );
  });

  test('keeps what comes first, first; lets what was sent back go before all; charges nobody for leaving', () => {
    const queue = new FairQueue<string>();
    const [a, b] = [{}, {}];
    queue.add('a1', a, 1, 1);
    const leaving = queue.add('a2', a, 1, 1);
    queue.add('b1', b, 1, 1);
    queue.addFirst('b0', b);
    expect(queue.items()).toEqual(['b0', 'a1', 'b1', 'a2']);
    expect(queue.remove(leaving)).toBe(true);
    expect(queue.remove(leaving)).toBe(false);
    queue.add('b2', b, 1, 1);
    queue.add('a3', a, 1, 1);
    expect(Array.from({ length: 5 }, () => queue.take())).toEqual(['b0', 'a1', 'b1', 'b2', 'a3']);
    expect(queue.length).toBe(0);
  });

  test('starts anew by another measure, with all that wait', () => {
    const queue = new FairQueue<string>();
    const [a, b] = [{}, {}];
    for (const name of ['a1', 'a2', 'a3']) queue.add(name, a, 1, 1);
    queue.take();
    queue.reweigh(() => 0.01);
    queue.add('b1', b, 0.01, 1);
    queue.add('b2', b, 0.01, 1);
    expect(queue.items()).toEqual(['a2', 'b1', 'a3', 'b2']);
  });
});

describe('agents that share a governor', () => {
  test('get their share by priority: one that weighs three times as much has three of four turns', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 20 } } });
    // Runs of the same agent share its turns.
    const slow = set.agentOf({ name: 'slow', options: { priority: 1 } });
    const fast = set.agentOf({ name: 'fast', options: { priority: 3 } });
    const runs = Array.from({ length: 30 }, () => [slow.run('Go.'), fast.run('Go.')]).flat();
    await set.time.pass(Promise.all(runs));
    // The first of all was sent before anybody else had come.
    const firstForty = set
      .sent()
      .slice(0, 40)
      .map(([agent]) => agent);
    expect(firstForty.filter((agent) => agent === 'fast')).toHaveLength(29);
    expect(set.sent(429)).toEqual([]);
  });

  test('one that comes late and weighs more goes before those that wait', async () => {
    const set = crowd({ world: { rateLimits: { requestsPerMinute: 10 } } });
    const late = { name: 'late', turns: turns(1), startMs: 20_000, options: { priority: 4 } };
    await set.run([...members(30, turns(1)), late]);
    const place = set.sent().findIndex(([agent]) => agent === 'late');
    // Ten at once, three and a bit by then, and those few who were due before.
    expect(place).toBeLessThan(20);
  });

  test('one with large prompts does not slow down those with small ones', async () => {
    const set = crowd({ world: { cache: false, rateLimits: { inputTokensPerMinute: 40_000 } } });
    const large = { name: 'large', turns: turns(30), inputChars: 30_000 };
    const small = { name: 'small', turns: turns(30), inputChars: 40 };
    const ends = await set.run([large, small]);
    expect(ends.map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
    expect(set.sent(429)).toEqual([]);
    const [largeEnd, smallEnd] = ends.map(({ endedAt }) => endedAt);
    expect(smallEnd).toBeLessThan((largeEnd ?? 0) / 4);
  });
});
