import { type Charge, RateBucket } from './rate-bucket.ts';
import { FairQueue } from './fair-queue.ts';
import type { WaitEvent } from '../journal/events.ts';
import type { RateKind, RateReadings } from './rate-headers.ts';
import type { RateNeeds } from './token-forecast.ts';

/** What a request was charged, by what is limited. */
export interface Charges {
  readonly needs: RateNeeds;
  readonly requests: Charge;
  readonly input: Charge;
  readonly output: Charge;
  readonly tokens: Charge;
  /** Counts what was sent in this lane from 1. */
  readonly order: number;
}

/** What keeps a request from being sent, and until when by the monotonic clock: Infinity where a reply has to come first. */
export interface Obstacle {
  readonly reason: WaitEvent['reason'];
  readonly until: number;
}

/** A full bucket is handed out over this time and not at once: limits may be held by the second. */
const SPREAD_MS = 10_000;
/** Spread this far, there is no burst left at all. */
const MAX_SPREAD_MS = 60_000;
/** After this long without a 429 bursts are as they were. */
const SPREAD_MEMORY_MS = 300_000;
/** Timers are no more exact than this; what they lose is made up for. */
const SLACK_MS = 20;
/** How long the first answer is waited for before others are sent. */
const FIRST_ANSWER_MS = 10_000;
/** The first wait after a 429 that names none; doubled with each that follows. */
const FIRST_HOLD_MS = 1000;
const MAX_HOLD_MS = 60_000;
/** A request that waits for another to end can expect it within this time, before any has ended. */
const FIRST_DURATION_MS = 5000;

/**
 * What is known of the limits of one class of models under one key, and who waits for them: token buckets, a hold that
 * binds everyone, a window of requests in flight that shrinks when the server is overloaded, and a fair queue.
 */
export class RateLane<T extends { readonly needs: RateNeeds }> {
  readonly queue = new FairQueue<T>();
  readonly #buckets: Readonly<Record<RateKind, RateBucket>>;
  /** What all that wait need. */
  readonly #queued = { requests: 0, input: 0, output: 0 };
  inFlight = 0;
  usedAt = 0;
  #holdUntil = 0;
  #holdMs = 0;
  #holdReason: WaitEvent['reason'] = 'rate-limit';
  #window = Infinity;
  /** Whatever was sent up to here went out before the window was cut last. */
  #cutAt = 0;
  #order = 0;
  #nextAt = 0;
  #spreadMs = SPREAD_MS;
  #limitedAt = -Infinity;
  #firstSentAt = Infinity;
  #answered = false;
  #durationMs = FIRST_DURATION_MS;

  constructor(reserve: number) {
    const share = 1 - reserve;
    this.#buckets = {
      requests: new RateBucket('at-once', share),
      input: new RateBucket('at-once', share),
      output: new RateBucket('as-produced', share),
      tokens: new RateBucket('as-produced', share),
    };
  }

  /** Whether nobody needs it any more, and a new one would be no worse. */
  idleSince(now: number, ms: number): boolean {
    return this.inFlight === 0 && this.queue.length === 0 && now - this.usedAt > ms && now > this.#holdUntil;
  }

  /** The share of a minute's limits that a request takes: what the queue is fair in. */
  costOf(needs: RateNeeds): number {
    return this.#shareOf(needs) || 1;
  }

  /** Notes that `needs` joined the queue, or left it (`-1`). */
  queued({ requests, input, output }: RateNeeds, sign: 1 | -1): void {
    this.#queued.requests += sign * requests;
    this.#queued.input += sign * input;
    this.#queued.output += sign * output;
  }

  /** What keeps a request that needs this from being sent now, or null. */
  obstacle(needs: RateNeeds, now: number): Obstacle | null {
    if (this.#holdUntil > now) return { reason: this.#holdReason, until: this.#holdUntil };
    if (!this.#answered && this.inFlight > 0 && now < this.#firstSentAt + FIRST_ANSWER_MS)
      return { reason: 'first-answer', until: this.#firstSentAt + FIRST_ANSWER_MS };
    if (this.inFlight >= Math.max(1, Math.floor(this.#window)))
      return { reason: 'overloaded', until: Infinity };
    const filled = this.#most(needs, (bucket, amount) => bucket.waitFor(amount, now));
    if (filled > 0) return { reason: 'rate-limit', until: now + filled };
    return this.#nextAt > now ? { reason: 'spread', until: this.#nextAt } : null;
  }

  /** How long the last in the queue probably waits, in milliseconds, and for what most of all. */
  estimate(
    now: number,
    concurrency: number,
  ): { readonly reason: WaitEvent['reason']; readonly delayMs: number } {
    const ahead = this.queue.length + this.inFlight;
    const slots = Math.min(concurrency, this.#window);
    const rounds = Math.max(0, Math.ceil((ahead - slots) / slots));
    const waits: readonly (readonly [WaitEvent['reason'], number])[] = [
      [this.#holdReason, this.#holdUntil - now],
      ['first-answer', !this.#answered && this.inFlight > 0 ? this.#durationMs : 0],
      ['rate-limit', this.#most(this.#queued, (bucket, amount) => bucket.fillTime(amount, now))],
      [slots < concurrency ? 'overloaded' : 'concurrency', rounds * this.#durationMs],
      ['spread', this.#nextAt - now + this.#shareOf(this.#queued) * this.#spreadMs],
    ];
    const others = ['concurrency', 0] as const;
    const [reason, delayMs] = waits.reduce((most, wait) => (wait[1] > most[1] ? wait : most), others);
    return { reason, delayMs: Math.max(0, Math.ceil(delayMs)) };
  }

  /** Milliseconds that everyone has to wait because the server said so. */
  heldFor(now: number): number {
    return Math.max(0, this.#holdUntil - now);
  }

  /** Charges a request that is about to be sent. */
  send(needs: RateNeeds, now: number): Charges {
    const { requests, input, output, tokens } = this.#buckets;
    this.inFlight += 1;
    this.usedAt = now;
    if (!this.#answered && this.inFlight === 1) this.#firstSentAt = now;
    if (now - this.#limitedAt > SPREAD_MEMORY_MS) this.#spreadMs = SPREAD_MS;
    this.#nextAt =
      Math.max(this.#nextAt, now - SLACK_MS) + Math.min(1, this.#shareOf(needs)) * this.#spreadMs;
    return {
      needs,
      requests: requests.charge(needs.requests, now),
      input: input.charge(needs.input, now),
      output: output.charge(needs.output, now),
      tokens: tokens.charge(needs.input + needs.output, now),
      order: (this.#order += 1),
    };
  }

  /** Another process sent a request against the same limits, or corrected what it had told. */
  sentElsewhere({ requests, input, output }: RateNeeds, now: number): void {
    this.#buckets.requests.chargeElsewhere(requests, now);
    this.#buckets.input.chargeElsewhere(input, now);
    this.#buckets.output.chargeElsewhere(output, now);
    this.#buckets.tokens.chargeElsewhere(input + output, now);
  }

  /** The server counted a request, and told this of the limits. True where limits are known that were not before. */
  counted(charges: Charges, readings: RateReadings, now: number): boolean {
    this.#answered = true;
    this.#buckets.requests.count(charges.requests);
    this.#buckets.input.count(charges.input);
    return this.#sync(charges, readings, now);
  }

  /** A request is over, or one try of it, and took this much. */
  settle(charges: Charges, taken: RateNeeds, now: number): void {
    const { requests, input, output, tokens } = this.#buckets;
    this.inFlight -= 1;
    this.usedAt = now;
    requests.correct(charges.requests, taken.requests, now);
    input.correct(charges.input, taken.input, now);
    output.correct(charges.output, taken.output, now);
    tokens.correct(charges.tokens, taken.input + taken.output, now);
  }

  /** A reply came whole: the window opens a little, up to one request per window. */
  succeeded(charges: Charges, durationMs: number): void {
    this.#answered = true;
    this.#durationMs += (durationMs - this.#durationMs) / 4;
    if (charges.order <= this.#cutAt) return;
    this.#holdMs = 0;
    this.#window += 1 / this.#window;
  }

  /** A request was not counted: it was not sent, or refused for its rate. */
  refund(charges: Charges, now: number): void {
    this.inFlight -= 1;
    for (const kind of ['requests', 'input', 'output', 'tokens'] as const)
      this.#buckets[kind].refund(charges[kind], now);
  }

  /**
   * A 429. Everyone waits as long as it says. Where limits are known it came too soon after others, so that requests are
   * spread further; where none are it says that there were too many at once.
   */
  limited(charges: Charges, readings: RateReadings, retryAfterMs: number | undefined, now: number): boolean {
    this.#answered = true;
    const learnt = this.#sync(charges, readings, now);
    const known = Object.values(this.#buckets).some(({ limit }) => limit !== undefined);
    if (!this.#isNew(charges)) {
      this.hold('rate-limit', retryAfterMs ?? 0, now);
      return learnt;
    }
    this.#spreadMs = Math.min(MAX_SPREAD_MS, 2 * this.#spreadMs);
    this.#limitedAt = now;
    this.#holdMs = Math.min(MAX_HOLD_MS, Math.max(FIRST_HOLD_MS, 2 * this.#holdMs));
    this.hold('rate-limit', retryAfterMs ?? (known ? FIRST_HOLD_MS : this.#holdMs), now);
    if (known) this.#cutAt = this.#order;
    else this.#cut();
    return learnt;
  }

  /** A 529: half as many requests at once, and no sooner than it says. */
  overloaded(charges: Charges, retryAfterMs: number | undefined, now: number): void {
    this.#answered = true;
    if (this.#isNew(charges)) this.#cut();
    if (retryAfterMs !== undefined) this.hold('overloaded', retryAfterMs, now);
  }

  /** Nobody sends before `ms` have passed. */
  hold(reason: WaitEvent['reason'], ms: number, now: number): void {
    if (now + ms <= this.#holdUntil) return;
    this.#holdUntil = now + ms;
    this.#holdReason = reason;
  }

  /** Of many requests that went out together only the first that fails has something to tell. */
  #isNew(charges: Charges): boolean {
    return charges.order > this.#cutAt;
  }

  #cut(): void {
    this.#window = Math.max(1, Math.min(this.#window, this.inFlight + 1) / 2);
    this.#cutAt = this.#order;
  }

  #sync(charges: Charges, readings: RateReadings, now: number): boolean {
    let learnt = false;
    for (const kind of Object.keys(readings) as RateKind[]) {
      const reading = readings[kind];
      const bucket = this.#buckets[kind];
      if (!reading) continue;
      learnt ||= bucket.limit === undefined;
      bucket.sync(reading, charges[kind], now);
    }
    return learnt;
  }

  #shareOf(needs: RateNeeds): number {
    return this.#most(needs, (bucket, amount) => bucket.shareOf(amount));
  }

  /** The most that any of the limits gives for its part of `needs`. */
  #most({ requests, input, output }: RateNeeds, of: (bucket: RateBucket, amount: number) => number): number {
    const { requests: r, input: i, output: o, tokens } = this.#buckets;
    return Math.max(of(r, requests), of(i, input), of(o, output), of(tokens, input + output));
  }
}
