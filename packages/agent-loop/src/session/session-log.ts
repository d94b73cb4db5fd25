import type { AgentSpec } from '../agent/agent-spec.ts';
import type { Entry, NewEntry } from '../journal/events.ts';
import { type Journal, type JournalDamage, JournalError } from '../journal/journal.ts';
import { SessionState } from '../journal/session-state.ts';
import { runLogger } from '../agent/logger.ts';
import { checkpointIfDue, checkpointOf } from './fold-session.ts';

/** The journal of a session and what it folds into: read once, then written to one append after the other. */
export class SessionLog {
  #state = new SessionState();
  readonly journal: Journal;
  readonly #id: string;
  readonly #spec: AgentSpec;
  /** A store may look at a large content only when it is read: what it finds then counts as much. */
  #damageOnReading: JournalDamage | null = null;
  /** The latest thing that was written outside a run: the next one, and the next run, come after it. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(id: string, journal: Journal, spec: AgentSpec) {
    this.#id = id;
    this.journal = journal;
    this.#spec = spec;
  }

  /** What the journal folds into. */
  get state(): SessionState {
    return this.#state;
  }

  get damage(): JournalDamage | null {
    return this.journal.damage ?? this.#damageOnReading;
  }

  /** How many entries there are, or can be read. */
  get length(): number {
    return this.#state.length;
  }

  /** Resolves when nothing is being written outside a run. */
  get rested(): Promise<unknown> {
    return this.#written.catch(() => {});
  }

  /** Folds the journal, from its checkpoint on. Damage ends it early: what comes before can be read. */
  async load(): Promise<void> {
    const { journal } = this;
    const state = (await checkpointOf(journal)) ?? this.#state;
    this.#state = state;
    try {
      for await (const entry of journal.read(state.length)) state.apply(entry);
    } catch (error) {
      if (!(error instanceof JournalError && error.code === 'corrupt')) throw error;
      const unnamed = { where: this.#id, from: 0, to: 0, message: error.message };
      this.#damageOnReading = error.damage ?? unnamed;
    }
  }

  #checkpoint(): Promise<void> {
    const { name, logger } = this.#spec;
    return checkpointIfDue(this.journal, this.#state, () =>
      runLogger(logger, { agent: name, session: this.#id }),
    );
  }

  /** The first entries. Reads no further than it has to, and so not into damage. */
  async *first(count = this.length): AsyncGenerator<Entry> {
    if (count === 0) return;
    for await (const entry of this.journal.read()) {
      yield entry;
      if (entry.seq === count - 1) return;
    }
  }

  /** Keeps entries outside a run, after all that were written before. */
  append(entries: readonly NewEntry[]): Promise<void> {
    return this.after(async () => {
      const spec = this.#spec;
      const stamp = { runId: this.state.run?.runId ?? '', agent: spec.name, at: spec.seams.now() };
      const from = this.length;
      const stamped = entries.map((entry, index) => Object.assign({}, entry, stamp, { seq: from + index }));
      await this.journal.append(stamped, from, { sync: true });
      for (const entry of stamped) this.state.apply(entry);
    });
  }

  /** Writes something after all that was written before. */
  after(write: () => Promise<void>): Promise<void> {
    const written = this.#written.then(write);
    this.#written = written.catch(() => {});
    return written;
  }

  /** Closes the journal once all is written. */
  async close(): Promise<void> {
    await this.rested;
    try {
      await this.#checkpoint();
    } finally {
      await this.journal.close();
    }
  }
}
