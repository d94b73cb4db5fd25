import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { coverEveryPoint, crashCampaign } from './campaign.ts';

// Every fault point in CI, every ninth in the suite.
const { trials: stride } = campaign({ suite: 9, ci: 1, full: 1 });
const { trials } = campaign({ suite: 500, ci: 10_000, full: 500_000 });

test(`${trials} more crashes of loop and store`, { timeout: patienceMs }, async () => {
  const { crashes } = await crashCampaign({ seed: 1_000_000, crashes: trials });
  expect(crashes).toBeGreaterThanOrEqual(trials);
});

test(
  'a loss of power at every fault point of a run of five turns with three tools',
  { timeout: patienceMs },
  async () => {
    expect(await coverEveryPoint(1, 'power', stride)).toBeGreaterThan(200);
  },
);
