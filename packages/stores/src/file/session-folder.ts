import { join } from 'node:path';
import { JournalError } from '@pawl/agent-loop/store';
import { readFully } from './line-scanner.ts';
import { codeOf, namesIn } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { blobDirectory, epochsIn, isBlobName, isSessionFile } from './layout.ts';

/** What a folder holds, by who can have written it. */
export interface FolderContents {
  /** Names of segments, checkpoints and the folder of contents. */
  readonly ours: readonly string[];
  /** Everything else. */
  readonly others: readonly string[];
  readonly hasSegments: boolean;
}

/** The folder of a session, and that of all. */
interface Where {
  readonly fs: FileSystem;
  readonly root: string;
  readonly directory: string;
  readonly id: string;
}

const BLOBS = 'blobs';
/** Names that an error shows. */
const SHOWN = 3;

/** Tells what a store has written into a folder from what it has not. Nothing where there is none. */
export async function lookInto(fs: FileSystem, directory: string): Promise<FolderContents> {
  const [ours, others]: [string[], string[]] = [[], []];
  for (const name of await namesIn(fs, directory, 'missing')) {
    const strange =
      name === BLOBS ? await strangeBlobs(fs, directory) : await strangeFile(fs, directory, name);
    (strange ? others : ours).push(strange ?? name);
  }
  return { ours, others, hasSegments: epochsIn(ours).length > 0 };
}

/** Throws where a folder that is to become a session's holds what no store has written. */
export async function refuseOccupied({ fs, root, directory, id }: Where): Promise<void> {
  const { others, hasSegments } = await lookInto(fs, directory);
  if (hasSegments || others.length === 0) return;
  throw new JournalError(
    'bad-id',
    `The session ${JSON.stringify(id)} can not be made: ${directory} holds ${shownNames(others)} and no session. ` +
      `Nothing was written. Take another id, or keep sessions in a folder of their own instead of ${root}.`,
  );
}

/** Some names, for an error. */
export function shownNames(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

async function strangeFile(fs: FileSystem, directory: string, name: string): Promise<string | undefined> {
  return isSessionFile(name) && (await canBeOurs(fs, join(directory, name))) ? undefined : name;
}

async function strangeBlobs(fs: FileSystem, directory: string): Promise<string | undefined> {
  try {
    const strange = (await namesIn(fs, blobDirectory(directory), 'missing')).find(
      (name) => !isBlobName(name),
    );
    return strange && join(BLOBS, strange);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return BLOBS;
    throw error;
  }
}

/**
 * Whether a file can be one that its name says. A folder is not, nor plain lines of JSON: data sets are numbered like
 * segments too, whose lines begin with a checksum. Any other first byte may be damage.
 */
async function canBeOurs(fs: FileSystem, path: string): Promise<boolean> {
  try {
    const file = await fs.open(path, 'read');
    try {
      const first = Buffer.alloc(1);
      await readFully(file, first, 0);
      return first.toString('latin1') !== '{';
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    if (codeOf(error) === 'EISDIR') return false;
    throw error;
  }
}
