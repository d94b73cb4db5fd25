import type { Halt } from './halt.ts';

/** Places for leaf work. Whoever waits for others takes none, so that nothing can wait for itself. */
export class Slots {
  readonly #count: number;
  #taken = 0;
  #waiting: Set<() => void> | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** How many, one after the other, have to give a place back before the next who asks gets it: 0 where one is free. */
  get ahead(): number {
    return Math.floor((this.#taken + (this.#waiting?.size ?? 0)) / this.#count);
  }

  /** Waits for a place: the function that gives it back, once, or undefined as soon as `halt` has tripped. */
  async take(halt: Halt): Promise<(() => void) | undefined> {
    if (halt.reason) return undefined;
    if (this.#taken < this.#count) {
      this.#taken += 1;
      return () => this.#next();
    }
    const waiting = (this.#waiting ??= new Set());
    return new Promise((resolve) => {
      const detach = halt.on(() => {
        if (waiting.delete(grant)) resolve(undefined);
      });
      const grant = (): void => {
        waiting.delete(grant);
        detach();
        resolve(() => this.#next());
      };
      waiting.add(grant);
    });
  }

  /** A place is given back, and on to the one who waits longest. */
  #next(): void {
    const [next] = this.#waiting ?? [];
    if (next) next();
    else this.#taken -= 1;
  }
}
