import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { packageConditions } from '../built.ts';
import { killCampaign } from './campaign.ts';
import { BARRIERS } from './protocol.ts';

const { conditions, what } = packageConditions();

const { trials, seed } = campaign({ suite: 7, ci: 100, full: 500 });

test(`${trials} kills of ${what}, from seed ${seed}`, { timeout: 5 * patienceMs }, async () => {
  const { kills, byBarrier, counts, broken } = await killCampaign({ seed, kills: trials, conditions });
  expect(broken).toEqual([]);
  expect(counts).toEqual({ lost: 0, doubled: 0, stuck: 0, diverged: 0, bill: 0, refused: 0 });
  expect(kills).toBeGreaterThanOrEqual(trials);
  if (trials >= 100) expect(Object.keys(byBarrier).toSorted()).toEqual(BARRIERS.toSorted());
});

const sqlite = campaign({ suite: 7, ci: 40, full: 200 });

test(`${sqlite.trials} kills on SQLite, from seed ${sqlite.seed}`, { timeout: 5 * patienceMs }, async () => {
  const { kills, counts, broken } = await killCampaign({
    seed: sqlite.seed,
    kills: sqlite.trials,
    store: 'sqlite',
    conditions,
  });
  expect(broken).toEqual([]);
  expect(counts).toEqual({ lost: 0, doubled: 0, stuck: 0, diverged: 0, bill: 0, refused: 0 });
  expect(kills).toBeGreaterThanOrEqual(sqlite.trials);
});

test(
  'what has to fail fails: a tool with the wrong effect happens twice',
  { timeout: 5 * patienceMs },
  async () => {
    const { counts } = await killCampaign({
      seed: 1,
      kills: 1,
      parallel: 1,
      control: 'wrong-effect',
      conditions,
    });
    expect(counts.doubled).toBeGreaterThan(0);
  },
);

test(
  'what has to fail fails: a store that drops appends loses results',
  { timeout: 5 * patienceMs },
  async () => {
    const { counts } = await killCampaign({
      seed: 1,
      kills: 1,
      parallel: 1,
      control: 'drops-appends',
      conditions,
    });
    expect(counts.lost).toBeGreaterThan(0);
  },
);
