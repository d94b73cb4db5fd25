/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** What is known of a file or folder. Times are epoch milliseconds. */
export interface FileStat {
  /** Tells one file from another that had its name before. */
  readonly ino: number | bigint;
  readonly size: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A file that is open. */
export interface OpenFile {
  /** Fills `into` from `position` on, and says how many bytes it got: fewer at the end of the file. */
  read(into: Uint8Array, position: number): Awaitable<number>;
  /** Writes at the end of the file, or at `position`, and says how many bytes it wrote, which may be fewer than given. */
  write(bytes: Uint8Array, position?: number): Awaitable<number>;
  /** Resolves when what was written survives a loss of power. */
  sync(): Awaitable<void>;
  stat(): Awaitable<FileStat>;
  close(): Awaitable<void>;
}

/**
 * The file system as the file store sees it, so that a simulated one can be put under it. Failures are errors with the
 * `code` that Node gives them: `ENOENT`, `EEXIST`, `ENOSPC`, `EIO` and so on.
 */
export interface FileSystem {
  /**
   * `read`: an existing file. `create`: a new one, for reading and appending by its owner alone; fails with `EEXIST`.
   * `overwrite`: an existing file, for writing at given positions.
   */
  open(path: string, how: 'read' | 'create' | 'overwrite'): Awaitable<OpenFile>;
  /** Null for what does not exist. */
  stat(path: string): Awaitable<FileStat | null>;
  /** The names in a folder. */
  list(path: string): Awaitable<readonly string[]>;
  /** Makes a folder for its owner alone. Fails with `EEXIST`. */
  makeDirectory(path: string): Awaitable<void>;
  rename(from: string, to: string): Awaitable<void>;
  unlink(path: string): Awaitable<void>;
  removeDirectory(path: string): Awaitable<void>;
  /** Resolves when the names in a folder survive a loss of power. */
  syncDirectory(path: string): Awaitable<void>;
}

/** The `code` of what a file system threw. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The names in a folder; none where there is no such folder, or, unless it is only to be `missing`, something else. */
export async function namesIn(
  fs: FileSystem,
  path: string,
  none: 'missing' | 'no folder' = 'no folder',
): Promise<readonly string[]> {
  try {
    return await fs.list(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || (code === 'ENOTDIR' && none === 'no folder')) return [];
    throw error;
  }
}
