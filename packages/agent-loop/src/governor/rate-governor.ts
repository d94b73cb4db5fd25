import type { Candidate, Gate, Permit } from '../loop/admission.ts';
import { RunError } from '../errors.ts';
import type { Place } from './fair-queue.ts';
import type { GovernorOptions } from './governor.ts';
import type { GovernorNote, GovernorStore } from './governor-store.ts';
import { GovernorPermit, heldMessage } from './governor-permit.ts';
import { type Charges, RateLane } from './rate-lane.ts';
import { clientName, isFast, modelClass, publicName } from './rate-scope.ts';
import type { RunState } from '../loop/run-state.ts';
import { type Seams, systemSeams } from '../seams.ts';
import { type RateNeeds, TokenForecast } from './token-forecast.ts';

/** A request that waits for its turn. One of the two is called, once, unless the run is stopped meanwhile. */
export interface Waiter {
  readonly run: RunState;
  readonly needs: RateNeeds;
  /** It may be sent now, and is charged. */
  readonly admit: (charges: Charges) => void;
  /** The server wants everyone to wait this long, which is longer than the run waits. */
  readonly refuse: (heldForMs: number) => void;
}

/** A request in the queue. */
interface Queued extends Waiter {
  waits: boolean;
}

/** Limits, and the name by which other processes know them. */
export interface Lane {
  readonly name: string;
  readonly rates: RateLane<Queued>;
}

/** Lanes that nobody used for this long are forgotten: by then their buckets are full again. */
const IDLE_MS = 600_000;

/**
 * The governor at work. Whatever happens (a request comes, ends or fails, a timer fires) ends in `pump`, which lets go what
 * may go, and sets the one timer there is for the moment the next may.
 */
export class RateGovernor implements Gate {
  readonly forecast = new TokenForecast();
  readonly #concurrency: number;
  readonly #reserve: number;
  readonly #store: GovernorStore | undefined;
  readonly #lanes = new Map<string, Lane>();
  #seams: Seams = systemSeams;
  #inFlight = 0;
  #waiting = 0;
  /** Whose turn it is where several lanes compete for the same concurrency. */
  #turn = 0;
  #wakeAt = Infinity;
  #cancelTimer = (): void => {};

  constructor({ concurrency = Infinity, reserve = 0, store }: GovernorOptions) {
    this.#concurrency = concurrency;
    this.#reserve = reserve;
    this.#store = store;
    store?.follow((note) => this.#hear(note));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** By the clock of the agents that it serves. */
  now(): number {
    return this.#seams.monotonic();
  }

  /** Waits until a request may be sent. Rejects with `rate-limited` where the server wants more patience than the run has. */
  async admit(run: RunState, candidate: Candidate): Promise<Permit> {
    this.#seams = run.seams;
    const client = clientName(await run.spec.client());
    const { params } = candidate.request;
    const fast = isFast(params);
    const name = `${client} ${modelClass(params.model)}${fast ? ' fast' : ''}`;
    const lane = this.#laneOf(this.#store ? await publicName(name) : name);
    const permit = new GovernorPermit(this, lane, run, candidate, fast);
    const heldForMs = await permit.take('in-turn');
    if (heldForMs === null) return permit;
    throw new RunError('rate-limited', heldMessage(heldForMs, run), { retryAfterMs: heldForMs });
  }

  /** Takes a place in the queue, before all others where the request had its turn already. */
  join(lane: Lane, waiter: Waiter, place: 'in-turn' | 'first'): void {
    const { run, needs } = waiter;
    const { rates } = lane;
    const { queue } = rates;
    const left = (): void => {
      queued.waits = false;
      detach();
      rates.queued(needs, -1);
      this.#waiting -= 1;
    };
    const queued: Queued = {
      ...waiter,
      waits: true,
      admit: (charges) => {
        left();
        waiter.admit(charges);
      },
      refuse: (heldForMs) => {
        queue.remove(own);
        left();
        waiter.refuse(heldForMs);
      },
    };
    const own: Place<Queued> =
      place === 'first'
        ? queue.addFirst(queued, run.spec)
        : queue.add(queued, run.spec, rates.costOf(needs), run.spec.priority);
    const detach = run.halt.on(() => {
      if (!queue.remove(own)) return;
      left();
      this.pump();
    });
    rates.queued(needs, 1);
    this.#waiting += 1;
    this.pump();
    const now = this.now();
    if (!this.#refuseImpatient(rates, queued, now)) this.#tellWait(rates, queued, now);
  }

  /** A request is sent or ended in this lane: whatever may go now goes. */
  pump(): void {
    const now = this.now();
    let next = this.#nextIn(now);
    while (typeof next !== 'number') {
      const { lane, waiter } = next;
      lane.rates.queue.take();
      this.#inFlight += 1;
      const charges = lane.rates.send(waiter.needs, now);
      this.note({ type: 'charge', lane: lane.name, ...waiter.needs });
      waiter.admit(charges);
      next = this.#nextIn(now);
    }
    this.#wake(next, now);
  }

  /** A request is no longer under way. */
  ended(): void {
    this.#inFlight -= 1;
  }

  /** Limits became known that were not: from now on the queue is fair in shares of them. */
  learnt({ rates }: Lane): void {
    rates.queue.reweigh(({ needs }) => rates.costOf(needs));
  }

  /** The server held everyone: those that wait are told, and those without the patience leave. */
  held({ name, rates }: Lane): void {
    const now = this.now();
    const ms = rates.heldFor(now);
    if (ms > 0) this.note({ type: 'hold', lane: name, ms });
    this.#announce(rates, now);
  }

  /** Tells the other processes. */
  note(note: GovernorNote): void {
    const store = this.#store;
    if (!store) return;
    // A note that is lost is made up for by the headers of the next reply; there is nobody who could do better.
    void Promise.resolve()
      .then(() => store.tell(note))
      .catch(() => {});
  }

  #hear(note: GovernorNote): void {
    const lane = this.#lanes.get(note.lane);
    // Nobody here uses these limits yet; whoever begins to learns what is left of them from the first reply.
    if (!lane) return;
    const now = this.now();
    if (note.type === 'charge') return lane.rates.sentElsewhere(note, now);
    lane.rates.hold('rate-limit', note.ms, now);
    this.#announce(lane.rates, now);
  }

  #announce(rates: RateLane<Queued>, now: number): void {
    if (rates.heldFor(now) === 0) return;
    for (const waiter of rates.queue.items())
      if (!this.#refuseImpatient(rates, waiter, now)) this.#tellWait(rates, waiter, now);
    this.pump();
  }

  /** Whether a request was sent away because everyone has to wait longer than its run may. */
  #refuseImpatient(rates: RateLane<Queued>, waiter: Queued, now: number): boolean {
    const heldForMs = rates.heldFor(now);
    if (!waiter.waits || heldForMs <= waiter.run.spec.limits.retryAfterMs) return false;
    waiter.refuse(heldForMs);
    return true;
  }

  #tellWait(rates: RateLane<Queued>, waiter: Queued, now: number): void {
    if (!waiter.run.telling || !waiter.waits) return;
    const { reason, delayMs } = rates.estimate(now, this.#concurrency);
    waiter.run.tell({ type: 'wait', reason, delayMs });
  }

  /** What goes next, or when to look again: Infinity where only the end of a request can change anything. */
  #nextIn(now: number): { readonly lane: Lane; readonly waiter: Queued } | number {
    if (this.#waiting === 0 || this.#inFlight >= this.#concurrency) return Infinity;
    const lanes = [...this.#lanes.values()];
    let wakeAt = Infinity;
    for (let step = 0; step < lanes.length; step += 1) {
      const at = (this.#turn + step) % lanes.length;
      const lane = lanes[at];
      const waiter = lane?.rates.queue.first;
      if (!lane || !waiter) continue;
      const obstacle = lane.rates.obstacle(waiter.needs, now);
      if (!obstacle) {
        this.#turn = at + 1;
        return { lane, waiter };
      }
      wakeAt = Math.min(wakeAt, obstacle.until);
    }
    return wakeAt;
  }

  #wake(at: number, now: number): void {
    if (at === this.#wakeAt) return;
    this.#cancelTimer();
    this.#wakeAt = at;
    this.#cancelTimer = (): void => {};
    if (at === Infinity) return;
    this.#cancelTimer = this.#seams.timer(Math.max(1, Math.ceil(at - now)), () => {
      this.#wakeAt = Infinity;
      this.pump();
    });
  }

  #laneOf(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known) return known;
    const now = this.now();
    for (const [other, { rates }] of this.#lanes)
      if (rates.idleSince(now, IDLE_MS)) this.#lanes.delete(other);
    const lane = { name, rates: new RateLane<Queued>(this.#reserve) };
    this.#lanes.set(name, lane);
    return lane;
  }
}
