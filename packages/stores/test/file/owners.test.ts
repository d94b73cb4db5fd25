import { isDeepStrictEqual } from 'node:util';
import { JournalError } from '@pawl/agent-loop/store';
import type { Entry, FullJournal, JournalStore } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { randomFrom } from '../support/random.ts';
import { Scheduler, SimulatedFileSystem } from '../support/simulated-file-system.ts';

const POOL = ['a', 'b', 'c'].map((label) => sampleEntries(30, { label }));

/** Opens and appends until another owner comes, and again. Notes what was acknowledged. */
async function own(
  store: JournalStore<FullJournal>,
  pool: readonly Entry[],
  rounds: number,
  acknowledged: Entry[],
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    try {
      const journal = await store.open('s');
      for (let count = 0; count < 3; count += 1) {
        const seq = journal.length;
        const entries = pool.slice(seq, seq + 1 + (count % 2));
        await journal.append(entries, seq, { sync: count !== 1 });
        acknowledged.push(...entries);
      }
      await journal.close();
    } catch (error) {
      if (!(error instanceof JournalError) || error.code !== 'fenced') throw error;
    }
  }
}

async function trial(seed: number): Promise<{ acknowledged: number; complaint: string | undefined }> {
  const random = randomFrom(seed);
  const fileSystem = new SimulatedFileSystem(random);
  const scheduler = new Scheduler(random);
  fileSystem.scheduler = scheduler;
  const acknowledged: Entry[] = [];
  const owners = POOL.slice(0, 2 + (seed % 2)).map((pool) =>
    own(fileStore('/d', { fileSystem, blobBytes: 200 }), pool, 2, acknowledged),
  );
  await scheduler.drive(Promise.all(owners));
  fileSystem.scheduler = undefined;
  if (seed % 3 === 0) fileSystem.losePower();
  const journal = await fileStore('/d', { fileSystem }).open('s');
  const kept: Entry[] = [];
  for await (const entry of journal.read()) kept.push(entry);
  const isSafe = seed % 3 !== 0;
  const lost = isSafe ? acknowledged.find((entry) => !isDeepStrictEqual(kept[entry.seq], entry)) : undefined;
  const twice = acknowledged.length - new Set(acknowledged.map(({ seq }) => seq)).size;
  const complaint =
    (journal.damage && `damage: ${JSON.stringify(journal.damage)}`) ||
    (lost && `entry ${lost.seq} was acknowledged and is not there`) ||
    (isSafe && twice > 0 && `${twice} positions were acknowledged twice`) ||
    undefined;
  return { acknowledged: acknowledged.length, complaint };
}

describe('owners of one session', { timeout: patienceMs }, () => {
  test('in whatever order their operations happen, nothing acknowledged is lost or mixed', async () => {
    const { trials, seed } = campaign({ suite: 60, ci: 400, full: 100_000 });
    console.log(`owners: ${trials} trials from seed ${seed}`);
    let total = 0;
    for (let index = 0; index < trials; index += 1) {
      const { acknowledged, complaint } = await trial(seed + index);
      if (complaint) expect.fail(`seed ${seed + index}: ${complaint}`);
      total += acknowledged;
    }
    expect(total).toBeGreaterThan(trials * 2);
  });
});
