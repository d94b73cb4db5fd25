import type { RunError } from '../errors.ts';

/** Why a run was stopped from outside. */
export type HaltReason =
  | { readonly kind: 'stopped'; readonly reason: string }
  | { readonly kind: 'time-limit'; readonly reason: string }
  | { readonly kind: 'budget-limit'; readonly reason: string }
  | { readonly kind: 'context-full'; readonly reason: string }
  /** Left as it stands, to be resumed by the next owner. */
  | { readonly kind: 'parked'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly error: RunError };

/**
 * The one switch that stops a run: `stop()`, an aborted signal, the time limit and a failed journal all trip it, and
 * everything that waits listens to it. Trips once; later calls change nothing.
 */
export class Halt {
  #reason: HaltReason | null = null;
  readonly #listeners = new Set<() => void>();

  /** Why the run was stopped, or null while it goes on. */
  get reason(): HaltReason | null {
    return this.#reason;
  }

  /** Stops the run. */
  trip(reason: HaltReason): void {
    if (this.#reason) return;
    this.#reason = reason;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /** Calls `listener` once when the run is stopped, never before `on` has returned. The returned function detaches it. */
  on = (listener: () => void): (() => void) => {
    if (this.#reason) {
      queueMicrotask(listener);
      return () => {};
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The value of `work`, or `undefined` as soon as the run is stopped. Never leaves a listener behind. */
  race<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const detach = this.on(() => resolve(undefined));
      work.then(
        (value) => {
          detach();
          resolve(value);
        },
        (error: unknown) => {
          detach();
          reject(error);
        },
      );
    });
  }
}
