import type { Halt } from '../loop/halt.ts';

/** Places for leaf work. Whoever waits for others gives its place up first, so that nothing can wait for itself. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  get full(): boolean {
    return this.#free === 0;
  }

  /** Waits for a place: the function that gives it back, or undefined as soon as `halt` has tripped. */
  async take(halt: Halt): Promise<(() => void) | undefined> {
    if (halt.reason) return undefined;
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#place();
    }
    return new Promise((resolve) => {
      const detach = halt.on(() => {
        if (this.#waiting.delete(grant)) resolve(undefined);
      });
      const grant = (): void => {
        detach();
        resolve(this.#place());
      };
      this.#waiting.add(grant);
    });
  }

  #place(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const [next] = this.#waiting;
      if (!next) {
        this.#free += 1;
        return;
      }
      this.#waiting.delete(next);
      next();
    };
  }
}
