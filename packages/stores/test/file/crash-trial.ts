import assert from 'node:assert/strict';
import { JournalError } from '@pawl/agent-loop/store';
import type { Entry, FullJournal, Journal } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';
import { randomFrom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { SimulatedFileSystem } from '../support/simulated-file-system.ts';
import type { Faults } from '../support/simulated-file-system.ts';

/** What a session may hold after a crash: the attempted entries, at least the first `sure` of them. */
interface Known {
  attempted: Entry[];
  sure: number;
  /** As `sure`, for a loss of power. */
  safe: number;
}

/** How a process ends. */
export type Ending = 'kill' | 'power';

/** One process after the other on one session, each with its faults and its end. */
export interface Plan {
  readonly seed: number;
  readonly processes: readonly { readonly faults: Faults; readonly ending: Ending }[];
  readonly appends?: number;
}

const POOL = new Map<string, Entry[]>();

/** Runs the plan and checks after every end what the session holds. Returns the operations of each process. */
export async function crashTrial({ seed, processes, appends = 5 }: Plan): Promise<number[]> {
  const random = randomFrom(seed);
  const fileSystem = new SimulatedFileSystem(random);
  const blobBytes = random.chance(0.5) ? 150 : 1 << 16;
  const store = fileStore('/data/sessions', { fileSystem, blobBytes });
  const known: Known = { attempted: [], sure: 0, safe: 0 };
  const operations: number[] = [];
  for (const [index, { faults, ending }] of processes.entries()) {
    fileSystem.boot(faults);
    await live(() => store.open('s'), known, random, `p${index}`, appends);
    operations.push(fileSystem.operations);
    if (ending === 'power') fileSystem.losePower();
    if (ending === 'power') known.sure = known.safe;
  }
  fileSystem.boot();
  await check(await store.open('s', { readonly: true }).catch(orEmpty(known)), known);
  await check(await store.open('s'), known);
  return operations;
}

/** Opens, checks and appends until something fails. */
async function live(
  open: () => Promise<FullJournal>,
  known: Known,
  random: Random,
  label: string,
  appends: number,
): Promise<void> {
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      const journal = await open();
      await check(journal, known);
      // Whoever opens a session for writing makes safe what it finds.
      known.safe = known.sure;
      try {
        await appendSome(journal, known, random, `${label}.${tries}`, appends);
      } catch (error) {
        if (!(error instanceof JournalError)) throw error;
        continue;
      }
      await journal.close();
      known.safe = known.sure;
      return;
    }
  } catch (error) {
    if (!(error instanceof JournalError) || error.code !== 'io') throw error;
  }
}

async function appendSome(
  journal: FullJournal,
  known: Known,
  random: Random,
  label: string,
  appends: number,
) {
  for (let count = 0; count < appends; count += 1) {
    const seq = known.sure;
    const entries = entriesAt(seq, 1 + random.below(3), label);
    const sync = random.chance(0.6);
    known.attempted = [...known.attempted.slice(0, seq), ...entries];
    try {
      await journal.append(entries, seq, { sync });
    } catch (error) {
      // Nothing of it may be kept if the journal goes on.
      if (isUsable(error)) known.attempted.length = seq;
      if (isUsable(error)) continue;
      await assert.rejects(async () => journal.append([], journal.length));
      throw error;
    }
    known.sure += entries.length;
    if (sync) known.safe = known.sure;
    if (random.chance(0.3)) await keepCheckpoint(journal, known);
  }
}

/** One that says what it was made of. Failing to keep it harms nothing. */
async function keepCheckpoint({ checkpoints }: Journal, known: Known): Promise<void> {
  const covered = known.attempted.slice(0, known.sure);
  const pieces = covered.flatMap((entry) => (contentOf(entry) === undefined ? [] : [entry.seq]));
  const state = JSON.stringify(covered.map(contentOf));
  const free = { before: 0, behind: 0 };
  await checkpoints?.keep({ seq: known.sure, state, steps: `${known.sure}`, pieces, free }).catch(() => {});
}

/** Whatever became of the machine, what a checkpoint says is what the entries say. */
async function checkCheckpoint({ checkpoints }: Journal, known: Known): Promise<void> {
  const kept = await checkpoints?.latest();
  if (!kept) return;
  const covered = known.attempted.slice(0, kept.seq);
  assert.equal(covered.length, kept.seq);
  assert.equal(kept.state, JSON.stringify(covered.map(contentOf)));
  assert.equal(kept.steps(), `${kept.seq}`);
  const withContent = covered.filter((entry) => contentOf(entry) !== undefined);
  const { bytes, ends } = kept;
  assert.equal(ends.length, withContent.length);
  for (const [index, entry] of withContent.entries()) {
    const json = Buffer.from(bytes.subarray(ends[index - 1] ?? 0, ends[index])).toString();
    assert.deepEqual(JSON.parse(json), contentOf(entry));
  }
}

function contentOf(entry: Entry): unknown {
  if (entry.type === 'reply') return entry.message.content;
  return 'content' in entry ? entry.content : undefined;
}

function isUsable(error: unknown): boolean {
  return error instanceof JournalError && error.message.startsWith('Nothing was appended');
}

/** Entries of a label and position are made once. */
function entriesAt(seq: number, count: number, label: string): Entry[] {
  const key = `${label}:${seq}`;
  let made = POOL.get(key);
  if (!made) {
    if (POOL.size > 5000) POOL.clear();
    POOL.set(key, (made = sampleEntries(3, { from: seq, label })));
  }
  return made.slice(0, count);
}

async function check(journal: Journal, known: Known): Promise<void> {
  assert.equal(journal.damage, null);
  await checkCheckpoint(journal, known);
  const entries: Entry[] = [];
  for await (const entry of journal.read()) entries.push(entry);
  assert.equal(entries.length, journal.length);
  assert.ok(entries.length >= known.sure, `${known.sure} were acknowledged, ${entries.length} are left`);
  assert.deepEqual(entries, known.attempted.slice(0, entries.length));
  known.attempted = entries;
  known.sure = entries.length;
}

/** A session of which nothing is sure may be gone. */
function orEmpty(known: Known): (error: unknown) => FullJournal {
  return (error) => {
    assert.ok(error instanceof JournalError && error.code === 'not-found' && known.sure === 0, String(error));
    return { length: 0, damage: null, torn: null, append() {}, async *read() {}, close() {} };
  };
}
