import { dirname } from 'node:path';
import { JournalError } from '@pawl/agent-loop/store';
import type { JournalDamage } from '@pawl/agent-loop/store';
import { readCheckpoint } from './checkpoint-file.ts';
import { coveredBy } from './covered.ts';
import type { Covered } from './covered.ts';
import type { FileSystem } from './file-system.ts';
import { blobPath, epochsIn, segmentPath } from './layout.ts';
import type { Seal } from './layout.ts';
import { openSegment, scanSegment } from './segment.ts';
import type { Mark, Segment } from './segment.ts';

/** The segments that make up a session, in their order, and what is wrong with them. */
export interface Chain {
  readonly segments: readonly Segment[];
  /** The highest epoch that has a file, 0 where there is none. */
  readonly lastEpoch: number;
  /** How many entries can be read, before the damage if there is any. */
  readonly length: number;
  readonly damage: JournalDamage | null;
  readonly torn: JournalDamage | null;
  /** The checkpoint that some of them were not scanned for; null where all were. */
  readonly covered: Covered | null;
}

/** What is known of a session's segments before they are looked at. */
interface Known {
  readonly segments: readonly Segment[];
  readonly covered: Covered | null;
}

/** Finds the segments of a session and scans all of them. */
export function readChain(fs: FileSystem, directory: string): Promise<Chain> {
  return scanChain(fs, directory, async () => ({ segments: [], covered: null }));
}

/** The same, except for what the session's checkpoint covers. */
export function readChainFrom(fs: FileSystem, directory: string): Promise<Chain> {
  return scanChain(fs, directory, async (links) => {
    // One that can not be read is none: the lines tell it all.
    const checkpoint = await readCheckpoint(fs, directory).catch(() => null);
    const covered = checkpoint && (await coveredBy(fs, directory, links, checkpoint));
    return { segments: covered?.segments ?? [], covered };
  });
}

/** The same, except for what an earlier look has seen: segments only grow. */
export function readChainAgain(fs: FileSystem, directory: string, earlier: Chain): Promise<Chain> {
  return scanChain(fs, directory, async () => earlier);
}

async function scanChain(
  fs: FileSystem,
  directory: string,
  knownOf: (links: readonly Segment[]) => Promise<Known>,
): Promise<Chain> {
  const epochs = epochsIn(await fs.list(directory));
  const links = await collectLinks(fs, directory, epochs);
  const known = await knownOf(links.found);
  const segments: Segment[] = [];
  let { damage } = links;
  let seq = 0;
  for (const [index, link] of links.found.entries()) {
    if (link.header.seq !== seq) {
      damage = misplaced(link, seq);
      break;
    }
    const next = links.found[index + 1]?.header;
    const extent = next?.after ? { ...next.after, entries: next.seq - seq } : undefined;
    const segment = takeOver(link, known.segments, extent);
    await scanSegment(fs, segment, extent);
    segments.push(segment);
    seq += segment.entries;
    if (segment.damage) {
      damage = segment.damage;
      break;
    }
  }
  const missing = await findMissingBlob(fs, directory, segments);
  const torn = damage ? null : (segments.at(-1)?.torn ?? links.torn);
  const found = { segments, lastEpoch: epochs.at(-1) ?? 0, covered: known.covered };
  return missing ? { ...found, ...missing, torn: null } : { ...found, length: seq, damage, torn };
}

interface Links {
  readonly found: readonly Segment[];
  readonly damage: JournalDamage | null;
  /** What is left of an opening that was cut off, behind all that counts. */
  readonly torn: JournalDamage | null;
}

/** From the latest segment with a header, back along what each says of the one before. */
async function collectLinks(fs: FileSystem, directory: string, epochs: readonly number[]): Promise<Links> {
  const found: Segment[] = [];
  let damage: JournalDamage | null = null;
  let torn: JournalDamage | null = null;
  let wanted: Seal | null = null;
  for (const epoch of epochs.toReversed()) {
    if (wanted && epoch > wanted.epoch) continue;
    const path = segmentPath(directory, epoch);
    const opening = await openSegment(fs, path);
    if (opening.kind === 'newer') {
      throw new JournalError(
        'newer-version',
        `The session was written by a newer version of pawl (format ${opening.version}): ${path}`,
      );
    }
    const broken: JournalDamage | null = wanted ? judgeLink(wanted, epoch, opening.kind, path) : null;
    if (broken || opening.kind === 'damage') {
      // What is known of later segments does not help: entries are read from the beginning up to the damage.
      found.length = 0;
      damage = opening.kind === 'damage' ? opening.damage : broken;
      wanted = null;
    }
    if (opening.kind === 'void' && opening.size > 0 && found.length === 0)
      torn ??= { where: path, from: 0, to: opening.size, message: 'The opening of the session was cut off.' };
    if (opening.kind !== 'segment') continue;
    found.push(opening.segment);
    wanted = opening.segment.header.after;
    if (!wanted) break;
  }
  if (wanted) {
    found.length = 0;
    damage = missingSegment(segmentPath(directory, wanted.epoch), wanted.bytes);
  }
  return { found: found.toReversed(), damage, torn };
}

function judgeLink(wanted: Seal, epoch: number, kind: string, path: string): JournalDamage | null {
  if (epoch < wanted.epoch) return missingSegment(segmentPath(dirname(path), wanted.epoch), wanted.bytes);
  if (kind === 'segment') return null;
  return { where: path, from: 0, to: wanted.bytes, message: 'The segment has lost its header.' };
}

function missingSegment(where: string, bytes: number): JournalDamage {
  return { where, from: 0, to: bytes, message: 'The segment is missing.' };
}

function misplaced({ path, bytes, header }: Segment, seq: number): JournalDamage {
  const message = `The segment begins at position ${header.seq}, but the ones before it end at ${seq}.`;
  return { where: path, from: 0, to: bytes, message };
}

function takeOver(link: Segment, known: readonly Segment[], extent: Mark | undefined): Segment {
  const found = known.find(({ path }) => path === link.path);
  return !found || found.damage || (extent && found.bytes > extent.bytes) ? link : { ...found };
}

/** Entries are readable up to the first whose content is gone. */
async function findMissingBlob(
  fs: FileSystem,
  directory: string,
  segments: readonly Segment[],
): Promise<{ length: number; damage: JournalDamage } | undefined> {
  for (const { contents } of segments) {
    for (const [seq, blob] of contents.blobs) {
      const where = blobPath(directory, blob.hash);
      const stat = await fs.stat(where);
      if (stat?.size === blob.size) continue;
      const message = stat
        ? `The content of entry ${seq} has the wrong size.`
        : `The content of entry ${seq} is missing.`;
      return { length: seq, damage: { where, from: 0, to: blob.size, message } };
    }
  }
  return undefined;
}
