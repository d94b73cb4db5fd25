import type { Waiting } from './waiting.ts';

interface Task {
  /** Ends its waiting; undefined while it has something to do. */
  conclude: (() => void) | undefined;
}

/** The background children of a run: the run goes on beside them, and does not end before they do. */
export class Background {
  // Most runs have none, and there may be thousands of runs.
  #tasks: Set<Task> | undefined;
  #listeners: Set<() => void> | undefined;

  /** How many there are. */
  get size(): number {
    return this.#tasks?.size ?? 0;
  }

  /** Whether all of them wait for decisions. True where there is none. */
  get quiet(): boolean {
    for (const { conclude } of this.#tasks ?? []) if (!conclude) return false;
    return true;
  }

  /** Follows a child until `work` has settled. Whoever gave it deals with how it ended. */
  start(work: (waiting: Waiting) => Promise<unknown>): void {
    const task: Task = { conclude: undefined };
    const tasks = (this.#tasks ??= new Set());
    tasks.add(task);
    const set = (conclude: (() => void) | undefined): void => {
      task.conclude = conclude;
      this.#tell();
    };
    const leave = (): void => {
      tasks.delete(task);
      this.#tell();
    };
    work({ begin: (conclude) => set(conclude), end: () => set(undefined) }).then(leave, leave);
  }

  /** Ends the waiting of all that wait: they end as `awaiting-approval`. */
  conclude(): void {
    for (const { conclude } of this.#tasks ?? []) conclude?.();
  }

  /** Calls `listener` whenever one ends, or begins or ends to wait. The returned function detaches it. */
  on(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
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
    for (const listener of this.#listeners ?? []) listener();
  }
}
