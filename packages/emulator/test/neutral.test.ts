import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const source = new URL('../src/', import.meta.url).pathname;

/** The files a module loads when it is imported: static imports that are not of types alone. */
async function loads(file: string, seen = new Set<string>()): Promise<ReadonlySet<string>> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith(source)) return seen;
  const text = await readFile(file, 'utf8');
  for (const [, specifier = ''] of text.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gm)) {
    await loads(specifier.startsWith('.') ? join(file, '..', specifier) : specifier, seen);
  }
  return seen;
}

test('the root entry loads no Node built-in, and neither commander nor diff', async () => {
  const packages = [...(await loads(join(source, 'index.ts')))].filter((file) => !file.startsWith(source));
  expect(packages.toSorted()).toEqual(['image-size', 'zod']);
});

test('each package is imported in one file', async () => {
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const importers = new Map<string, string[]>();
  for (const file of files) {
    const text = await readFile(join(source, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/(?:from |import\()'([^.'][^']*)'/g)) {
      if (!name.startsWith('node:')) importers.set(name, [...(importers.get(name) ?? []), file]);
    }
  }
  expect(Object.fromEntries(importers)).toEqual({
    '@anthropic-ai/sdk': ['sdk.ts'],
    commander: ['command.ts'],
    diff: ['replay.ts'],
    'image-size': ['media.ts'],
    zod: ['zod.ts'],
  });
});
