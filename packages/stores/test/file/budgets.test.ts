import type { BudgetStore } from '@pawl/agent-loop/store';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { patienceMs } from '../../../../test/support/campaign.ts';
import { randomFrom } from '../support/random.ts';
import { SimulatedFileSystem } from '../support/simulated-file-system.ts';
import type { Faults } from '../support/simulated-file-system.ts';

/** Adds one, and says how many there are now. */
async function add(store: BudgetStore): Promise<number> {
  let count = 0;
  await store.updateBudget('b', (kept) => {
    count = Number(kept ?? 0) + 1;
    return String(count);
  });
  return count;
}

/** Three processes after each other, the second with faults; returns its operations. */
async function trial(seed: number, faults: Faults, ending: 'kill' | 'power'): Promise<number> {
  const fileSystem = new SimulatedFileSystem(randomFrom(seed));
  const process = () => fileStore('/data/sessions', { fileSystem });
  fileSystem.boot();
  let acknowledged = 0;
  for (let tries = 0; tries < 5; tries += 1) acknowledged = await add(process());
  fileSystem.boot(faults);
  let attempted = acknowledged;
  try {
    for (let tries = 0; tries < 5; tries += 1) {
      attempted += 1;
      acknowledged = await add(process());
    }
  } catch {
    // It died.
  }
  const { operations } = fileSystem;
  if (ending === 'power') fileSystem.losePower();
  fileSystem.boot();
  const found = (await add(process())) - 1;
  expect(found).toBeGreaterThanOrEqual(acknowledged);
  expect(found).toBeLessThanOrEqual(attempted);
  expect(await add(process())).toBe(found + 2);
  return operations;
}

describe('a budget in files, on a simulated machine', { timeout: patienceMs }, () => {
  test.for(['kill', 'power'] as const)(
    '%s at every operation loses no update that was acknowledged',
    async (ending) => {
      for (let seed = 1; seed <= 3; seed += 1) {
        const operations = await trial(seed, {}, ending);
        for (let crashAt = 0; crashAt < operations; crashAt += 1) await trial(seed, { crashAt }, ending);
      }
    },
  );

  test('full disks and failing syncs lose none either', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = randomFrom(seed);
      const faults: Faults = {
        space: 20 + random.below(200),
        shortWrites: random.next(),
        failSync: () => random.chance(0.1),
      };
      await trial(seed, faults, random.chance(0.5) ? 'kill' : 'power');
    }
  });
});
