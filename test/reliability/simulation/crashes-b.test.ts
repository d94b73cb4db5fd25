import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { coverPoints, crashCampaign } from './campaign.ts';

const { trials, seed: first } = campaign({ suite: 500, ci: 10_000, full: 500_000 });
const seed = first + 1_000_000;

test(`${trials} more crashes of loop and store from seed ${seed}`, { timeout: patienceMs }, async () => {
  const { crashes } = await crashCampaign({ seed, crashes: trials });
  expect(crashes).toBeGreaterThanOrEqual(trials);
});

const { trials: every } = campaign({ suite: 9, ci: 1, full: 1 });

test(
  `a loss of power at every fault point of 5 turns with 3 tools (of ${every}, one)`,
  { timeout: patienceMs },
  async () => {
    expect(await coverPoints(1, 'power', every)).toBeGreaterThan(200);
  },
);
