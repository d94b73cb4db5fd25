import { ConfigError, RunError } from '../errors.ts';
import { Halt, type HaltReason } from '../loop/halt.ts';
import type { Seat } from './places.ts';

/** The error of what was stopped. */
export function haltError(reason: HaltReason): RunError {
  if (reason.kind === 'failed') return reason.error;
  return new RunError(reason.kind === 'time-limit' ? 'time-limit' : 'stopped', reason.reason);
}

/**
 * A part of a script whose work is stopped together: the script, a branch of it, a step. What was begun in it does not
 * outlive it.
 */
export class Scope {
  readonly halt = new Halt();
  /** What the names of its steps are prefixed with. */
  readonly path: string;
  /** That of the step which it is, or is in. */
  readonly seat: Seat | undefined;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #detach: () => void;
  #aborter: AbortController | undefined;

  constructor(path: string, above?: Scope, seat = above?.seat) {
    this.path = path;
    this.seat = seat;
    this.#detach =
      above?.halt.on(() => {
        if (above.halt.reason) this.halt.trip(above.halt.reason);
      }) ?? (() => {});
    // `on` calls back in a microtask at the earliest, and what is begun in between is to be refused.
    if (above?.halt.reason) this.halt.trip(above.halt.reason);
  }

  /** Aborted when the scope is stopped or left. Made on first use: most scopes need none. */
  get signal(): AbortSignal {
    if (this.#aborter) return this.#aborter.signal;
    const aborter = new AbortController();
    this.#aborter = aborter;
    const { reason } = this.halt;
    if (reason) aborter.abort(haltError(reason));
    else this.halt.on(() => this.halt.reason && aborter.abort(haltError(this.halt.reason)));
    return aborter.signal;
  }

  /** Throws where nothing may be begun any more. */
  check(): void {
    if (this.halt.reason) throw haltError(this.halt.reason);
  }

  /** Begins work that belongs to the scope. Stopping it is up to the work, which sees the halt. */
  begin<T>(work: () => Promise<T>): Promise<T> {
    const going = this.#begin(work);
    const forget = (): void => void this.#pending.delete(going);
    this.#pending.add(going);
    // Also keeps work that nobody awaits from becoming an unhandled rejection: the scope waits for it.
    going.then(forget, forget);
    return going;
  }

  async #begin<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    try {
      return await work();
    } finally {
      // What is stopped fails for that reason alone, whatever came of it.
      this.check();
    }
  }

  /** Stops what is left in the scope and waits until it is stopped. */
  async leave(reason: string): Promise<void> {
    this.halt.trip({ kind: 'stopped', reason });
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    this.#detach();
  }
}

/** Throws a ConfigError for a name that would not be one part of a path. */
export function checkStepName(name: unknown): asserts name is string {
  // Control characters would garble the logs and terminals that paths are printed on.
  if (typeof name === 'string' && /^[^/\p{Cc}]{1,100}$/u.test(name)) return;
  const got = typeof name === 'string' ? JSON.stringify(name.slice(0, 120)) : typeof name;
  throw new ConfigError('name', `expected 1 to 100 characters without "/", got ${got}.`);
}
