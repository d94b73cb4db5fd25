import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { packageConditions } from '../built.ts';
import { killCampaign } from './campaign.ts';

const { conditions, what } = packageConditions();

const { trials } = campaign({ suite: 7, ci: 100, full: 500 });

test(`${trials} kills of ${what}`, { timeout: 5 * patienceMs }, async () => {
  const { kills, byBarrier, counts, broken } = await killCampaign({ seed: 1, kills: trials, conditions });
  expect(broken).toEqual([]);
  expect(counts).toEqual({ lost: 0, doubled: 0, stuck: 0, diverged: 0, bill: 0, refused: 0 });
  expect(kills).toBeGreaterThanOrEqual(trials);
  expect(Object.keys(byBarrier).toSorted()).toEqual([
    'after-effect',
    'after-intent',
    'after-result',
    'anytime',
    'before-intent',
    'mid-effect',
    'mid-reply',
  ]);
});

test('what has to fail fails: a tool with the wrong effect happens twice', { timeout: 60_000 }, async () => {
  const { counts } = await killCampaign({ seed: 1, kills: 12, control: 'wrong-effect', conditions });
  expect(counts.doubled).toBeGreaterThan(0);
});

test('what has to fail fails: a store that drops appends loses results', { timeout: 60_000 }, async () => {
  const { counts } = await killCampaign({ seed: 1, kills: 2, control: 'drops-appends', conditions });
  expect(counts.lost).toBeGreaterThan(0);
});
