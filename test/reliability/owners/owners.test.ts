import { expect, test } from 'vitest';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { packageConditions } from '../built.ts';
import { ownersCampaign } from './campaign.ts';

const { conditions, what } = packageConditions();

const { trials: wanted, seed } = campaign({ suite: 10, ci: 50, full: 200 });

test(`two processes with ${what} on one session: exactly one goes on`, { timeout: patienceMs }, async () => {
  const { trials, broken, errors } = await ownersCampaign({ seed, trials: wanted, conditions });
  expect(broken).toEqual([]);
  expect(trials).toBe(wanted);
  for (const error of Object.keys(errors)) expect(error).toMatch(/JournalError fenced$/);
});

test('what has to fail fails: owners that do not hear of each other', { timeout: patienceMs }, async () => {
  const { broken } = await ownersCampaign({ seed: 1, trials: 3, conditions, control: 'deaf' });
  expect(broken.join('\n')).toContain('the owners ended as');
});
