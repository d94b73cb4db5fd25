import { expect, test } from 'vitest';
import { packageConditions } from '../built.ts';
import { ownersCampaign } from './campaign.ts';

const { conditions, what } = packageConditions();

test(`two processes with ${what} on one session: exactly one goes on`, { timeout: 60_000 }, async () => {
  const { trials, broken, errors } = await ownersCampaign({ seed: 1, trials: 10, conditions });
  expect(broken).toEqual([]);
  expect(trials).toBe(10);
  for (const error of Object.keys(errors)) expect(error).toMatch(/JournalError fenced$/);
});

test('what has to fail fails: owners that do not hear of each other', { timeout: 60_000 }, async () => {
  const { broken } = await ownersCampaign({ seed: 1, trials: 3, conditions, control: 'deaf' });
  expect(broken.join('\n')).toContain('the owners ended as');
});
