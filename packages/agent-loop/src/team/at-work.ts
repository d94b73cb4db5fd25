import { ConfigError } from '../errors.ts';
import type { Scope } from './script-scope.ts';

/** The script's own steps at work. One that uses a team from outside it must not hold the place that this team needs. */
export class AtWork {
  readonly #steps = new Map<Scope, () => void>();
  /** How many of a pool wait for a place, by the scope they were asked for in. */
  readonly #waiting = new Map<Scope, number>();
  #entered: Scope | undefined;

  /** Does the work of a step. `enter` calls its function; `leave` gives the place of the step up. */
  async during<T>(
    own: Scope,
    leave: () => void,
    work: (enter: <R>(call: () => R) => R) => Promise<T>,
  ): Promise<T> {
    this.#steps.set(own, leave);
    try {
      return await work((call) => this.#enter(own, call));
    } finally {
      this.#steps.delete(own);
    }
  }

  /** Throws where the function of a step is seen to use another team than its own: that is up to its first `await`. */
  check(scope: Scope): void {
    const step = this.#entered;
    if (!step || step === scope || isIn(scope, step)) return;
    throw new ConfigError(
      'team',
      `inside the step "${step.path}" use the team that the step is given: ` +
        `step(${JSON.stringify(step.path.slice(step.path.lastIndexOf('/') + 1))}, (team) => ...).`,
    );
  }

  /**
   * Has the steps at work in a scope give their places up, as any of them may be who asks. Where others wait since
   * before any was at work, or behind such, it is a pool of steps, whose bound has to hold.
   */
  makeRoom(scope: Scope): void {
    if (this.#waiting.has(scope)) return;
    for (const [own, leave] of this.#steps) if (isIn(own, scope)) leave();
  }

  /** Waits for a place where there is none free. */
  async wait<T>(scope: Scope, take: () => Promise<T>): Promise<T> {
    if (!this.#waiting.has(scope) && [...this.#steps.keys()].some((own) => isIn(own, scope))) {
      this.makeRoom(scope);
      return take();
    }
    this.#waiting.set(scope, (this.#waiting.get(scope) ?? 0) + 1);
    try {
      return await take();
    } finally {
      const left = (this.#waiting.get(scope) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(scope);
      else this.#waiting.set(scope, left);
    }
  }

  #enter<R>(own: Scope, call: () => R): R {
    const before = this.#entered;
    this.#entered = own;
    try {
      return call();
    } finally {
      this.#entered = before;
    }
  }
}

function isIn(inner: Scope, outer: Scope): boolean {
  return outer.path === '' ? inner.path !== '' : inner.path.startsWith(`${outer.path}/`);
}
