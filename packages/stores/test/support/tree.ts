import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Every path below a folder, in order. */
export function treeOf(root: string): readonly string[] {
  return readdirSync(root, { recursive: true }).map(String).toSorted();
}

/** Writes files, given by their paths, and the folders they are in. */
export function writeTree(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
