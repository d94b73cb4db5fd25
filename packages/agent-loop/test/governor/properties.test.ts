import fc from 'fast-check';
import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { crowd, type Member } from './crowd.ts';

const { trials, seed } = campaign({ suite: 60, ci: 300, full: 5000 });

const turn = fc.record({
  outputTokens: fc.integer({ min: 1, max: 900 }),
  ms: fc.integer({ min: 0, max: 5000 }),
});
const member = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }),
  inputChars: fc.integer({ min: 1, max: 6000 }),
  startMs: fc.constantFrom(0, 0, 10, 3000, 70_000),
});
const limits = fc.record({
  requestsPerMinute: fc.constantFrom(undefined, 5, 17, 60, 1000),
  inputTokensPerMinute: fc.constantFrom(undefined, 8000, 20_000, 100_000),
  outputTokensPerMinute: fc.constantFrom(undefined, 2000, 8000, 40_000),
});

test(
  'whatever agents do, under whatever limits: where headers tell the truth none is refused, and all come to an end',
  { timeout: patienceMs },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 10 }),
        limits,
        fc.constantFrom(undefined, 1, 3),
        async (given, rateLimits, concurrency) => {
          const set = crowd({ governor: concurrency ? { concurrency } : {}, world: { rateLimits } });
          const crew = given.map((plan, index): Member => ({ name: `agent-${index}`, ...plan }));
          const ends = await set.run(crew);
          expect(set.sent(429)).toEqual([]);
          expect(ends.map(({ outcome }) => outcome)).toEqual(ends.map(() => 'completed'));
          expect(set.governor).toMatchObject({ inFlight: 0, waiting: 0 });
          if (concurrency) expect(set.mostInFlight()).toBeLessThanOrEqual(concurrency);
        },
      ),
      { numRuns: trials, seed },
    );
  },
);
