import type { RateReading } from './rate-headers.ts';

/** What one request took from a bucket. */
export interface Charge {
  readonly amount: number;
  /** All that was ever charged, this included. */
  readonly mark: number;
  /** All that was known to be produced by then. */
  readonly produced: number;
  /** Whether the server is known to have counted it, or not to count it at all. */
  counted: boolean;
}

/** When the server counts: when a request comes (`at-once`), or as its reply is produced. */
export type Counting = 'at-once' | 'as-produced';

const MINUTE_MS = 60_000;

/**
 * Our copy of one of the server's token buckets: it refills evenly to its limit in a minute. `level` is what is left once
 * everything that was sent is counted, so it may be below zero. Everything is charged by estimate when it is sent,
 * corrected when the reply tells the truth, and held between the bounds that the server's headers leave open: what it
 * tells as remaining may or may not include requests that were under way.
 */
export class RateBucket {
  readonly #counting: Counting;
  /** The part of the server's limit that is ours. */
  readonly #share: number;
  #limit: number | undefined;
  #level = Infinity;
  #at = 0;
  #charged = 0;
  #produced = 0;
  /** Charged, and not known to be counted. */
  #pending = 0;
  /** Charges up to this mark are part of what the server told. */
  #synced = -1;

  constructor(counting: Counting, share: number) {
    this.#counting = counting;
    this.#share = share;
  }

  /** Our part of the limit, per minute; undefined where the server told none. */
  get limit(): number | undefined {
    return this.#limit;
  }

  /** Milliseconds until `amount` fits. More than the whole bucket fits once the bucket is full. */
  waitFor(amount: number, now: number): number {
    return this.#limit === undefined ? 0 : this.fillTime(Math.min(amount, this.#limit), now);
  }

  /** Milliseconds until the bucket has taken in what `amount` lacks, however much that is. */
  fillTime(amount: number, now: number): number {
    if (this.#limit === undefined) return 0;
    const lacking = amount - this.#levelAt(now);
    return lacking <= ROUNDING ? 0 : (lacking * MINUTE_MS) / this.#limit;
  }

  /** The part of a minute's limit that `amount` is; 0 where no limit is known. */
  shareOf(amount: number): number {
    return this.#limit === undefined ? 0 : amount / this.#limit;
  }

  /** Takes `amount` for a request that is about to be sent. */
  charge(amount: number, now: number): Charge {
    this.#levelAt(now);
    this.#level -= amount;
    this.#pending += amount;
    this.#charged += amount;
    return { amount, mark: this.#charged, produced: this.#produced, counted: false };
  }

  /** Somebody else took `amount` from the same limit. */
  chargeElsewhere(amount: number, now: number): void {
    this.#levelAt(now);
    this.#level -= amount;
    this.#charged += Math.max(0, amount);
  }

  /** The server has counted the charge, at its own figure. */
  count(charge: Charge): void {
    if (charge.counted) return;
    charge.counted = true;
    this.#pending -= charge.amount;
  }

  /** The charge turned out to be `actual`. */
  correct(charge: Charge, actual: number, now: number): void {
    this.#levelAt(now);
    this.count(charge);
    if (this.#counting === 'as-produced') this.#produced += actual;
    // What the server told since then had the true figure in it already.
    else if (charge.mark <= this.#synced) return;
    this.#raise(charge.amount - actual);
  }

  /** The charge was never counted by the server: it was not sent, or refused for its rate. */
  refund(charge: Charge, now: number): void {
    this.#levelAt(now);
    this.count(charge);
    this.#raise(charge.amount);
  }

  /** Takes over what the headers of the answer to `charge` told. */
  sync({ limit, remaining, plusMinus }: RateReading, charge: Charge, now: number): void {
    const first = this.#limit === undefined;
    this.#limit = limit * this.#share;
    const asProduced = this.#counting === 'as-produced';
    const later = asProduced ? this.#pending + this.#produced - charge.produced : this.#charged - charge.mark;
    const least = remaining - plusMinus - later;
    const most = asProduced && !charge.counted ? remaining - charge.amount : remaining;
    if (first) {
      this.#at = now;
      const own = asProduced && !charge.counted ? 0 : charge.amount;
      this.#level = Math.min(least, this.#limit - later - own);
      this.#synced = charge.mark;
      return;
    }
    const level = this.#levelAt(now);
    // What others leave of their part is not ours to take.
    const bounded = Math.min(most, this.#share < 1 ? level : Math.max(level, least));
    if (bounded !== level) this.#synced = Math.max(this.#synced, charge.mark);
    this.#level = Math.min(bounded, this.#limit);
  }

  #levelAt(now: number): number {
    if (this.#limit === undefined) return this.#level;
    this.#raise((Math.max(0, now - this.#at) * this.#limit) / MINUTE_MS);
    this.#at = now;
    return this.#level;
  }

  /** What is not counted yet leaves no room: the server's own bucket does not fill above its limit meanwhile. */
  #raise(by: number): void {
    const full = (this.#limit ?? Infinity) - this.#pending;
    this.#level = by < 0 ? this.#level + by : Math.max(this.#level, Math.min(this.#level + by, full));
  }
}

/** Sums of fractions of a token are no reason to wait. */
const ROUNDING = 1e-6;
