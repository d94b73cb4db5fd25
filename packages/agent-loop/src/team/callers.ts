import type { AsyncScope } from '../async-scope.ts';
import type { Seat } from './places.ts';

/** The step that code belongs to, and what that step's script was called from. */
interface Caller {
  readonly script: Callers;
  readonly seat: Seat;
  readonly outer: Caller | undefined;
}

let shared: Promise<AsyncScope<Caller>> | undefined;
/** How many scripts there are that have not ended. */
let open = 0;

/**
 * Knows in whose code a step of a script is asked for. All scripts share one storage: every promise of the process pays
 * for each that there is.
 */
export class Callers {
  readonly #scope: AsyncScope<Caller>;

  private constructor(scope: AsyncScope<Caller>) {
    this.#scope = scope;
  }

  /** Those of a script that begins. To be closed when it is over. */
  static async open(): Promise<Callers> {
    shared ??= import('#async-scope').then(({ asyncScope }) => asyncScope<Caller>());
    const scope = await shared;
    open += 1;
    return new Callers(scope);
  }

  /** The step whose code runs; undefined where nobody knows. */
  get current(): Seat | undefined {
    for (let caller = this.#scope.current(); caller; caller = caller.outer)
      if (caller.script === this) return caller.seat;
    return undefined;
  }

  /** Runs the code of a step. */
  run<R>(seat: Seat, code: () => R): R {
    return this.#scope.run({ script: this, seat, outer: this.#scope.current() }, code);
  }

  close(): void {
    open -= 1;
    if (open === 0) this.#scope.close();
  }
}
