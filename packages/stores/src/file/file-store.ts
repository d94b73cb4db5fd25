import { dirname, join, resolve } from 'node:path';
import { checkJournalId, checkOptions, ConfigError, JournalError } from '@pawl/agent-loop/store';
import type { BudgetStore, FullJournal, JournalInfo, JournalStore } from '@pawl/agent-loop/store';
import { makeDirectory } from './blob-folder.ts';
import { updateBudget } from './budget-folder.ts';
import { codeOf, namesIn } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { blobDirectory, epochsIn, segmentPath } from './layout.ts';
import { nodeFileSystem } from './node-file-system.ts';
import { checkFolder } from './check-folder.ts';
import { createWhole } from './create-session.ts';
import { deleteSession } from './delete-session.ts';
import { openForReading, openForWriting } from './open-session.ts';
import type { Place } from './open-session.ts';
import { asJournalError } from './journal-errors.ts';

/** How sessions are kept in files. */
export interface FileStoreOptions {
  /** Contents larger than this many bytes get a file of their own. Default 65536. */
  readonly blobBytes?: number;
  /**
   * A checkpoint is kept when at least so many bytes, and an eighth of the session, have come since the last one, so that
   * a long session is opened quickly. Default 1 MiB; Infinity for never.
   */
  readonly checkpointBytes?: number;
  /** The file system. Default: this machine's. */
  readonly fileSystem?: FileSystem;
}

const DEFAULT_BLOB_BYTES = 1 << 16;
const DEFAULT_CHECKPOINT_BYTES = 1 << 20;

/**
 * Keeps each session in a folder of its own under `directory`, which is made when first needed. The format is described
 * in docs/session-format.md. For file systems of this machine: over a network, two machines may both take themselves
 * for the owner.
 *
 * `delete` refuses a folder that holds no session (`not-found`) or anything besides one (`io`), and leaves it as it is.
 */
export function fileStore(
  directory: string,
  options: FileStoreOptions = {},
): JournalStore<FullJournal> & BudgetStore {
  checkFolder('fileStore', 'a folder', directory);
  const { fs, blobBytes, checkpointBytes } = settingsFrom(options);
  const root = resolve(directory);
  const placeOf = (id: string): Place => ({
    fs,
    root,
    directory: join(root, id),
    id,
    blobBytes,
    checkpointBytes,
  });
  let rootIsSafe = false;
  return {
    async open(id, { readonly = false } = {}) {
      checkJournalId(id);
      const place = placeOf(id);
      try {
        if (readonly) return await openForReading(place);
        await makeRoot(fs, root);
        if (!rootIsSafe) await syncParents(fs, root);
        rootIsSafe = true;
        return await openForWriting(place);
      } catch (error) {
        throw asJournalError(error, `The session ${JSON.stringify(id)} could not be opened`);
      }
    },
    async create(id, entries) {
      checkJournalId(id);
      try {
        await makeRoot(fs, root);
        await syncParents(fs, root);
        await createWhole(placeOf(id), entries);
      } catch (error) {
        throw asJournalError(error, `The session ${JSON.stringify(id)} could not be made`);
      }
    },
    async updateBudget(id, change) {
      checkJournalId(id);
      try {
        await makeRoot(fs, root);
        if (!rootIsSafe) await syncParents(fs, root);
        rootIsSafe = true;
        await updateBudget({ fs, root, id }, change);
      } catch (error) {
        throw asJournalError(error, `The budget ${JSON.stringify(id)} could not be kept`);
      }
    },
    async list() {
      try {
        return await list(fs, root);
      } catch (error) {
        throw asJournalError(error, 'The sessions could not be listed');
      }
    },
    async delete(id) {
      checkJournalId(id);
      try {
        await deleteSession(fs, root, id);
      } catch (error) {
        throw asJournalError(error, `The session ${JSON.stringify(id)} could not be deleted`);
      }
    },
  };
}

const OPTIONS: readonly (keyof FileStoreOptions)[] = ['blobBytes', 'checkpointBytes', 'fileSystem'];

function settingsFrom(options: FileStoreOptions): Pick<Place, 'fs' | 'blobBytes' | 'checkpointBytes'> {
  checkOptions('fileStore', options, OPTIONS);
  const {
    fileSystem: fs = nodeFileSystem,
    blobBytes = DEFAULT_BLOB_BYTES,
    checkpointBytes = DEFAULT_CHECKPOINT_BYTES,
  } = options;
  if (!Number.isSafeInteger(blobBytes) || blobBytes < 1) {
    throw new ConfigError(
      'blobBytes',
      `must be a whole number of bytes from 1 on, got ${JSON.stringify(blobBytes)}.`,
    );
  }
  if (!(Number.isSafeInteger(checkpointBytes) || checkpointBytes === Infinity) || checkpointBytes < 1) {
    throw new ConfigError(
      'checkpointBytes',
      `must be a whole number of bytes from 1 on, or Infinity, got ${JSON.stringify(checkpointBytes)}.`,
    );
  }
  return { fs, blobBytes, checkpointBytes };
}

/** Makes a folder and those above it, unless they are there. */
async function makeRoot(fs: FileSystem, path: string): Promise<void> {
  if (await fs.stat(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeRoot(fs, parent);
  await makeDirectory(fs, path);
}

/** Makes the names of a folder and of those above it survive a loss of power. Whoever made them may have died too soon. */
async function syncParents(fs: FileSystem, path: string): Promise<void> {
  const parent = dirname(path);
  if (parent === path) return;
  try {
    await fs.syncDirectory(parent);
  } catch (error) {
    // What this process may not even open, it has not made.
    if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error;
  }
  await syncParents(fs, parent);
}

async function list(fs: FileSystem, root: string): Promise<readonly JournalInfo[]> {
  const infos: JournalInfo[] = [];
  for (const id of await namesIn(fs, root, 'missing')) {
    if (!isJournalId(id)) continue;
    const info = await infoOf(fs, join(root, id), id);
    if (info) infos.push(info);
  }
  return infos.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Undefined for what is no session: another folder, or one whose making was cut off. */
async function infoOf(fs: FileSystem, directory: string, id: string): Promise<JournalInfo | undefined> {
  const names = await namesIn(fs, directory);
  const segments = epochsIn(names).map((epoch) => segmentPath(directory, epoch));
  const blobFolder = blobDirectory(directory);
  const blobs = segments.length > 0 ? await namesIn(fs, blobFolder) : [];
  let bytes = 0;
  let createdAt = Number.POSITIVE_INFINITY;
  let updatedAt = 0;
  for (const path of [...segments, ...blobs.map((name) => join(blobFolder, name))]) {
    const stat = await fs.stat(path);
    if (!stat) continue;
    bytes += stat.size;
    createdAt = Math.min(createdAt, stat.createdAt);
    updatedAt = Math.max(updatedAt, stat.updatedAt);
  }
  return bytes > 0 ? { id, bytes, createdAt, updatedAt } : undefined;
}

function isJournalId(name: string): boolean {
  try {
    checkJournalId(name);
    return true;
  } catch (error) {
    if (error instanceof JournalError) return false;
    throw error;
  }
}
