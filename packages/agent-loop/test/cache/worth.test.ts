import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapOf, Habit } from '../../src/cache/cache-habit.ts';
import { fitting, type OwnMarks } from '../../src/cache/cache-marks.ts';
import type { CacheTtl } from '../../src/cache/cache-option.ts';
import { cacheCosts, worthwhileTtl } from '../../src/cache/cache-worth.ts';

const rates = { read: 0.05, write5m: 1.25, write1h: 2 };

describe('the arithmetic of a breakpoint', () => {
  it.each([
    ['a first request of which one in five is read back', 0, 1000, { soon: 0.2, later: 0 }, null],
    ['a first request of which one in four is read back', 0, 1000, { soon: 0.25, later: 0 }, '5m'],
    ['a growing conversation', 10_000, 1000, { soon: 1, later: 0 }, '5m'],
    ['a growing conversation that nobody goes on with', 10_000, 1000, { soon: 0, later: 0 }, '5m'],
    ['much that is new and that nobody asks for', 100, 10_000, { soon: 0, later: 0 }, null],
    ['a first request before a sure pause', 0, 1000, { soon: 0, later: 1 }, '1h'],
    ['a first request before a pause one time in two', 0, 1000, { soon: 0.5, later: 0.5 }, '5m'],
    ['little that is new, before a pause one time in ten', 9000, 1000, { soon: 0.9, later: 0.1 }, '1h'],
    ['much that is new, before a pause one time in ten', 9000, 9000, { soon: 0.9, later: 0.1 }, '5m'],
  ] as const)('%s', (_, cached, fresh, next, expected) => {
    expect(worthwhileTtl({ cached, fresh, next, rates })).toBe(expected);
  });

  it('says what each would cost', () => {
    expect(cacheCosts({ cached: 1000, fresh: 100, next: { soon: 0.5, later: 0.5 }, rates })).toEqual({
      none: 1100 + 1.25 * 1100,
      '5m': 50 + 125 + 0.5 * 55 + 0.5 * 1.25 * 1100,
      '1h': 50 + 200 + 55,
    });
  });
});

it('a habit is learned turn by turn', () => {
  const habit = new Habit();
  const even = { soon: 0.5, later: 0 };
  expect(habit.expect(1, even)).toEqual(even);
  for (let run = 0; run < 4; run += 1) {
    habit.note(1, gapOf(1000));
    habit.note(2, gapOf(40 * 60_000));
  }
  expect(habit.expect(1, even).soon).toBeGreaterThan(0.95);
  expect(habit.expect(2, even).later).toBeGreaterThan(0.95);
  expect(habit.expectAny(even)).toEqual({ soon: 0.5, later: 4 / 9 });
  habit.note(3, gapOf(90 * 60_000));
  expect(habit.expect(3, even).soon).toBeLessThan(0.2);
});

it('whatever is marked already, at most four, none after five minutes for an hour, none refused because of ours', () => {
  const ttl = fc.constantFrom<CacheTtl>('5m', '1h');
  const maybe = fc.option(ttl, { nil: null });
  const orderly = (list: readonly (CacheTtl | null)[]): boolean => {
    const set = list.filter((each) => each !== null);
    const short = set.indexOf('5m');
    return set.length <= 4 && (short < 0 || !set.slice(short).includes('1h'));
  };
  fc.assert(
    fc.property(
      fc.record({
        tools: fc.array(ttl, { maxLength: 2 }),
        system: fc.array(ttl, { maxLength: 2 }),
        request: maybe,
      }),
      fc.array(ttl, { maxLength: 2 }),
      fc.record({ tools: maybe, system: maybe, end: maybe }),
      fc.boolean(),
      (own: OwnMarks, inMessages, places, long) => {
        fc.pre(orderly([...own.tools, ...own.system, ...inMessages, own.request]));
        const asked = { ...places, earlier: long ? { message: 3, ttl: '5m' as const } : null, block: false };
        const { tools, system, end, earlier } = fitting(asked, own, inMessages);
        const whole = [
          ...own.tools,
          tools,
          ...own.system,
          system,
          ...inMessages,
          earlier?.ttl ?? null,
          own.request ?? end,
        ].filter((each) => each !== null);
        const count = own.tools.length + own.system.length + inMessages.length + (own.request ? 1 : 0);
        expect(whole.length).toBeLessThanOrEqual(Math.max(4, count));
        const short = whole.indexOf('5m');
        if (short >= 0) expect(whole.slice(short)).not.toContain('1h');
        for (const place of ['tools', 'system', 'end'] as const)
          if (places[place] === null) expect({ tools, system, end }[place]).toBeNull();
      },
    ),
    { numRuns: 2000, seed: 11 },
  );
});
