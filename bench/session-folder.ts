import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string | undefined;

/** A folder of this process for what it keeps on disk; gone with it. */
export function sessionFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'pawl-bench-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** How many bytes are kept in it. */
export function bytesKept(): number {
  const files = readdirSync(sessionFolder(), { recursive: true, withFileTypes: true });
  return files.reduce(
    (sum, file) => sum + (file.isFile() ? statSync(join(file.parentPath, file.name)).size : 0),
    0,
  );
}
