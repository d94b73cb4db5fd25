import { type Amount, fromUsd } from './amount.ts';

/** Money and tokens. */
export interface Spend {
  readonly amount: Amount;
  readonly tokens: number;
}

/** What a budget allows; null where it says nothing of it. */
export interface Ceiling {
  readonly amount: Amount | null;
  readonly tokens: number | null;
}

/** What a request may take, and how. */
export interface Claim {
  /** Names the reservation: the run, the turn, the try. */
  readonly id: string;
  readonly worst: Spend;
  readonly ceiling: Ceiling;
  /** Money that this request must leave alone. */
  readonly hold: Amount;
  /** When it is asked for. A window that has passed is not opened again. */
  readonly window: string;
  /** Tells the reservations of this process, which can be waited for, from those of others. Default: all are. */
  readonly isOwn?: (id: string) => boolean;
}

/**
 * `reserved`: it is taken. `later`: it fits once what is reserved now was less than feared. `refused`: it can not fit;
 * `room` is what could.
 */
export type Verdict =
  | { readonly kind: 'reserved' | 'later' }
  | { readonly kind: 'refused'; readonly room: Ceiling };

export const NOTHING: Spend = { amount: 0n, tokens: 0 };
const RESERVED: Verdict = { kind: 'reserved' };
const LATER: Verdict = { kind: 'later' };

/**
 * The arithmetic of a budget: what is spent, what was lost, what is reserved. Their sum never passes a ceiling they were
 * all reserved under, in whatever order reservations end. Exact, and the same in memory and in a store.
 */
export class BudgetBook {
  #window = '';
  #spent = NOTHING;
  #lost = NOTHING;
  readonly #open = new Map<string, Spend>();
  /** The sum of what is open. */
  #reserved = NOTHING;

  get window(): string {
    return this.#window;
  }
  get spent(): Spend {
    return this.#spent;
  }
  /** The worst cases of requests whose replies were lost: they count, though nobody knows what they cost. */
  get lost(): Spend {
    return this.#lost;
  }
  get reserved(): Spend {
    return this.#reserved;
  }

  /** Begins a new window where it is later than this one: a clock that is behind must not open an old one again. */
  turnTo(window: string): void {
    if (window <= this.#window) return;
    const isFirst = this.#window === '';
    this.#window = window;
    // What was counted before any window was named is of the first.
    if (isFirst) return;
    this.#spent = this.#lost = this.#reserved = NOTHING;
    this.#open.clear();
  }

  /** Reserves the worst case of a request, if it fits beside all the others. */
  reserve({ id, worst, ceiling, hold, window, isOwn }: Claim): Verdict {
    this.turnTo(window);
    const foreign = isOwn ? this.#sumOf((other) => !isOwn(other)) : NOTHING;
    const own = minus(this.#reserved, foreign);
    const gone = plus(plus(this.#spent, this.#lost), foreign);
    const room: Ceiling = {
      amount: ceiling.amount === null ? null : ceiling.amount - gone.amount - hold,
      tokens: ceiling.tokens === null ? null : ceiling.tokens - gone.tokens,
    };
    if (!fits(worst, room)) return { kind: 'refused', room };
    if (!fits(plus(worst, own), room)) return LATER;
    this.#put(id, worst);
    return RESERVED;
  }

  /** A reservation ends with what was really used. Null: nobody knows what that cost, so all of it counts. */
  settle(id: string, used: Spend | null): void {
    const reserved = this.#take(id);
    if (reserved) this.#spent = plus(this.#spent, used ?? reserved);
  }

  /** A reservation ends with a lost reply: all of it counts. */
  lose(id: string): void {
    const reserved = this.#take(id);
    if (reserved) this.#lost = plus(this.#lost, reserved);
  }

  /** A reservation ends unused. */
  release(id: string): void {
    this.#take(id);
  }

  /** Counts what was spent and lost elsewhere, whether it fits or not. */
  add(spent: Spend, lost: Spend): void {
    this.#spent = plus(this.#spent, spent);
    this.#lost = plus(this.#lost, lost);
  }

  /** The reservations whose names begin so. */
  openOf(prefix: string): string[] {
    return [...this.#open.keys()].filter((id) => id.startsWith(prefix));
  }

  /** The book as text, for a store. */
  toText(): string {
    const open = Object.fromEntries([...this.#open].map(([id, spend]) => [id, written(spend)]));
    return JSON.stringify({
      version: VERSION,
      window: this.#window,
      spent: written(this.#spent),
      lost: written(this.#lost),
      open,
    });
  }

  /** Reads what `toText` wrote; null gives an empty book. Throws an error for anything else. */
  static of(text: string | null): BudgetBook {
    const book = new BudgetBook();
    if (text === null) return book;
    const { version, window, spent, lost, open } = JSON.parse(text) as Kept;
    if (version !== VERSION) throw new Error(`The budget was kept by another version of pawl (${version}).`);
    book.#window = window;
    book.#spent = read(spent);
    book.#lost = read(lost);
    for (const [id, spend] of Object.entries(open)) book.#put(id, read(spend));
    return book;
  }

  #put(id: string, worst: Spend): void {
    if (this.#open.size > 0) this.#take(id);
    this.#open.set(id, worst);
    this.#reserved = plus(this.#reserved, worst);
  }

  #take(id: string): Spend | undefined {
    const reserved = this.#open.get(id);
    if (!reserved) return undefined;
    this.#open.delete(id);
    this.#reserved = this.#open.size === 0 ? NOTHING : minus(this.#reserved, reserved);
    return reserved;
  }

  #sumOf(include: (id: string) => boolean): Spend {
    let sum = NOTHING;
    for (const [id, spend] of this.#open) if (include(id)) sum = plus(sum, spend);
    return sum;
  }
}

/** The sum of two. */
export function plus(one: Spend, other: Spend): Spend {
  // Mostly there is one request at a time, and nothing is lost.
  if (one === NOTHING) return other;
  if (other === NOTHING) return one;
  return { amount: one.amount + other.amount, tokens: one.tokens + other.tokens };
}

function minus(one: Spend, other: Spend): Spend {
  if (other === NOTHING) return one;
  return { amount: one.amount - other.amount, tokens: one.tokens - other.tokens };
}

/** A ceiling in USD and tokens. */
export function ceilingOf({
  usd,
  tokens,
}: {
  readonly usd?: number | undefined;
  readonly tokens?: number | undefined;
}): Ceiling {
  return { amount: usd === undefined ? null : fromUsd(usd), tokens: tokens ?? null };
}

function fits({ amount, tokens }: Spend, room: Ceiling): boolean {
  return (room.amount === null || amount <= room.amount) && (room.tokens === null || tokens <= room.tokens);
}

const VERSION = 1;
/** Attodollars as digits, and tokens. */
type Written = readonly [amount: string, tokens: number];
interface Kept {
  readonly version: number;
  readonly window: string;
  readonly spent: Written;
  readonly lost: Written;
  readonly open: Readonly<Record<string, Written>>;
}

function written({ amount, tokens }: Spend): Written {
  return [String(amount), tokens];
}

function read([amount, tokens]: Written): Spend {
  return { amount: BigInt(amount), tokens };
}
