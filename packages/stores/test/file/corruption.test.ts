import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { JournalError } from '@pawl/agent-loop/store';
import type { Entry, FullJournal, JournalStore } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore, repairSession, verifySession } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { randomFrom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { SimulatedFileSystem } from '../support/simulated-file-system.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const COUNT = 40;
const SPLIT = 24;
/** Short, so that there are few bytes to try; some with contents that are kept apart. */
const entries = sampleEntries(100, { resultSize: 20 }).map((entry, seq): Entry => {
  if (entry.type === 'reply')
    return { ...entry, message: { ...entry.message, content: entry.message.content.slice(2) } };
  return seq % 5 === 0 ? (sampleEntries(1, { from: seq, resultSize: 400 })[0] as Entry) : entry;
});

/** What a damaged session gave: the entries before the damage, and what was said of the rest. */
interface Reading {
  readonly read: readonly Entry[];
  readonly told: 'nothing' | 'damage' | 'torn' | 'not-found';
  /** What its checkpoint says of entries, where there is one that fits. */
  readonly covered: readonly unknown[];
}

async function readDamaged(store: JournalStore<FullJournal>, readonly: boolean): Promise<Reading> {
  let journal: FullJournal;
  try {
    journal = await store.open('s', { readonly });
  } catch (error) {
    if (error instanceof JournalError && error.code === 'newer-version')
      return { read: [], told: 'damage', covered: [] };
    if (error instanceof JournalError && error.code === 'not-found')
      return { read: [], told: 'not-found', covered: [] };
    throw error;
  }
  const covered = await coveredBy(journal);
  const read: Entry[] = [];
  let told: Reading['told'] = journal.damage ? 'damage' : journal.torn ? 'torn' : 'nothing';
  try {
    for await (const entry of journal.read()) read.push(entry);
  } catch (error) {
    if (!(error instanceof JournalError) || error.code !== 'corrupt' || !error.damage) throw error;
    told = 'damage';
  }
  if (journal.damage && !readonly)
    await expect(journal.append([], journal.length)).rejects.toMatchObject({ code: 'corrupt' });
  await journal.close();
  return { read, told, covered };
}

/** Keeps a checkpoint that holds every content. */
async function keepCheckpoint({ checkpoints, length }: FullJournal): Promise<void> {
  const pieces = entries.slice(0, length).flatMap((entry) => (contentOf(entry) ? [entry.seq] : []));
  await checkpoints?.keep({ seq: length, state: '', steps: '', pieces, free: { before: 0, behind: 0 } });
}

async function coveredBy({ checkpoints }: FullJournal): Promise<readonly unknown[]> {
  const kept = await checkpoints?.latest();
  if (!kept) return [];
  const { bytes, ends } = kept;
  return ends.map((to, index) =>
    JSON.parse(Buffer.from(bytes.subarray(ends[index - 1] ?? 0, to)).toString()),
  );
}

function contentOf(entry: Entry): unknown {
  if (entry.type === 'reply') return entry.message.content;
  return 'content' in entry ? entry.content : undefined;
}

/** A session of two owners in a simulated file system, with its bytes to be changed. */
async function makeSession(
  sync: boolean,
  count = COUNT,
  split = SPLIT,
): Promise<{ files: Map<string, Buffer>; ends: Map<string, number[]> }> {
  const fileSystem = new SimulatedFileSystem(randomFrom(1));
  const store = fileStore('/x', { fileSystem, blobBytes: 300 });
  const ends = new Map<string, number[]>();
  for (const [first, last, name] of [
    [0, split, '000001.jsonl'],
    [split, count, '000002.jsonl'],
  ] as const) {
    const journal = await store.open('s');
    const ended: number[] = [];
    for (const entry of entries.slice(first, last)) {
      await journal.append([entry], entry.seq, { sync });
      ended.push(fileSystem.bytesOf(`/x/s/${name}`).length);
    }
    ends.set(name, ended);
    await keepCheckpoint(journal);
    await journal.close();
  }
  const names = [
    '000001.jsonl',
    '000002.jsonl',
    'checkpoint',
    ...(await fileSystem.list('/x/s/blobs')).map((blob) => `blobs/${blob}`),
  ];
  return {
    files: new Map(names.map((name) => [name, Buffer.from(fileSystem.bytesOf(`/x/s/${name}`))])),
    ends,
  };
}

function load(files: ReadonlyMap<string, Buffer>): SimulatedFileSystem {
  const fileSystem = new SimulatedFileSystem(randomFrom(1));
  for (const path of ['/x', '/x/s', '/x/s/blobs']) void fileSystem.makeDirectory(path);
  for (const [name, bytes] of files) {
    const file = fileSystem.open(`/x/s/${name}`, 'create');
    if (!('then' in file)) void file.write(bytes);
  }
  return fileSystem;
}

describe('truncation', { timeout: patienceMs }, () => {
  test('at every byte loses nothing that is complete', async () => {
    const folder = await makeSession(true, 100, 0);
    const whole = folder.files.get('000002.jsonl') as Buffer;
    const ends = folder.ends.get('000002.jsonl') as number[];
    // Few of them in the suite; each one where it counts.
    const { trials: step } = campaign({ suite: 7, ci: 1, full: 1 });
    for (let size = 0; size < whole.length; size += step) {
      const fileSystem = load(new Map(folder.files).set('000002.jsonl', whole.subarray(0, size)));
      const complete = ends.filter((end) => end <= size).length;
      const { length, damage, torn } = await fileStore('/x', { fileSystem }).open('s', { readonly: true });
      const isBetweenLines = size === 0 || whole[size - 1] === 10;
      const isRight = length === complete && damage === null && (torn === null) === isBetweenLines;
      if (!isRight)
        expect.fail(`${size} bytes: ${length} of ${complete} entries, ${JSON.stringify({ damage, torn })}`);
      if (size % 16 > 0) continue;
      const { read } = await readDamaged(fileStore('/x', { fileSystem }), false);
      expect(read).toEqual(entries.slice(0, complete));
    }
  });

  test('of a segment that a later one counts is damage', async () => {
    const folder = await makeSession(true);
    const whole = folder.files.get('000001.jsonl') as Buffer;
    const ends = folder.ends.get('000001.jsonl') as number[];
    for (let size = 0; size < whole.length; size += 11) {
      const files = new Map(folder.files).set('000001.jsonl', whole.subarray(0, size));
      const { read, told } = await readDamaged(fileStore('/x', { fileSystem: load(files) }), false);
      expect([read.length, told]).toEqual([ends.filter((end) => end <= size).length, 'damage']);
    }
  });
});

describe('damage', { timeout: patienceMs }, () => {
  test.for([true, false])('is never skipped (written with sync: %s)', async (sync) => {
    const { files, ends } = await makeSession(sync);
    const { trials, seed } = campaign({ suite: 1000, ci: 10_000, full: 50_000 });
    console.log(`damage: ${trials} trials from seed ${seed}`);
    const told = { nothing: 0, damage: 0, torn: 0, 'not-found': 0 };
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + trial);
      const [name, bytes] = [...files][random.below(files.size)] as [string, Buffer];
      const change = harm(bytes, random);
      if (change.bytes.equals(bytes)) continue;
      const store = fileStore('/x', { fileSystem: load(new Map(files).set(name, change.bytes)) });
      const reading = await readDamaged(store, random.chance(0.5));
      told[reading.told] += 1;
      const complaint =
        judge(reading, name, change.from, ends) ??
        (sync ? judgeTorn(reading, name, change.from, ends) : undefined);
      if (complaint)
        expect.fail(`seed ${seed + trial}, ${name} at ${change.from} (${change.what}): ${complaint}`);
    }
    console.log(told);
    expect(told.damage).toBeGreaterThan(trials / 2);
  });

  test('of a single bit is repaired into a copy, any other up to where it begins', async () => {
    await using folder = await temporaryFolder();
    const journal = await fileStore(folder.path).open('whole');
    await journal.append(entries, 0);
    await journal.close();
    const random = randomFrom(7);
    const file = '000001.jsonl';
    const bytes = readFileSync(`${folder.path}/whole/${file}`);
    for (let trial = 0; trial < 12; trial += 1) {
      const [broken, into] = [`${folder.path}/broken-${trial}`, `${folder.path}/mended-${trial}`];
      await cp(`${folder.path}/whole`, broken, { recursive: true });
      const changed = Buffer.from(bytes);
      const places = [random.below(bytes.length), random.below(bytes.length)].toSorted((a, b) => a - b);
      for (const at of places) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
      if (trial % 3 === 2) changed.fill('#', places[0], (places[0] ?? 0) + 40);
      writeFileSync(`${broken}/${file}`, changed);
      const before = readdirSync(broken, { recursive: true }).length;
      const report = await verifySession(broken);
      const repair = await repairSession(broken, { into });
      expect(report.ok).toBe(false);
      expect(readFileSync(`${broken}/${file}`).equals(changed)).toBe(true);
      expect(readdirSync(broken, { recursive: true })).toHaveLength(before);
      const copy = await fileStore(folder.path).open(`mended-${trial}`, { readonly: true });
      const read = [];
      for await (const entry of copy.read()) read.push(entry);
      expect(read).toEqual(entries.slice(0, trial % 3 === 2 ? repair.entries : entries.length));
      expect(repair.damage === null).toBe(trial % 3 !== 2);
      expect((await verifySession(into)).ok).toBe(true);
    }
  });
});

/** The longest change, in bytes. */
const MAX_HARM = 900;

interface Harm {
  readonly what: string;
  readonly from: number;
  readonly bytes: Buffer;
}

function harm(bytes: Buffer, random: Random): Harm {
  const from = random.below(bytes.length);
  const length = Math.min(bytes.length - from, 1 + random.below(random.chance(0.2) ? MAX_HARM : 12));
  const noise = Buffer.from(Array.from({ length }, () => random.below(256)));
  const [head, tail] = [bytes.subarray(0, from), bytes.subarray(from + length)];
  const changed = Buffer.from(bytes);
  switch (random.below(7)) {
    case 0:
      changed[from] = (changed[from] ?? 0) ^ (1 << random.below(8));
      return { what: 'bit', from, bytes: changed };
    case 1:
      return { what: 'insertion', from, bytes: Buffer.concat([head, noise, bytes.subarray(from)]) };
    case 2:
      return { what: 'zeros', from, bytes: changed.fill(0, from, from + length) };
    case 3:
      noise.copy(changed, from);
      return { what: 'noise', from, bytes: changed };
    case 4: {
      // Something must stand behind it: bytes that are missing at the end are a truncation, which cannot be told.
      if (tail.length === 0) return { what: 'none', from, bytes };
      return { what: 'deletion', from, bytes: Buffer.concat([head, tail]) };
    }
    case 5:
      return {
        what: 'repetition',
        from,
        bytes: Buffer.concat([head, bytes.subarray(from, from + length), bytes.subarray(from)]),
      };
    default: {
      // Whole lines, the hardest to notice: one is taken out, or two change places.
      const lines = bytes.toString('latin1').split('\n').slice(0, -1);
      const at = random.below(Math.max(1, lines.length - 2));
      const start = lines.slice(0, at).join('\n').length + (at > 0 ? 1 : 0);
      const [one = '', other = ''] = lines.splice(at, 2);
      lines.splice(at, 0, ...(random.chance(0.5) ? [other, one] : [other]));
      return { what: 'lines', from: start, bytes: Buffer.from(`${lines.join('\n')}\n`, 'latin1') };
    }
  }
}

/** What is wrong with a reading, given where the first changed byte is. */
function judge(
  { read, told, covered }: Reading,
  name: string,
  from: number,
  ends: ReadonlyMap<string, number[]>,
): string | undefined {
  if (!isDeepStrictEqual(read, entries.slice(0, read.length))) return 'entries were skipped or changed';
  const contents = entries.map(contentOf).filter((content) => content !== undefined);
  if (!isDeepStrictEqual(covered, contents.slice(0, covered.length)))
    return 'a checkpoint was taken for what it is not';
  if (name === 'checkpoint' && (told !== 'nothing' || covered.length > 0))
    return 'a changed checkpoint was believed, or damage told';
  if (told === 'nothing' && read.length < COUNT)
    return `${COUNT - read.length} entries are missing and nothing is said`;
  if (told === 'nothing') return undefined;
  const before = (ends.get(name) ?? []).filter((end) => end <= from).length;
  const complete = name.startsWith('blobs') ? 0 : name === '000001.jsonl' ? before : SPLIT + before;
  return read.length < complete ? `only ${read.length} of ${complete} complete entries` : undefined;
}

/** What was safe before something else was written cannot be taken for the rest of a crash. */
function judgeTorn(
  { told }: Reading,
  name: string,
  from: number,
  ends: ReadonlyMap<string, number[]>,
): string | undefined {
  const isBehindAll = from + MAX_HARM >= (ends.get(name)?.at(-2) ?? 0);
  return told === 'torn' && !isBehindAll ? 'acknowledged entries were taken for a torn append' : undefined;
}
