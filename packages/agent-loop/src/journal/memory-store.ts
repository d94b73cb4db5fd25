import type { BudgetStore } from '../money/budget-store.ts';
import type { Entry } from './events.ts';
import { checkAppend, checkJournalId, JournalError } from './journal.ts';
import type { FullJournal, JournalInfo, JournalStore } from './journal.ts';
import { systemSeams } from '../seams.ts';
import type { Seams } from '../seams.ts';

interface Kept {
  /** As JSON, so that no reader shares an object with the writer. */
  readonly texts: string[];
  bytes: number;
  readonly createdAt: number;
  updatedAt: number;
  /** Undefined once it was deleted. */
  owner: symbol | undefined;
}

/** A store that lives as long as the process, with the manners of one that lasts: for tests and for trying things. */
export function memoryStore({
  seams = systemSeams,
}: { readonly seams?: Pick<Seams, 'now'> } = {}): JournalStore<FullJournal> & BudgetStore {
  const sessions = new Map<string, Kept>();
  const budgets = new Map<string, string>();
  return {
    async open(id, { readonly = false } = {}) {
      checkJournalId(id);
      let kept = sessions.get(id);
      if (!kept) {
        if (readonly) throw new JournalError('not-found', `There is no session ${JSON.stringify(id)}.`);
        const now = seams.now();
        kept = { texts: [], bytes: 0, createdAt: now, updatedAt: now, owner: undefined };
        sessions.set(id, kept);
      }
      return new MemoryJournal(kept, readonly, () => seams.now());
    },
    async list() {
      return [...sessions]
        .map(([id, { bytes, createdAt, updatedAt }]): JournalInfo => ({ id, bytes, createdAt, updatedAt }))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    async delete(id) {
      checkJournalId(id);
      const kept = sessions.get(id);
      if (kept) kept.owner = undefined;
      sessions.delete(id);
    },
    async updateBudget(id, change) {
      checkJournalId(id);
      budgets.set(id, change(budgets.get(id) ?? null));
    },
  };
}

class MemoryJournal implements FullJournal {
  readonly damage = null;
  readonly torn = null;
  readonly #kept: Kept;
  readonly #readonly: boolean;
  readonly #now: () => number;
  readonly #self = Symbol('owner');
  readonly #lengthAtOpen: number;
  #closed = false;

  constructor(kept: Kept, readonly: boolean, now: () => number) {
    this.#kept = kept;
    this.#readonly = readonly;
    this.#now = now;
    this.#lengthAtOpen = kept.texts.length;
    if (!readonly) kept.owner = this.#self;
  }

  get length(): number {
    return this.#kept.owner === this.#self ? this.#kept.texts.length : this.#lengthAtOpen;
  }

  async append(entries: readonly Entry[], expectedSeq: number): Promise<void> {
    if (this.#closed) throw new JournalError('closed', 'The journal is closed.');
    if (this.#readonly) throw new JournalError('readonly', 'The journal was opened for reading.');
    const kept = this.#kept;
    if (!kept.owner) throw new JournalError('fenced', 'The session was deleted since it was opened.');
    if (kept.owner !== this.#self) throw new JournalError('fenced', 'The session has another owner now.');
    checkAppend(kept.texts.length, entries, expectedSeq);
    const texts = entries.map((entry) => JSON.stringify(entry));
    for (const text of texts) {
      kept.texts.push(text);
      kept.bytes += text.length;
    }
    kept.updatedAt = this.#now();
  }

  async *read(fromSeq = 0): AsyncGenerator<Entry> {
    if (this.#closed) throw new JournalError('closed', 'The journal is closed.');
    for (const text of this.#kept.texts.slice(fromSeq, this.length)) yield JSON.parse(text);
  }

  close(): void {
    this.#closed = true;
  }
}
