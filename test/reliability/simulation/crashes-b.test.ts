import { expect, test } from 'vitest';
import { coverEveryPoint, crashCampaign } from './campaign.ts';

test('ten thousand more crashes of loop and store', { timeout: 120_000 }, async () => {
  const { crashes } = await crashCampaign({ seed: 1_000_000, crashes: 10_000 });
  expect(crashes).toBeGreaterThanOrEqual(10_000);
});

test(
  'a loss of power at every fault point of a run of five turns with three tools',
  { timeout: 60_000 },
  async () => {
    expect(await coverEveryPoint(1, 'power')).toBeGreaterThan(200);
  },
);
