import { basename, join, resolve } from 'node:path';
import { checkOptions, JournalError } from '@pawl/agent-loop/store';
import type { JournalDamage } from '@pawl/agent-loop/store';
import { readChain } from './chain.ts';
import type { Chain } from './chain.ts';
import { checkFolder } from './check-folder.ts';
import type { FileSystem } from './file-system.ts';
import { blobDirectory, epochsIn, segmentPath } from './layout.ts';
import { nodeFileSystem } from './node-file-system.ts';
import { extractOf, readEntries } from './read-entries.ts';
import { salvage } from './salvage.ts';
import { asJournalError } from './journal-errors.ts';

/** Something worth telling about a session. */
export interface Finding extends JournalDamage {
  /**
   * `damage`: something that was whole once is not. `torn`: an append that a crash cut off; opening leaves it out.
   * `unused`: bytes that belong to no entry, as an owner that was fenced or died leaves them.
   */
  readonly kind: 'damage' | 'torn' | 'unused';
  /** For damage: whether `repairSession` restores the bytes as they were. What is no damage needs no repair. */
  readonly repairable: boolean;
}

/** What `verifySession` found. */
export interface SessionReport {
  /** Whether every entry can be read. */
  readonly ok: boolean;
  readonly session: string;
  /** How many entries can be read, before the first damage if there is any. */
  readonly entries: number;
  /** The files that the entries are in, in their order. */
  readonly segments: readonly { readonly path: string; readonly entries: number; readonly bytes: number }[];
  readonly findings: readonly Finding[];
}

/** How a session is looked at. */
export interface VerifyOptions {
  /** The file system. Default: this machine's. */
  readonly fileSystem?: FileSystem;
}

const OPTIONS: readonly (keyof VerifyOptions)[] = ['fileSystem'];

/**
 * Reads all of a session's folder and tells what it finds, down to bytes that belong to nothing. Writes nothing. Rejects
 * with a JournalError where there is no session to look at, or only one of a newer version, and with a ConfigError for
 * what is no folder.
 */
export async function verifySession(directory: string, options: VerifyOptions = {}): Promise<SessionReport> {
  checkFolder('verifySession', 'the folder of one session, such as .pawl/sessions/review', directory);
  checkOptions('verifySession', options, OPTIONS);
  const { fileSystem: fs = nodeFileSystem } = options;
  const folder = resolve(directory);
  try {
    const chain = await readChain(fs, folder);
    if (chain.segments.length === 0 && !chain.damage) {
      throw new JournalError('not-found', `There is no session in ${folder}.`);
    }
    const { entries, damage } = await readThrough(fs, folder, chain);
    const findings: Finding[] = [];
    if (damage) {
      const repairable = (await salvage(fs, folder, chain, damage)) !== undefined;
      findings.push({ ...damage, kind: 'damage', repairable });
    } else if (chain.torn) findings.push({ ...chain.torn, kind: 'torn', repairable: false });
    if (!damage) findings.push(...(await unused(fs, folder, chain)));
    return {
      ok: damage === null,
      session: chain.segments[0]?.header.session ?? basename(folder),
      entries,
      segments: chain.segments.map(({ path, entries: count, bytes }) => ({ path, entries: count, bytes })),
      findings,
    };
  } catch (error) {
    throw asJournalError(error, `The session in ${folder} could not be read`);
  }
}

interface ReadThrough {
  readonly entries: number;
  readonly damage: JournalDamage | null;
}

/** Reads every entry, also the contents that are kept apart. */
async function readThrough(fs: FileSystem, directory: string, chain: Chain): Promise<ReadThrough> {
  let entries = 0;
  try {
    const extracts = chain.segments.map(extractOf);
    for await (const batch of readEntries(fs, directory, extracts, { from: 0, to: chain.length })) {
      entries += batch.length;
    }
    return { entries, damage: chain.damage };
  } catch (error) {
    if (error instanceof JournalError && error.damage) return { entries, damage: error.damage };
    throw error;
  }
}

async function unused(fs: FileSystem, directory: string, chain: Chain): Promise<Finding[]> {
  const findings: Finding[] = [];
  const used = new Map(chain.segments.map((segment) => [segment.path, segment]));
  const last = chain.segments.at(-1);
  for (const epoch of epochsIn(await fs.list(directory))) {
    const path = segmentPath(directory, epoch);
    const size = (await fs.stat(path))?.size ?? 0;
    const segment = used.get(path);
    if (segment === last) continue;
    const from = segment?.bytes ?? 0;
    const message = segment
      ? 'A later owner counts this segment only up to here.'
      : 'No later segment counts this one: it holds no acknowledged entry.';
    if (size > from)
      findings.push({ where: path, from, to: size, message, kind: 'unused', repairable: false });
  }
  const hashes = new Set(
    chain.segments.flatMap(({ contents }) => [...contents.blobs.values()].map(({ hash }) => hash)),
  );
  const blobs = blobDirectory(directory);
  for (const name of (await fs.stat(blobs)) ? await fs.list(blobs) : []) {
    if (hashes.has(name)) continue;
    const where = join(blobs, name);
    const to = (await fs.stat(where))?.size ?? 0;
    findings.push({
      where,
      from: 0,
      to,
      message: 'No entry refers to this content.',
      kind: 'unused',
      repairable: false,
    });
  }
  return findings;
}
