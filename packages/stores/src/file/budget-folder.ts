import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { JournalError } from '@pawl/agent-loop/store';
import { makeDirectory } from './blob-folder.ts';
import { codeOf } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { readFully, writeFully } from './line-scanner.ts';

/** No session begins with a dot. */
const FOLDER = '.budgets';
const TEMPORARY = '.new-';
const PUT_AWAY = '.old-';
const TEXT = 'budget';
const VERSION = /^\d{9,15}$/;
/** How many versions stay. The one before the last tells a version that came too late. */
const KEPT = 3;
/** How often others may come in between before an update gives up. Each time one of them gets further. */
const MAX_TRIES = 10_000;

/** A budget of a store. */
interface Where {
  readonly fs: FileSystem;
  readonly root: string;
  readonly id: string;
}

/** Where a budget is. */
interface Place {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly id: string;
}

/**
 * Replaces the text of a budget, with no other update in between, in whatever process. Each text is a version of its own:
 * a folder with a number and a file in it, which is made under another name, synced, and then renamed. Of two that read
 * the same version only one can give its own the next number; the other reads again. So there are no locks to be left
 * behind by whoever dies, and nobody ever sees half a text.
 */
export function updateBudget(where: Where, change: (kept: string | null) => string): Promise<void> {
  const path = join(where.root, FOLDER, where.id);
  // Within a process one after the other: they would only be in each other's way.
  const before = updating.get(path) ?? Promise.resolve();
  const updated = before.then(() => update(where, change));
  const over = updated
    .catch(() => {})
    .then(() => void (updating.get(path) === over && updating.delete(path)));
  updating.set(path, over);
  return updated;
}

const updating = new Map<string, Promise<void>>();

async function update({ fs, root, id }: Where, change: (kept: string | null) => string): Promise<void> {
  const all = join(root, FOLDER);
  await makeFolder(fs, root, all);
  const place = { fs, folder: join(all, id), id };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const latest = await readLatest(place);
    if (latest === 'again') continue;
    const text = change(latest?.text ?? null);
    if (latest ? await putNext(place, latest.version, text) : await putFirst(place, all, text)) return;
  }
  throw new JournalError('io', `The budget ${JSON.stringify(id)} is changed by others without end.`);
}

/** Whoever made the folder may have died before its name was safe. */
async function makeFolder(fs: FileSystem, root: string, all: string): Promise<void> {
  const safe = safeFolders.get(fs) ?? new Set<string>();
  safeFolders.set(fs, safe);
  if (safe.has(all)) return;
  await makeDirectory(fs, all);
  await fs.syncDirectory(root);
  safe.add(all);
}

const safeFolders = new WeakMap<FileSystem, Set<string>>();

interface Version {
  readonly version: number;
  readonly text: string;
}

/** The latest version; null where there is none. */
async function readLatest(place: Place): Promise<Version | null | 'again'> {
  const { fs, folder } = place;
  let names: readonly string[];
  try {
    names = await fs.list(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  const version = Math.max(0, ...names.filter((name) => VERSION.test(name)).map(Number));
  // Others may be faster than a look at the folder. The first version is there from the beginning.
  if (version === 0 || !(await follows(place, version))) return 'again';
  const text = await readText(place, version);
  return text === null ? 'again' : { version, text };
}

/** Whether the version before this one is there: a number that was free again was taken too late, and does not count. */
async function follows({ fs, folder }: Place, version: number): Promise<boolean> {
  return version === 1 || (await fs.stat(join(folder, nameOf(version - 1)))) !== null;
}

async function readText({ fs, folder, id }: Place, version: number): Promise<string | null> {
  const path = join(folder, nameOf(version), TEXT);
  try {
    const file = await fs.open(path, 'read');
    try {
      const bytes = Buffer.alloc((await file.stat()).size);
      await readFully(file, bytes, 0);
      const text = bytes.toString('utf8');
      const kept = text.slice(9);
      if (text.slice(0, 9) === `${checksum(kept)} `) return kept;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  const damage = { where: path, from: 0, to: 0, message: 'The text is not what was written.' };
  throw new JournalError('corrupt', `The budget ${JSON.stringify(id)} is damaged (${path}).`, { damage });
}

/** The first version comes with the folder of the budget, which is so never without one. */
async function putFirst({ fs, folder }: Place, all: string, text: string): Promise<boolean> {
  const made = join(all, `${TEMPORARY}${randomUUID()}`);
  await makeDirectory(fs, made);
  await writeVersion(fs, join(made, nameOf(1)), text);
  await fs.syncDirectory(made);
  if (!(await renameTo(fs, made, folder))) {
    await empty(fs, join(made, nameOf(1)));
    await fs.removeDirectory(made);
    return false;
  }
  await fs.syncDirectory(all);
  return true;
}

async function putNext(place: Place, version: number, text: string): Promise<boolean> {
  const { fs, folder } = place;
  const made = join(folder, `${TEMPORARY}${randomUUID()}`);
  const next = join(folder, nameOf(version + 1));
  await writeVersion(fs, made, text);
  if (!(await renameTo(fs, made, next))) {
    await empty(fs, made);
    return false;
  }
  // Versions go in their order. Where the one that was read has gone, this number had been another's and was free again.
  if (!(await follows(place, version + 1))) {
    await putAway(fs, folder, nameOf(version + 1));
    return false;
  }
  await fs.syncDirectory(folder);
  await tidy(place, version + 1 - KEPT);
  return true;
}

async function writeVersion(fs: FileSystem, directory: string, text: string): Promise<void> {
  await makeDirectory(fs, directory);
  const file = await fs.open(join(directory, TEXT), 'create');
  try {
    await writeFully(file, Buffer.from(`${checksum(text)} ${text}`));
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.syncDirectory(directory);
}

/** False where there is one of that name, which is never empty. */
async function renameTo(fs: FileSystem, from: string, to: string): Promise<boolean> {
  try {
    await fs.rename(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    // Windows refuses the same with EPERM.
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    if (code === 'EPERM' && (await fs.stat(to))) return false;
    throw error;
  }
}

/** Puts away versions that nobody needs any more, the oldest first. */
async function tidy({ fs, folder }: Place, upTo: number): Promise<void> {
  for (const name of (await fs.list(folder)).toSorted()) {
    if (VERSION.test(name) && Number(name) <= upTo) await putAway(fs, folder, name);
  }
}

/** First out of sight at once, so that no empty folder is ever seen under the name of a version. */
async function putAway(fs: FileSystem, folder: string, name: string): Promise<void> {
  const away = join(folder, `${PUT_AWAY}${randomUUID()}`);
  try {
    await fs.rename(join(folder, name), away);
    await empty(fs, away);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function empty(fs: FileSystem, directory: string): Promise<void> {
  await fs.unlink(join(directory, TEXT));
  await fs.removeDirectory(directory);
}

function nameOf(version: number): string {
  return String(version).padStart(9, '0');
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
