import { expect, test } from 'vitest';
import { coverEveryPoint, crashCampaign } from './campaign.ts';
import { CONTROLS } from './controls.ts';
import type { Control } from './controls.ts';

// The other half is in crashes-b.test.ts, so that they can run side by side.
test('ten thousand crashes of loop and store', { timeout: 120_000 }, async () => {
  const { crashes, powerLosses, takeovers, flips } = await crashCampaign({ seed: 1, crashes: 10_000 });
  expect(crashes).toBeGreaterThanOrEqual(10_000);
  expect(Math.min(powerLosses, 20 * takeovers, 10 * flips)).toBeGreaterThan(1000);
});

test('a kill at every fault point of a run of five turns with three tools', { timeout: 60_000 }, async () => {
  expect(await coverEveryPoint(1, 'kill')).toBeGreaterThan(200);
});

test.for(Object.keys(CONTROLS) as Control[])('what has to fail fails: %s', async (control) => {
  const campaign = crashCampaign({ seed: 1, crashes: 2000, change: CONTROLS[control] });
  await expect(campaign).rejects.toThrow(/promise 2:[^]*again with: pnpm campaign:crash/);
});
