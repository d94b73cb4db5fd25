import { BudgetBook, type Claim, type Verdict } from './budget-book.ts';
import type { BudgetStore } from './budget-store.ts';
import { messageOf, RunError } from '../errors.ts';

/** Keeps the book of a budget: whatever is asked of it happens one after the other. */
export interface BudgetKeeper {
  reserve(claim: Claim): Verdict | Promise<Verdict>;
  /** Ends a reservation of this process. Never throws: what can not be kept now is kept with the next change. */
  end(id: string, change: Change): void;
  /** Changes the book. Rejects where that can not be kept; it is then kept with the next change. */
  change(change: Change): void | Promise<void>;
  /** The book as it is once all that was asked for is kept. */
  look(): BudgetBook | Promise<BudgetBook>;
  /** Resolves when nothing is on its way to be kept any more; never rejects. Nothing where that is so already. */
  kept(): Promise<void> | undefined;
}

type Change = (book: BudgetBook) => void;

/** A book that lives as long as the process. */
export function memoryKeeper(): BudgetKeeper {
  const book = new BudgetBook();
  return {
    reserve: (claim) => book.reserve(claim),
    end: (_id, change) => change(book),
    change: (change) => change(book),
    look: () => book,
    kept: () => undefined,
  };
}

interface Asked {
  readonly change: Change;
  /** Whether it has happened, and has to be counted some time, or was only asked for. */
  readonly happened: boolean;
  readonly resolve: () => void;
  readonly reject: (error: RunError) => void;
}

/** A book in a store. All that is asked for while an update is under way goes into the next one. */
export class StoreKeeper implements BudgetKeeper {
  readonly #store: BudgetStore;
  readonly #id: string;
  /** Reservations of this process, which end here. */
  readonly #own = new Set<string>();
  #asked: Asked[] = [];
  /** The updates that are under way. */
  #writing: Promise<void> | undefined;

  constructor(store: BudgetStore, id: string) {
    this.#store = store;
    this.#id = id;
  }

  async reserve(claim: Claim): Promise<Verdict> {
    // Own from now on: another claim of this process may meet it in the same update.
    this.#own.add(claim.id);
    let verdict: Verdict = { kind: 'later' };
    try {
      await this.#keep((book) => {
        verdict = book.reserve({ ...claim, isOwn: (id) => this.#own.has(id) });
      }, false);
    } catch (error) {
      this.#own.delete(claim.id);
      throw error;
    }
    if (verdict.kind !== 'reserved') this.#own.delete(claim.id);
    return verdict;
  }

  end(id: string, change: Change): void {
    const forget = (): void => void this.#own.delete(id);
    // A failure is met by whoever next reserves. Until then more is counted than was used, never less.
    this.#keep(change, true).then(forget, forget);
  }

  change(change: Change): Promise<void> {
    return this.#keep(change, true);
  }

  async look(): Promise<BudgetBook> {
    let seen = new BudgetBook();
    await this.#keep((book) => {
      seen = BudgetBook.of(book.toText());
    }, false);
    return seen;
  }

  kept(): Promise<void> | undefined {
    return this.#writing;
  }

  #keep(change: Change, happened: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ change, happened, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    while (this.#asked.length > 0) {
      const asked = this.#asked;
      this.#asked = [];
      try {
        await this.#store.updateBudget(this.#id, (text) => {
          const book = BudgetBook.of(text);
          for (const { change } of asked) change(book);
          return book.toText();
        });
        for (const { resolve } of asked) resolve();
      } catch (error) {
        const message = `The budget "${this.#id}" could not be kept in its store: ${messageOf(error)}`;
        const failure = new RunError('journal', message, { cause: error });
        for (const { reject } of asked) reject(failure);
        this.#asked = [...asked.filter(({ happened }) => happened), ...this.#asked];
        break;
      }
    }
    this.#writing = undefined;
  }
}
