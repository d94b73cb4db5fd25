import assert from 'node:assert/strict';
import { ConfigError, JournalError, openSession, RunError } from '@pawl/agent-loop';
import type { Entry, JournalStore, Session } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import type { FileSystem } from '@pawl/stores/file';
import { SessionState } from '../../../packages/agent-loop/src/journal/session-state.ts';
import { stateOf } from '../../../packages/agent-loop/src/session/fold-session.ts';
import { openSessions } from '../../../packages/agent-loop/src/session/open-session.ts';
import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import type { Random } from '../../../packages/stores/test/support/random.ts';
import { SimulatedFileSystem } from '../../../packages/stores/test/support/simulated-file-system.ts';
import type { Faults } from '../../../packages/stores/test/support/simulated-file-system.ts';
import { History } from './history.ts';
import { Host } from './host.ts';
import { Ledger } from './ledger.ts';
import { Life, mortalFileSystem } from './life.ts';
import { Model, TOOLS } from './model.ts';
import type { Shape } from './model.ts';
import { Schedule } from './schedule.ts';

/** How one process ends: its death or the machine's loses nothing, or what is not synced; `rival`: another takes over. */
export type Ending = 'kill' | 'power' | 'rival';

/** One process: where it dies, at which fault points the disk fails, and how it ends. */
export interface LifePlan {
  readonly diesAt: number;
  readonly ending: Ending;
  readonly faults?: Faults;
}

/** A session from its beginning to its end, with all that happens to it. */
export interface TrialPlan {
  readonly seed: number;
  readonly shape: Shape;
  readonly lives: readonly LifePlan[];
  /** How many runs the session has. Default 1. */
  readonly runs?: number;
  /** Above 0: how likely a byte of the session is changed between two lives, to be found and changed back. */
  readonly flips?: number;
  /** Replaces the store, for controls that must fail. */
  readonly store?: (store: JournalStore) => JournalStore;
  /** Replaces the machine that does the work, for controls that must fail. */
  readonly host?: Host;
}

/** What a trial saw. */
export interface TrialReport {
  readonly crashes: number;
  readonly powerLosses: number;
  readonly takeovers: number;
  readonly flips: number;
  /** Fault points of the last life, which was whole. */
  readonly points: number;
}

const ID = 's';
const [FIRST, SECOND] = [new Host(), new Host()];

/**
 * Runs a session through the lives of the plan and then to its end, and checks the promises after every death. Rejects
 * with what was broken.
 */
export async function runTrial(plan: TrialPlan): Promise<TrialReport> {
  const world = new World(plan);
  for (const life of plan.lives) {
    if (await world.live(life)) break;
  }
  const last = await world.finish();
  // Dead processes close nothing, and here they all are one process.
  openSessions.clear();
  return { ...world.counts, points: last.points };
}

class World {
  readonly counts = { crashes: 0, powerLosses: 0, takeovers: 0, flips: 0 };
  readonly #plan: TrialPlan;
  readonly #random: Random;
  readonly #disk: SimulatedFileSystem;
  readonly #schedule: Schedule;
  readonly #ledger = new Ledger();
  readonly #model: Model;
  readonly #history: History;
  /** How large contents are kept apart, and how often there are checkpoints. */
  readonly #options: { readonly blobBytes: number; readonly checkpointBytes: number };
  /** Whether somebody may still be at work who has lost the session: then nobody can tell what did not happen. */
  readonly #hasRivals: boolean;
  readonly #first: Host;
  #counter = 1;

  constructor(plan: TrialPlan) {
    this.#plan = plan;
    this.#first = plan.host ?? FIRST;
    this.#random = randomFrom(plan.seed);
    this.#disk = new SimulatedFileSystem(this.#random);
    this.#schedule = new Schedule(this.#random);
    this.#hasRivals = plan.lives.some(({ ending }) => ending === 'rival');
    const tools = this.#hasRivals ? TOOLS.filter((tool) => tool !== 'sure') : TOOLS;
    this.#model = new Model(this.#random, plan.shape, tools);
    this.#history = new History(this.#ledger, this.#model);
    this.#options = {
      blobBytes: this.#random.chance(0.5) ? 150 : 1 << 16,
      checkpointBytes: this.#random.chance(0.5) ? 1 : 1 << 20,
    };
  }

  /** One process. True where it came to the end of the session's work. */
  async live({ diesAt, ending, faults = {} }: LifePlan): Promise<boolean> {
    const life = new Life(diesAt, faults);
    this.#disk.boot(faults);
    const isWhole = ending === 'rival' ? await this.#compete(life) : await this.#work(life);
    if (life.dead) this.counts.crashes += 1;
    await this.#after(ending === 'power' && (life.dead || this.#random.chance(0.3)) ? 'power' : 'kill');
    return isWhole;
  }

  /** The last process, to which nothing happens. */
  async finish(): Promise<Life> {
    const life = new Life();
    this.#disk.boot();
    assert.ok(await this.#work(life), 'the session does not come to its end');
    await this.#after('kill');
    this.#history.checkEnd(this.#plan.runs ?? 1);
    return life;
  }

  async #work(life: Life): Promise<boolean> {
    const work = this.#process(this.#first, life, undefined);
    return this.#schedule.drive([life], Promise.race([work, life.died.then(() => false)]));
  }

  /** A second process takes the session over while the first is at work. */
  async #compete(life: Life): Promise<boolean> {
    const rival = new Life();
    this.counts.takeovers += 1;
    const startsAt = this.#random.below(60);
    let startRival!: () => void;
    const started = new Promise<void>((resolve) => (startRival = resolve));
    const first = Promise.race([
      this.#process(this.#first, life, this.#schedule),
      life.died.then(() => false),
    ]).finally(startRival);
    const second = started.then(() => this.#process(SECOND, rival, this.#schedule));
    const both = Promise.allSettled([first, second]);
    const ends = await this.#schedule.drive([life, rival], both, (step) => {
      if (step >= startsAt) startRival();
    });
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    assert.ok(rival.dead || ends[1].status === 'fulfilled', 'the later owner could not go on');
    return ends[1].status === 'fulfilled' && ends[1].value;
  }

  /** What a program does with a session: opens it, looks what is to be done, and does it. */
  async #process(host: Host, life: Life, schedule: Schedule | undefined): Promise<boolean> {
    host.boot(this.#surroundings(life));
    const store = this.#store(mortalFileSystem(this.#disk, life, schedule), life, schedule !== undefined);
    let session: Session | undefined;
    life.opening = true;
    try {
      session = await openSession({ agent: host.agent, store, id: ID });
      life.opening = false;
      const whole = await this.#use(session);
      await session.close();
      this.#history.allIsSafe(life);
      return whole;
    } catch (error) {
      life.opening = false;
      // A program whose disk fails, or that has lost the session, ends. Anything else is a broken promise.
      if (!isJournalFailure(error)) throw error;
      void session?.close().catch(() => {});
      return false;
    } finally {
      if (life.dead) void session?.close().catch(() => {});
    }
  }

  async #use(session: Session): Promise<boolean> {
    const runs = this.#plan.runs ?? 1;
    for (let rounds = 0; rounds < 200; rounds += 1) {
      if (this.#history.runsDone() >= runs) {
        this.#history.checkUsage(session);
        return true;
      }
      await this.#decide(session);
      const { pending } = session;
      const unfinished = pending !== null || session.messages.at(-1)?.role === 'user';
      const givesUp = unfinished && this.#random.chance(0.05);
      const result = await (unfinished && !givesUp ? session.resume() : session.run(`Input ${rounds}.`));
      assert.ok(
        result.outcome === 'completed' || result.outcome === 'awaiting-approval',
        `the run ended as ${result.outcome} (${result.reason})`,
      );
    }
    throw new Error('The run goes on for ever.');
  }

  /** A person looks what happened outside, and decides. */
  async #decide(session: Session): Promise<void> {
    for (const { callId } of session.pending?.approvals ?? []) {
      if (this.#hasRivals && this.#history.isStarted(callId)) continue;
      if (this.#random.chance(0.3) && this.#history.isStarted(callId)) continue;
      const happened = this.#ledger.of(callId).length > 0;
      const allow = !happened && this.#random.chance(0.8);
      await session.approve(callId, { allow, ...(!allow && { reason: 'no' }) });
    }
  }

  #surroundings(life: Life) {
    const [schedule, ledger, model] = [this.#schedule, this.#ledger, this.#model];
    const onEntry = (entry: Entry): void => this.#history.checkTold(entry);
    return { life, schedule, ledger, model, onEntry, count: () => (this.#counter += 1) };
  }

  /** A store on the disk that tells the history of what it is asked to keep. */
  #store(fileSystem: FileSystem, life: Life, takesOver: boolean): JournalStore {
    const store = fileStore('/data', { fileSystem, ...this.#options });
    return this.#history.watch(this.#plan.store?.(store) ?? store, life, takesOver);
  }

  /** The process is gone: what is left, and is it what was promised? */
  async #after(ending: 'kill' | 'power'): Promise<void> {
    // What the dead process had already set going comes to nothing first.
    await new Promise((resolve) => setImmediate(resolve));
    if (ending === 'power') {
      this.#disk.losePower();
      this.counts.powerLosses += 1;
    }
    this.#disk.boot();
    this.#history.check(await this.#read(), ending);
    if (this.#random.chance(this.#plan.flips ?? 0)) await this.#flip();
  }

  async #read(): Promise<Entry[]> {
    const { entries, damage } = await this.#look();
    assert.equal(damage, null, 'the session is damaged');
    await this.#checkState(entries);
    return entries;
  }

  /** Whoever begins at a checkpoint finds what whoever reads all entries does. */
  async #checkState(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    const store = fileStore('/data', { fileSystem: this.#disk, ...this.#options });
    const journal = await store.open(ID, { readonly: true });
    const restored = savedBy(await stateOf(journal));
    await journal.close();
    const state = new SessionState();
    for (const entry of entries) state.apply(entry);
    assert.deepEqual(restored, savedBy(state), 'a checkpoint tells something else than the entries');
  }

  async #look() {
    const store = fileStore('/data', { fileSystem: this.#disk, ...this.#options });
    const entries: Entry[] = [];
    try {
      const journal = await store.open(ID, { readonly: true });
      try {
        for await (const entry of journal.read()) entries.push(entry);
      } catch (error) {
        if (!(error instanceof JournalError && error.code === 'corrupt')) throw error;
        return { entries, damage: error.damage ?? journal.damage, torn: journal.torn };
      }
      return { entries, damage: journal.damage, torn: journal.torn };
    } catch (error) {
      if (error instanceof JournalError && error.code === 'not-found')
        return { entries, damage: null, torn: null };
      throw error;
    }
  }

  /** Changes one byte. Whoever reads the session gets what was kept, or is told where it is damaged; nobody goes on. */
  async #flip(): Promise<void> {
    const before = await this.#read();
    if (before.length === 0) return;
    const files = [
      ...(await this.#filesIn('/data/s', /\.jsonl$|^checkpoint$/)),
      ...(await this.#filesIn('/data/s/blobs', /^\w+$/)),
    ];
    const path = files[this.#random.below(files.length)];
    const bytes = path && this.#disk.bytesOf(path);
    if (!bytes || bytes.length === 0) return;
    this.counts.flips += 1;
    const at = this.#random.below(bytes.length);
    const mask = 1 << this.#random.below(8);
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    const { entries, damage, torn } = await this.#look().catch((error: unknown) => {
      // A changed version number reads as a newer version, which is refused.
      if (error instanceof JournalError && error.code === 'newer-version')
        return { entries: [], damage: error, torn: null };
      throw error;
    });
    const where = `byte ${at} of ${path} was changed`;
    if (!damage) {
      assert.deepEqual(entries, before.slice(0, entries.length), `promise 10: ${where}, and entries with it`);
      const isTold = torn?.where === path && torn.from <= at && at < torn.to;
      assert.ok(
        entries.length === before.length || isTold,
        `promise 10: ${where}, and entries are left out silently`,
      );
    }
    if (damage && !(damage instanceof JournalError)) await this.#expectRefusal();
    if (!damage) await this.#checkState(entries);
    bytes[at] = (bytes[at] ?? 0) ^ mask;
  }

  async #filesIn(folder: string, name: RegExp): Promise<string[]> {
    try {
      const names = await this.#disk.list(folder);
      return names.filter((file) => name.test(file)).map((file) => `${folder}/${file}`);
    } catch {
      // Where nothing large was kept there is no such folder.
      return [];
    }
  }

  async #expectRefusal(): Promise<void> {
    this.#first.boot(this.#surroundings(new Life()));
    const store = fileStore('/data', { fileSystem: this.#disk, ...this.#options });
    const session = await openSession({ agent: this.#first.agent, store, id: ID });
    await assert.rejects(session.run('More.'), ConfigError, 'a damaged session goes on');
    await session.close();
  }
}

function savedBy(state: SessionState): unknown {
  const { seq, state: text, steps, pieces, free } = state.checkpoint();
  return [seq, JSON.parse(text), JSON.parse(steps), pieces, free];
}

function isJournalFailure(error: unknown): boolean {
  return error instanceof JournalError || (RunError.is(error) && error.code === 'journal');
}
