import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export { crc32 } from 'node:zlib';

/** The text of a file. */
export function readText(file: string): Promise<string> {
  return readFile(file, 'utf8');
}

/** Writes a file whole or not at all, readable by its owner only. */
export async function writeText(file: string, text: string): Promise<void> {
  const draft = join(dirname(file), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
