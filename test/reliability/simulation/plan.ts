import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import type { Random } from '../../../packages/stores/test/support/random.ts';
import type { Ending, LifePlan, TrialPlan } from './trial.ts';

/** A trial drawn from a seed: small sessions that die again and again, in every way. */
export function planFrom(seed: number): TrialPlan {
  const random = randomFrom(seed);
  const lives = Array.from({ length: 4 + random.below(16) }, () => lifeFrom(random));
  return {
    seed,
    shape: { turns: 1 + random.below(3), tools: 3 },
    runs: 1 + random.below(2),
    // A takeover costs as much as many crashes.
    lives: random.chance(0.1) ? [...lives.slice(0, 3), rivalFrom(random)] : lives,
    flips: 0.05,
  };
}

function lifeFrom(random: Random): LifePlan {
  const ending: Ending = random.chance(0.5) ? 'power' : 'kill';
  const faults = {
    ...(random.chance(0.05) && { failSync: oneOf(random.below(10)) }),
    ...(random.chance(0.03) && { failWrite: oneOf(random.below(10)) }),
    ...(random.chance(0.03) && { space: random.below(4000) }),
    ...(random.chance(0.1) && { shortWrites: 0.3 }),
  };
  // Opening takes some 20 operations of the disk. Most lives get further, but not much.
  return { diesAt: random.below(random.chance(0.8) ? 60 : 20), ending, faults };
}

function rivalFrom(random: Random): LifePlan {
  return { diesAt: random.chance(0.5) ? random.below(80) : Number.POSITIVE_INFINITY, ending: 'rival' };
}

function oneOf(failing: number): (count: number) => boolean {
  return (count) => count === failing;
}
