import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { coverEveryPoint, crashCampaign } from './campaign.ts';

const { trials, seed: first } = campaign({ suite: 1000, ci: 10_000, full: 500_000 });
const seed = first + 1_000_000;

test(`${trials} more crashes of loop and store from seed ${seed}`, { timeout: patienceMs }, async () => {
  const { crashes } = await crashCampaign({ seed, crashes: trials });
  expect(crashes).toBeGreaterThanOrEqual(trials);
});

test(
  'a loss of power at every fault point of a run of five turns with three tools',
  { timeout: patienceMs },
  async () => {
    expect(await coverEveryPoint(1, 'power')).toBeGreaterThan(200);
  },
);
