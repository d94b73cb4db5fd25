import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { randomFrom } from '../support/random.ts';
import { SimulatedFileSystem } from '../support/simulated-file-system.ts';
import type { Faults } from '../support/simulated-file-system.ts';
import { crashTrial } from './crash-trial.ts';
import type { Ending, Plan } from './crash-trial.ts';

/** A failing trial is told with the plan that repeats it. */
async function run(plan: Plan): Promise<number[]> {
  try {
    return await crashTrial(plan);
  } catch (error) {
    throw new Error(`crashTrial(${JSON.stringify(plan)}) failed`, { cause: error });
  }
}

const rest = { faults: {}, ending: 'kill' as const };

describe('crashes of a simulated machine', { timeout: patienceMs }, () => {
  test.for<Ending>(['kill', 'power'])('%s at every operation', async (ending) => {
    let crashes = 0;
    for (let seed = 1; seed <= 4; seed += 1) {
      const [, operations = 0] = await run({ seed, processes: [rest, rest, rest] });
      for (let crashAt = 0; crashAt < operations; crashAt += 1) {
        await run({ seed, processes: [rest, { faults: { crashAt }, ending }, rest] });
        crashes += 1;
      }
    }
    expect(crashes).toBeGreaterThan(100);
  });

  test.for<Ending>(['kill', 'power'])(
    '%s at every operation of a copy leaves all of it or none',
    async (ending) => {
      const entries = sampleEntries(30, { resultSize: 200 });
      const trial = async (seed: number, faults: Faults): Promise<[operations: number, found: number]> => {
        const fileSystem = new SimulatedFileSystem(randomFrom(seed));
        const store = fileStore('/data/sessions', { fileSystem, blobBytes: 150 });
        fileSystem.boot(faults);
        const made = await store.create?.('copy', iterate(entries)).then(
          () => true,
          () => false,
        );
        const { operations } = fileSystem;
        if (ending === 'power') fileSystem.losePower();
        fileSystem.boot();
        const listed = (await store.list()).map(({ id }) => id);
        const journal = await store.open('copy');
        expect([0, entries.length]).toContain(journal.length);
        expect(listed).toEqual(journal.length > 0 ? ['copy'] : []);
        if (made) expect(journal.length).toBe(entries.length);
        if (journal.length > 0) expect(await all(journal.read())).toEqual(entries);
        return [operations, journal.length];
      };
      const [operations] = await trial(1, {});
      const found = new Set<number>();
      for (let seed = 1; seed <= 4; seed += 1)
        for (let crashAt = 0; crashAt < operations; crashAt += 1)
          found.add((await trial(seed, { crashAt }))[1]);
      expect(found).toEqual(new Set([0, entries.length]));
    },
  );

  test('crash upon crash, with full disks, failing syncs and short writes', async () => {
    const { trials, seed } = campaign({ suite: 120, ci: 2000, full: 1_000_000 });
    console.log(`crashes: ${trials} trials from seed ${seed}`);
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + trial);
      const processes = Array.from({ length: 1 + random.below(4) }, () => ({
        faults: {
          ...(random.chance(0.8) && { crashAt: random.below(90) }),
          ...(random.chance(0.2) && { space: random.below(4000) }),
          ...(random.chance(0.3) && { failSync: oneOf(random.below(12)) }),
          ...(random.chance(0.1) && { failWrite: oneOf(random.below(12)) }),
          ...(random.chance(0.2) && { shortWrites: 0.5 }),
        },
        ending: random.chance(0.6) ? ('power' as const) : ('kill' as const),
      }));
      await run({ seed: seed + trial, processes });
    }
  });

  test.for<Ending>(['kill', 'power'])('EIO on every sync, then %s', async (ending) => {
    for (let seed = 1; seed <= 4; seed += 1)
      for (let sync = 0; sync < 25; sync += 1)
        await run({
          seed,
          processes: [rest, { faults: { failSync: oneOf(sync) }, ending }, { ...rest, ending }],
        });
  });

  test('a disk that fills up at every other byte', async () => {
    for (let space = 0; space < 1200; space += 2)
      await run({ seed: space, appends: 3, processes: [{ faults: { space }, ending: 'kill' }, rest] });
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function oneOf(failing: number): (count: number) => boolean {
  return (count) => count === failing;
}
