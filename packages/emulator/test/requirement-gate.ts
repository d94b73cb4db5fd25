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
 * Compares the manifest with the ids that the `*.test.ts` files under the folders cite, either as `[group/name]` in a
 * title or with `req('group/name', …)`. An id in a group the manifest does not have is taken for something else.
 */
export async function requirementCoverage(
  holds: Requirement['holds'],
  folders: readonly string[],
): Promise<Coverage> {
  const cited = new Set<string>();
  for (const folder of folders) for (const id of await citedIn(folder)) cited.add(id);
  const known = new Set(requirements.map(({ id }) => id));
  const groups = new Set([...known].map((id) => id.split('/')[0]));
  const wanted = requirements.filter((requirement) => requirement.holds === holds).map(({ id }) => id);
  return {
    uncited: wanted.filter((id) => !cited.has(id)),
    unknown: [...cited].filter((id) => !known.has(id) && groups.has(id.split('/')[0])),
  };
}

async function citedIn(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder, { recursive: true });
  const texts = await Promise.all(
    files.filter((file) => file.endsWith('.test.ts')).map((file) => readFile(join(folder, file), 'utf8')),
  );
  return texts.flatMap((text) =>
    [...text.matchAll(/\[([a-z0-9-]+\/[a-z0-9-]+)\]|\breq\(\s*'([^']+)'/g)].map((found) => found[1] ?? found[2] ?? ''),
  );
}
