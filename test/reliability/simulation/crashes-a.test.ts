import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { coverPoints, crashCampaign } from './campaign.ts';
import { CONTROLS } from './controls.ts';
import type { Control } from './controls.ts';

// The other half is in crashes-b.test.ts, so that they can run side by side.
const { trials, seed } = campaign({ suite: 500, ci: 10_000, full: 500_000 });

test(`${trials} crashes of loop and store from seed ${seed}`, { timeout: patienceMs }, async () => {
  const { crashes, powerLosses, takeovers, flips } = await crashCampaign({ seed, crashes: trials });
  expect(crashes).toBeGreaterThanOrEqual(trials);
  expect(Math.min(powerLosses, 20 * takeovers, 10 * flips)).toBeGreaterThan(trials / 10);
});

const { trials: every } = campaign({ suite: 9, ci: 1, full: 1 });

test(
  `a kill at every fault point of 5 turns with 3 tools (of ${every}, one)`,
  { timeout: patienceMs },
  async () => {
    expect(await coverPoints(1, 'kill', every)).toBeGreaterThan(200);
  },
);

test.for(Object.keys(CONTROLS) as Control[])(
  'what has to fail fails: %s',
  { timeout: patienceMs },
  async (control) => {
    const failing = crashCampaign({ seed: 1, crashes: 2000, change: CONTROLS[control] });
    await expect(failing).rejects.toThrow(/promise 2:[^]*again with: pnpm campaign:crash/);
  },
);
