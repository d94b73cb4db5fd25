import { test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { playHistories } from './histories.ts';

// Ten seeds of a thousand histories in CI, in two files so that two cores share them.
const { trials } = campaign({ suite: 100, ci: 1000, full: 100_000 });

test.each([6, 7, 8, 9, 10])(
  'whatever happens in two runs, the API refuses nothing: histories of seed %i',
  (seed) => playHistories(seed, trials),
  patienceMs,
);
