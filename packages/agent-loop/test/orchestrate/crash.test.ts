import { describe, expect, it } from 'vitest';
import { type Random, randomFrom } from '../../../stores/test/support/random.ts';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import type { Act, Plan } from './plan.ts';
import { expectRestorable } from '../session/checkpointing-store.ts';
import { entriesIn } from '../session/world.ts';
import { ScriptWorld } from './script-world.ts';

/** Everything a script can do, once. */
const PLAN: Plan = [
  { kind: 'run', name: 'plan', calls: 1 },
  { kind: 'step', name: 'fetch', inside: [] },
  {
    kind: 'map',
    name: 'parts',
    items: 2,
    concurrency: 2,
    each: [
      { kind: 'run', name: 'draft', calls: 1 },
      { kind: 'step', name: 'check', inside: [{ kind: 'run', name: 'review', calls: 0 }] },
    ],
  },
  {
    kind: 'race',
    name: 'fastest',
    winner: [{ kind: 'run', name: 'hare', calls: 0 }],
    losers: [[{ kind: 'run', name: 'tortoise', calls: 1, hangs: true }]],
  },
  { kind: 'run', name: 'summary', calls: 0 },
];

/** Runs a plan to its end in as many lives as it takes: every life but the last dies at an append that `pick` chooses. */
async function outlive(world: ScriptWorld, lives: number, pick: (life: number) => number): Promise<string> {
  for (let life = 0; life < lives; life += 1) {
    const result = await world.live({ append: pick(life), when: life % 2 === 0 ? 'after' : 'before' });
    if (result !== null) return result;
  }
  return (await world.live(null)) ?? 'died';
}

describe('a script whose process is killed', () => {
  const { trials } = campaign({ suite: 24, ci: 1000, full: 1000 });

  it.each([8, 1])(
    'at any append of any journal, before and after it is kept: run again, it comes to the same (concurrency %i)',
    { timeout: patienceMs },
    async (concurrency) => {
      const whole = new ScriptWorld(PLAN, concurrency);
      const expected = await whole.live(null);
      await whole.check('uninterrupted');
      for (const { id } of await whole.store.list()) expectRestorable(await entriesIn(whole.store, id));
      const { appends } = whole;
      expect(appends).toBeGreaterThan(60);
      const apart = Math.max(1, Math.floor((2 * appends) / trials));
      for (let at = concurrency % apart; at < 2 * appends; at += apart) {
        const crash = { append: at >> 1, when: at % 2 === 0 ? ('before' as const) : ('after' as const) };
        const seen = `killed ${crash.when} append ${crash.append}`;
        const world = new ScriptWorld(PLAN, concurrency);
        // Entries that wait for each other share an append, so that a life may end with fewer of them.
        expect((await world.live(crash)) ?? (await world.live(null)), seen).toBe(expected);
        await world.check(seen);
      }
    },
  );

  it('again and again: every life brings it further', { timeout: patienceMs }, async () => {
    const expected = await new ScriptWorld(PLAN).live(null);
    for (const every of [9, 14]) {
      const world = new ScriptWorld(PLAN);
      expect(await outlive(world, 200, () => every)).toBe(expected);
      await world.check(`killed every ${every} appends`);
    }
  });
});

/** A script drawn from chance. No hanging agents outside races: nobody would stop them. */
function drawPlan(random: Random, depth: number, prefix: string): Plan {
  const acts: Act[] = [];
  const length = 1 + random.below(3);
  for (let index = 0; index < length; index += 1) acts.push(drawAct(random, depth, `${prefix}${index}`));
  return acts;
}

function drawAct(random: Random, depth: number, name: string): Act {
  const inside = (): Plan => drawPlan(random, depth - 1, `${name}-`);
  const kinds = depth > 0 ? ['run', 'run', 'step', 'map', 'all', 'race'] : ['run', 'step'];
  switch (kinds[random.below(kinds.length)]) {
    case 'step':
      return { kind: 'step', name, inside: depth > 0 && random.chance(0.5) ? inside() : [] };
    case 'map':
      return { kind: 'map', name, items: random.below(4), concurrency: 1 + random.below(3), each: inside() };
    case 'all':
      return { kind: 'all', name, branches: Array.from({ length: 1 + random.below(3) }, inside) };
    case 'race': {
      const hangs: Act = { kind: 'run', name: `${name}-hangs`, calls: random.below(2), hangs: true };
      const losers = Array.from({ length: 1 + random.below(2) }, () => [...inside(), hangs]);
      return { kind: 'race', name, winner: inside(), losers };
    }
    default:
      return { kind: 'run', name, calls: random.below(3) };
  }
}

describe('scripts drawn from chance', () => {
  const { trials, seed } = campaign({ suite: 24, ci: 400, full: 10_000 });

  it(
    `${trials} of them, from seed ${seed}: killed anywhere, they come to the same`,
    { timeout: patienceMs },
    async () => {
      for (let trial = seed; trial < seed + trials; trial += 1) {
        const random = randomFrom(trial);
        const plan = drawPlan(random, 2, 's');
        // A loser that hangs must not hold the only place.
        const concurrency = 8 + random.below(8);
        const whole = new ScriptWorld(plan, concurrency);
        const expected = await whole.live(null);
        const seen = `seed ${trial}`;
        await whole.check(seen);
        const world = new ScriptWorld(plan, concurrency);
        const lives = 1 + random.below(4);
        expect(await outlive(world, lives, () => random.below(whole.appends)), seen).toBe(expected);
        await world.check(seen);
      }
    },
  );
});
