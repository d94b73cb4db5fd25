import { test } from 'vitest';
import { playHistories } from './histories.ts';

// Ten thousand histories, in two files so that two cores share them.
test.each([6, 7, 8, 9, 10])(
  'whatever happens in two runs, the API refuses nothing: 1,000 histories of seed %i',
  (seed) => playHistories(seed, 1000),
  120_000,
);
