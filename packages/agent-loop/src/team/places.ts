import type { Gate, Permit } from '../loop/admission.ts';
import type { Halt } from '../loop/halt.ts';
import type { RunState } from '../loop/run-state.ts';
import type { Seams } from '../seams.ts';

/** A step or an agent that has a place, or waits for one. */
export interface Seat {
  /** The one whose code has asked for it. */
  readonly above: Seat | undefined;
  /** How many that its code has asked for have begun and not ended. */
  calls: number;
  /** How many requests to a model are under way: an agent's own, and those of its subagents. */
  asking: number;
  /** Whether its place was given to somebody else. */
  lent: boolean;
  /** When it began, by the monotonic clock. */
  begunAt: number | undefined;
  over: boolean;
  /** Those that its code has asked for and that wait. */
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  readonly seat: Seat;
  readonly grant: () => void;
}

/** Told that something waits, and how long that will probably take, in milliseconds. */
type OnWait = (delayMs: number) => void;

/** A place that nothing of a script has moved beside for so long is lent, where somebody waits. */
const STILL_MS = 60_000;
/** How long a place is held, before anybody has given one back. */
const FIRST_DURATION_MS = 5000;

/**
 * Who of a script is at work, which at most `limit` are at a time: steps and agents that have begun and have not ended,
 * but none that has asked for another that is at work. So the place of whoever waits for a call of its own is that of the
 * call, which needs no other; and whoever has a place can end without one.
 *
 * What cannot be seen is a wait for a promise that is somebody else's. Where nothing has begun, ended or asked a model for
 * a minute and somebody waits, the place of who has it longest goes to the next. An agent gets it back before it asks a
 * model again, so that no more than `limit` do so.
 */
export class Places {
  readonly #limit: number;
  readonly #seams: Seams;
  readonly #atWork = new Set<Seat>();
  readonly #waiting = new Set<Waiting>();
  #durationMs = FIRST_DURATION_MS;
  #movedAt = 0;
  #cancelWatch: (() => void) | undefined;

  constructor(limit: number, seams: Seams) {
    this.#limit = limit;
    this.#seams = seams;
  }

  /** Waits for a place: a seat to be left, or undefined as soon as `halt` has tripped. */
  async take(above: Seat | undefined, halt: Halt, onWait: OnWait): Promise<Seat | undefined> {
    if (halt.reason) return undefined;
    const seat = newSeat(above);
    if (!this.#fits(seat)) {
      const granted = this.#wait(seat, halt);
      onWait(this.#estimate());
      if (!(await granted)) return undefined;
    }
    return seat;
  }

  /** It is over. What its code has asked for and not waited for counts as asked for by the one above it. */
  leave(seat: Seat): void {
    if (seat.over) return;
    seat.over = true;
    this.#atWork.delete(seat);
    const now = this.#seams.monotonic();
    this.#durationMs += (now - (seat.begunAt ?? now) - this.#durationMs) / 4;
    const above = liveOf(seat.above);
    if (above) {
      above.calls += seat.calls - 1;
      for (const waiting of seat.waiting) above.waiting.add(waiting);
      this.#settle(above);
    }
    this.#moved(above);
  }

  /** Stands before the requests of an agent and its subagents. */
  gateOf(seat: Seat): Gate {
    return { admit: (run) => this.#admit(seat, run) };
  }

  /** Whether it may go on, which it does then. */
  #fits(seat: Seat): boolean {
    const isNew = seat.begunAt === undefined;
    const above = isNew ? liveOf(seat.above) : undefined;
    const inherits = above !== undefined && this.#atWork.has(above) && above.calls + above.asking === 0;
    if (this.#atWork.size >= this.#limit && !inherits) return false;
    if (!isNew) {
      seat.lent = false;
      seat.asking += 1;
    } else if (above) {
      above.calls += 1;
      this.#settle(above);
    }
    this.#movedAt = this.#seams.monotonic();
    seat.begunAt ??= this.#movedAt;
    this.#settle(seat);
    return true;
  }

  #settle(seat: Seat): void {
    const isAtWork = !seat.over && !seat.lent && (seat.calls === 0 || seat.asking > 0);
    if (isAtWork) this.#atWork.add(seat);
    else this.#atWork.delete(seat);
  }

  #wait(seat: Seat, halt: Halt): Promise<boolean> {
    return new Promise((resolve) => {
      const above = seat.begunAt === undefined ? liveOf(seat.above) : undefined;
      const left = (): void => {
        this.#waiting.delete(waiting);
        for (let at = above; at; at = at.above) at.waiting.delete(waiting);
        if (this.#waiting.size === 0) this.#stopWatch();
      };
      const detach = halt.on(() => {
        left();
        resolve(false);
      });
      const waiting: Waiting = {
        seat,
        grant: () => {
          left();
          detach();
          resolve(true);
        },
      };
      this.#waiting.add(waiting);
      above?.waiting.add(waiting);
      this.#watch();
    });
  }

  /** Something has changed: whatever fits now goes on. Of what waits, `seat` may hand its place to one of its own. */
  #moved(seat: Seat | undefined): void {
    this.#movedAt = this.#seams.monotonic();
    const [own] = seat?.waiting ?? [];
    if (own && this.#fits(own.seat)) own.grant();
    for (const waiting of this.#waiting) {
      if (!this.#fits(waiting.seat)) return;
      waiting.grant();
    }
  }

  #admit(seat: Seat, run: RunState): Permit | Promise<Permit> {
    if (this.#atWork.has(seat)) {
      seat.asking += 1;
      this.#movedAt = this.#seams.monotonic();
      return this.#permit(seat);
    }
    if (this.#fits(seat)) return this.#permit(seat);
    const granted = this.#wait(seat, run.halt);
    run.tell({ type: 'wait', reason: 'concurrency', delayMs: this.#estimate() });
    return granted.then((isGranted) => (isGranted ? this.#permit(seat) : NONE));
  }

  #permit(seat: Seat): Permit {
    const end = (): void => {
      seat.asking -= 1;
      this.#settle(seat);
      this.#moved(liveOf(seat));
    };
    return { settle: end, lose: end, release: end };
  }

  /** How long the last that waits will probably wait. */
  #estimate(): number {
    return Math.ceil(Math.ceil(this.#waiting.size / this.#limit) * this.#durationMs);
  }

  #watch(): void {
    if (this.#cancelWatch) return;
    const stillFor = this.#seams.monotonic() - this.#movedAt;
    const left = stillFor < STILL_MS ? STILL_MS - stillFor : STILL_MS;
    this.#cancelWatch = this.#seams.timer(left, () => {
      this.#cancelWatch = undefined;
      if (this.#seams.monotonic() - this.#movedAt >= STILL_MS) this.#lend();
      if (this.#waiting.size > 0) this.#watch();
    });
  }

  #stopWatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  #lend(): void {
    const [longest] = this.#atWork;
    if (!longest || [...this.#atWork].some(({ asking }) => asking > 0)) return;
    longest.lent = true;
    this.#settle(longest);
    this.#moved(undefined);
  }
}

function newSeat(above: Seat | undefined): Seat {
  return { above, calls: 0, asking: 0, lent: false, begunAt: undefined, over: false, waiting: new Set() };
}

const NONE: Permit = { settle() {}, lose() {}, release() {} };

/** The seat, or the next above it that is not over. */
function liveOf(seat: Seat | undefined): Seat | undefined {
  let at = seat;
  while (at?.over) at = at.above;
  return at;
}
