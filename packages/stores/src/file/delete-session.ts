import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { JournalError } from '@pawl/agent-loop/store';
import { codeOf, namesIn } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { blobDirectory, isBlobName, isSessionFile } from './layout.ts';
import { lookInto, shownNames } from './session-folder.ts';
import type { FolderContents } from './session-folder.ts';

/** No session begins with a dot. */
const TRASH = '.deleted-';
const TRASH_NAME = /^\.deleted-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Deletes a session, and what deletions that were cut off have left. Refuses a folder that holds anything else before it
 * touches it: with the wrong folder of sessions it is somebody's work.
 */
export async function deleteSession(fs: FileSystem, root: string, id: string): Promise<void> {
  if (await isToDelete(fs, root, id)) await putAway(fs, root, id);
  for (const name of await namesIn(fs, root)) if (TRASH_NAME.test(name)) await empty(fs, join(root, name));
}

/** False where there is nothing, or an empty folder. */
async function isToDelete(fs: FileSystem, root: string, id: string): Promise<boolean> {
  const directory = join(root, id);
  const { ours, others, hasSegments } = await contentsOf(fs, root, id);
  if (!hasSegments && ours.length + others.length === 0) return false;
  if (!hasSegments) throw noSession(root, id, `holds ${shownNames([...others, ...ours])} and no session`);
  if (others.length === 0) return true;
  throw new JournalError(
    'io',
    `The session ${JSON.stringify(id)} was not deleted: its folder ${directory} also holds what is no part of it ` +
      `(${shownNames(others)}). Move that elsewhere, then delete the session again.`,
  );
}

async function contentsOf(fs: FileSystem, root: string, id: string): Promise<FolderContents> {
  const directory = join(root, id);
  try {
    return await lookInto(fs, directory);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR' && (await fs.stat(directory))) throw noSession(root, id, 'is a file');
    throw error;
  }
}

function noSession(root: string, id: string, what: string): JournalError {
  return new JournalError(
    'not-found',
    `There is no session ${JSON.stringify(id)}: ${join(root, id)} ${what}. Nothing was deleted. ` +
      `Is ${root} the folder that the sessions are in?`,
  );
}

async function putAway(fs: FileSystem, root: string, id: string): Promise<void> {
  try {
    // At once out of every reader's sight, and of its owner's, who is thereby fenced.
    await fs.rename(join(root, id), join(root, `${TRASH}${randomUUID()}`));
    await fs.syncDirectory(root);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** What came in between the look and the renaming stays there. */
async function empty(fs: FileSystem, trash: string): Promise<void> {
  const blobs = blobDirectory(trash);
  for (const name of await namesIn(fs, blobs))
    if (isBlobName(name)) await unless(['ENOENT'], () => fs.unlink(join(blobs, name)));
  await unless(KEPT, () => fs.removeDirectory(blobs));
  for (const name of await namesIn(fs, trash))
    if (isSessionFile(name)) await unless(['ENOENT'], () => fs.unlink(join(trash, name)));
  await unless(KEPT, () => fs.removeDirectory(trash));
}

/** Why a folder is not removed: it is gone, holds something, or is none. */
const KEPT = ['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'];

async function unless(codes: readonly string[], action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!codes.includes(String(codeOf(error)))) throw error;
  }
}
