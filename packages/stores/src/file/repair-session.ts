import { basename, dirname, resolve } from 'node:path';
import { checkOptions, ConfigError, JournalError } from '@pawl/agent-loop/store';
import type { Entry, JournalDamage } from '@pawl/agent-loop/store';
import { readChain } from './chain.ts';
import { checkFolder } from './check-folder.ts';
import { fileStore } from './file-store.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { nodeFileSystem } from './node-file-system.ts';
import { extractOf, readEntries } from './read-entries.ts';
import { salvage } from './salvage.ts';
import type { Mend } from './salvage.ts';
import { asJournalError } from './journal-errors.ts';

/** Where the repaired copy goes, and how. */
export interface RepairOptions {
  /** The folder of the new session: its last name becomes the id. It must not hold a session yet. */
  readonly into: string;
  /** The file system. Default: this machine's. */
  readonly fileSystem?: FileSystem;
}

/** What `repairSession` made. */
export interface RepairReport {
  /** The folder of the copy. */
  readonly into: string;
  /** How many entries it holds. */
  readonly entries: number;
  /** The bytes that were set right on the way: single bits that had turned over. */
  readonly mended: readonly Mend[];
  /** What could not be repaired, or null. No entry from there on is in the copy. */
  readonly damage: JournalDamage | null;
}

const OPTIONS: readonly (keyof RepairOptions)[] = ['into', 'fileSystem'];
const BATCH = 64;
/** Every mend gets the reading further; there are at most as many as this in one session. */
const MAX_MENDS = 1000;

/**
 * Copies a session into a new one, with what can be restored restored, up to the first damage that can not. The session
 * itself stays as it is. Rejects with a JournalError where there is nothing to copy, or something in the way, and with a
 * ConfigError for what is no folder.
 */
export async function repairSession(directory: string, options: RepairOptions): Promise<RepairReport> {
  checkFolder('repairSession', 'the folder of one session, such as .pawl/sessions/review', directory);
  checkRepair(options);
  const { into, fileSystem = nodeFileSystem } = options;
  const [from, to] = [resolve(directory), resolve(into)];
  try {
    if (await fileSystem.stat(to)) throw new JournalError('io', `There is something already at ${to}.`);
    const mended: Mend[] = [];
    const damage = await mendAll(fileSystem, from, mended);
    const entries = await copy(mendedView(fileSystem, mended), from, to, fileSystem);
    return { into: to, entries, mended, damage };
  } catch (error) {
    throw asJournalError(error, `The session in ${from} could not be repaired`);
  }
}

function checkRepair(options: unknown): asserts options is RepairOptions {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(
      'repairSession',
      `needs where the copy is to go, { into: '.pawl/sessions/review-repaired' }, got ${JSON.stringify(options)}.`,
    );
  }
  checkOptions('repairSession', options, OPTIONS);
  checkFolder('into', 'the folder that the copy is to go to', (options as Partial<RepairOptions>).into);
}

/** Finds what can be mended, one damage after the other. Returns the one that can not. */
async function mendAll(fs: FileSystem, directory: string, mended: Mend[]): Promise<JournalDamage | null> {
  while (mended.length < MAX_MENDS) {
    const view = mendedView(fs, mended);
    const chain = await readChain(view, directory);
    if (!chain.damage) return await firstUnreadable(view, directory);
    const mend = await salvage(view, directory, chain, chain.damage);
    if (!mend) return chain.damage;
    mended.push(mend);
  }
  throw new JournalError('corrupt', `More than ${MAX_MENDS} places of the session are damaged.`);
}

async function firstUnreadable(fs: FileSystem, directory: string): Promise<JournalDamage | null> {
  try {
    for await (const _ of entriesOf(fs, directory));
    return null;
  } catch (error) {
    if (error instanceof JournalError && error.damage) return error.damage;
    throw error;
  }
}

async function* entriesOf(fs: FileSystem, directory: string): AsyncGenerator<Entry> {
  const chain = await readChain(fs, directory);
  const batches = readEntries(fs, directory, chain.segments.map(extractOf), { from: 0, to: chain.length });
  for await (const batch of batches) yield* batch;
}

async function copy(view: FileSystem, from: string, to: string, fileSystem: FileSystem): Promise<number> {
  const journal = await fileStore(dirname(to), { fileSystem }).open(basename(to));
  let batch: Entry[] = [];
  const flush = async (): Promise<void> => {
    await journal.append(batch, journal.length, { sync: false });
    batch = [];
  };
  try {
    for await (const entry of entriesOf(view, from)) if (batch.push(entry) === BATCH) await flush();
  } catch (error) {
    if (!(error instanceof JournalError && error.code === 'corrupt')) throw error;
  }
  await flush();
  await journal.close();
  return journal.length;
}

/** The same files, read with some bytes as they should be. */
function mendedView(fs: FileSystem, mended: readonly Mend[]): FileSystem {
  return {
    ...fs,
    stat: (path) => fs.stat(path),
    list: (path) => fs.list(path),
    async open(path, how) {
      const file = await fs.open(path, how);
      const here = mended.filter((mend) => mend.path === path);
      return here.length === 0 ? file : mendedFile(file, here);
    },
  };
}

function mendedFile(file: OpenFile, mended: readonly Mend[]): OpenFile {
  return {
    ...file,
    async read(into, position) {
      const got = await file.read(into, position);
      for (const mend of mended) {
        const at = mend.position - position;
        if (at >= 0 && at < got) into[at] = mend.byte;
      }
      return got;
    },
  };
}
