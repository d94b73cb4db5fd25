import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requirements } from './requirements.ts';
import type { Requirement } from './requirements.ts';

/** What a folder of tests says about the requirements of one side. */
export interface Coverage {
  /** Ids no test cites. */
  readonly uncited: readonly string[];
  /** Ids that tests cite and the manifest does not have. */
  readonly unknown: readonly string[];
}

/**
 * Compares the manifest with the ids that the `*.test.ts` files under the folders cite: as `[group/name]` in a title, or as a
 * literal in a table of cases. Only the first can be unknown, and only in a group that the manifest has.
 */
export async function requirementCoverage(
  holds: Requirement['holds'],
  folders: readonly string[],
): Promise<Coverage> {
  const texts = (await Promise.all(folders.map(testsIn))).flat();
  const titled = new Set(texts.flatMap((text) => matches(text, /\[([a-z0-9-]+\/[a-z0-9-]+)\]/g)));
  const literal = new Set(texts.flatMap((text) => matches(text, /'([a-z0-9-]+\/[a-z0-9-]+)'/g)));
  const known = new Set(requirements.map(({ id }) => id));
  const groups = new Set([...known].map((id) => id.split('/')[0]));
  const wanted = requirements.filter((requirement) => requirement.holds === holds).map(({ id }) => id);
  return {
    uncited: wanted.filter((id) => !titled.has(id) && !literal.has(id)),
    unknown: [...titled].filter((id) => !known.has(id) && groups.has(id.split('/')[0])),
  };
}

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map((found) => found[1] ?? '');
}

async function testsIn(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder, { recursive: true });
  const tests = files.filter((file) => file.endsWith('.test.ts'));
  return Promise.all(tests.map((file) => readFile(join(folder, file), 'utf8')));
}
