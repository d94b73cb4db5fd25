import { createHash } from 'node:crypto';
import { codeOf } from './file-system.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { blobDirectory, blobPath } from './layout.ts';
import type { Blob } from './line.ts';
import { readFully, writeFully } from './line-scanner.ts';
import { corrupt } from './journal-errors.ts';

/** Keeps large contents in files of their own, named by what is in them, so that each is kept once. */
export class BlobFolder {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #epoch: number;
  /** Known to survive a loss of power. */
  readonly #safe = new Set<string>();
  #madeFolder = false;

  constructor(fs: FileSystem, directory: string, epoch: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#epoch = epoch;
  }

  /** Keeps a content. When this resolves it survives a loss of power. */
  async keep(content: string): Promise<Blob> {
    const bytes = Buffer.from(content);
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (!this.#safe.has(hash)) {
      await this.#makeFolder();
      const known = await this.#fs.stat(blobPath(this.#directory, hash));
      if (known?.size !== bytes.length) await this.#write(hash, bytes);
      await this.#fs.syncDirectory(blobDirectory(this.#directory));
      this.#safe.add(hash);
    }
    return { size: bytes.length, hash };
  }

  /** A file gets its name only once it is whole and safe, so that whatever has the name can be relied on. */
  async #write(hash: string, bytes: Buffer): Promise<void> {
    const temporary = blobPath(this.#directory, `${hash}.${this.#epoch}.part`);
    const file = await createAnew(this.#fs, temporary);
    try {
      await writeFully(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#fs.rename(temporary, blobPath(this.#directory, hash));
  }

  async #makeFolder(): Promise<void> {
    if (this.#madeFolder) return;
    await makeDirectory(this.#fs, blobDirectory(this.#directory));
    await this.#fs.syncDirectory(this.#directory);
    this.#madeFolder = true;
  }
}

/** Reads a content and checks it. Rejects with `corrupt` where it is not what was written. */
export async function readBlob(fs: FileSystem, directory: string, blob: Blob): Promise<string> {
  return (await readBlobBytes(fs, directory, blob)).toString('utf8');
}

/** The same as bytes. */
export async function readBlobBytes(
  fs: FileSystem,
  directory: string,
  { size, hash }: Blob,
): Promise<Buffer> {
  const where = blobPath(directory, hash);
  const file = await openIfThere(fs, where);
  if (!file) throw corrupt({ where, from: 0, to: size, message: 'A content is missing.' });
  try {
    const bytes = Buffer.allocUnsafe(size);
    const got = await readFully(file, bytes, 0);
    const found = createHash('sha256').update(bytes.subarray(0, got)).digest('hex');
    if (found === hash) return bytes;
    throw corrupt({ where, from: 0, to: size, message: 'A content is not what was written.' });
  } finally {
    await file.close();
  }
}

/** Makes a folder, unless there is one. Says whether it did. */
export async function makeDirectory(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.makeDirectory(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Opens a file for reading; undefined where there is none. */
export async function openIfThere(fs: FileSystem, path: string): Promise<OpenFile | undefined> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a file, in place of one that an earlier try has left. */
export async function createAnew(fs: FileSystem, path: string): Promise<OpenFile> {
  try {
    return await fs.open(path, 'create');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    await fs.unlink(path);
    return fs.open(path, 'create');
  }
}
