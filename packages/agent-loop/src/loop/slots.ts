import type { Halt } from './halt.ts';

/** Places for leaf work. Whoever waits for others gives its place up first, so that nothing can wait for itself. */
export class Slots {
  #free: number;
  #waiting: Set<() => void> | undefined;

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
    const waiting = (this.#waiting ??= new Set());
    return new Promise((resolve) => {
      const detach = halt.on(() => {
        if (waiting.delete(grant)) resolve(undefined);
      });
      const grant = (): void => {
        detach();
        resolve(this.#place());
      };
      waiting.add(grant);
    });
  }

  #place(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const [next] = this.#waiting ?? [];
      if (!next) {
        this.#free += 1;
        return;
      }
      this.#waiting?.delete(next);
      next();
    };
  }
}
