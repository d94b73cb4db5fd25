import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { MUTANTS } from './mutants.ts';

test('there are fifty mutants, each with a name of its own', () => {
  expect(new Set(MUTANTS.map(({ id }) => id)).size).toBeGreaterThanOrEqual(50);
});

// A mutant that no longer finds its place in the sources tests nothing.
test.for(MUTANTS)('$id can be put into $file', async ({ file, find, replace }) => {
  const source = await readFile(new URL(`../../packages/${file}`, import.meta.url), 'utf8');
  expect(source.split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
});
