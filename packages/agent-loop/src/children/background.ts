import type { Waiting } from './waiting.ts';

interface Task {
  /** Ends its waiting; undefined while it has something to do. */
  conclude: (() => void) | undefined;
}

/** The background children of a run: the run goes on beside them, and does not end before they do. */
export class Background {
  readonly #tasks = new Set<Task>();
  readonly #listeners = new Set<() => void>();

  /** How many there are. */
  get size(): number {
    return this.#tasks.size;
  }

  /** Whether all of them wait for decisions. True where there is none. */
  get quiet(): boolean {
    return [...this.#tasks].every(({ conclude }) => conclude !== undefined);
  }

  /** Follows a child until `work` has settled. Whoever gave it deals with how it ended. */
  start(work: (waiting: Waiting) => Promise<unknown>): void {
    const task: Task = { conclude: undefined };
    this.#tasks.add(task);
    const set = (conclude: (() => void) | undefined): void => {
      task.conclude = conclude;
      this.#tell();
    };
    const leave = (): void => {
      this.#tasks.delete(task);
      this.#tell();
    };
    work({ begin: (conclude) => set(conclude), end: () => set(undefined) }).then(leave, leave);
  }

  /** Ends the waiting of all that wait: they end as `awaiting-approval`. */
  conclude(): void {
    for (const { conclude } of this.#tasks) conclude?.();
  }

  /** Calls `listener` whenever one ends, or begins or ends to wait. The returned function detaches it. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves at the next such change. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      const detach = this.on(() => {
        detach();
        resolve();
      });
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
