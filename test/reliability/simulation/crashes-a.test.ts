import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { coverEveryPoint, crashCampaign } from './campaign.ts';
import { CONTROLS } from './controls.ts';
import type { Control } from './controls.ts';

// The other half is in crashes-b.test.ts, so that they can run side by side.
// Every fault point in CI, every ninth in the suite.
const { trials: stride } = campaign({ suite: 9, ci: 1, full: 1 });
const { trials } = campaign({ suite: 500, ci: 10_000, full: 500_000 });

test(`${trials} crashes of loop and store`, { timeout: patienceMs }, async () => {
  const { crashes, powerLosses, takeovers, flips } = await crashCampaign({ seed: 1, crashes: trials });
  expect(crashes).toBeGreaterThanOrEqual(trials);
  expect(Math.min(powerLosses, 20 * takeovers, 10 * flips)).toBeGreaterThan(trials / 10);
});

test(
  'a kill at every fault point of a run of five turns with three tools',
  { timeout: patienceMs },
  async () => {
    expect(await coverEveryPoint(1, 'kill', stride)).toBeGreaterThan(200);
  },
);

test.for(Object.keys(CONTROLS) as Control[])('what has to fail fails: %s', async (control) => {
  const broken = crashCampaign({ seed: 1, crashes: 2000, change: CONTROLS[control] });
  await expect(broken).rejects.toThrow(/promise 2:[^]*again with: pnpm campaign:crash/);
});
