import fc from 'fast-check';
import { test } from 'vitest';
import { histories, playHistory } from './histories.ts';

const PARTS = 10;
const EACH = 100;

test.each(Array.from({ length: PARTS }, (_, part) => [part * EACH + 1, (part + 1) * EACH]))(
  'whatever happens in two runs, the API refuses nothing: histories %i to %i',
  async (from) => {
    await fc.assert(fc.asyncProperty(histories, playHistory), { numRuns: EACH, seed: from });
  },
);
