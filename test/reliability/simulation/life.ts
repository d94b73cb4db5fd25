import type { FileSystem, OpenFile } from '@pawl/stores/file';
import type {
  Faults,
  SimulatedFileSystem,
} from '../../../packages/stores/test/support/simulated-file-system.ts';
import type { Schedule } from './schedule.ts';

/** A promise of its own each time: a shared one would keep everything that ever waited for it. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}

/**
 * One process. It dies at its n-th fault point: an operation on the disk, or a moment before or after something happens
 * outside. Once dead, nothing of it goes on: whatever it calls never answers.
 */
export class Life {
  dead = false;
  /** While a session is being opened, hashing runs on another thread: nobody else is scheduled then. */
  opening = false;
  /** Fault points passed. */
  points = 0;
  readonly died: Promise<void>;
  readonly faults: Faults;
  readonly #diesAt: number;
  #die!: () => void;
  #timers: { readonly due: number; readonly fire: () => void }[] = [];
  #now = 0;

  constructor(diesAt = Number.POSITIVE_INFINITY, faults: Faults = {}) {
    this.#diesAt = diesAt;
    this.faults = faults;
    this.died = new Promise((resolve) => (this.#die = resolve));
  }

  die(): void {
    this.dead = true;
    this.#timers = [];
    this.#die();
  }

  /** Counts a fault point and says whether the process dies at it. */
  isLast(): boolean {
    this.points += 1;
    return this.points - 1 === this.#diesAt;
  }

  /** A moment at which the process may die. */
  point(): Promise<void> | undefined {
    if (!this.dead && this.isLast()) this.die();
    return this.dead ? never() : undefined;
  }

  /** Milliseconds since it began, as its timers count them. */
  get now(): number {
    return this.#now;
  }

  /** Time stands still until nothing else is left to do. */
  timer(ms: number, fire: () => void): () => void {
    const timer = { due: this.#now + ms, fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets the next timer fire. False where there is none. */
  passTime(): boolean {
    const next = this.#timers.toSorted((a, b) => a.due - b.due)[0];
    if (!next) return false;
    this.#now = next.due;
    this.#timers = this.#timers.filter((other) => other !== next);
    next.fire();
    return true;
  }
}

/** The disk as a process sees it that may die in any operation. */
export function mortalFileSystem(
  disk: SimulatedFileSystem,
  life: Life,
  schedule: Schedule | undefined,
): FileSystem {
  function perform<T>(operation: () => T | Promise<T>): T | Promise<T> {
    if (life.dead) return never<T>();
    if (!life.isLast()) return operation();
    disk.boot({ crashAt: 0 });
    try {
      void operation();
    } catch {
      // The operation has happened, in part or not at all: that is what the seed decided.
    }
    life.die();
    disk.boot();
    return never<T>();
  }
  function act<T>(operation: () => T | Promise<T>): T | Promise<T> {
    if (!schedule) return perform(operation);
    return schedule.turn(life).then(() => perform(operation));
  }
  const mortalFile = (file: OpenFile): OpenFile => ({
    read: (into, position) => act(() => file.read(into, position)),
    write: (bytes, position) => act(() => file.write(bytes, position)),
    sync: () => act(() => file.sync()),
    stat: () => act(() => file.stat()),
    close: () => file.close(),
  });
  return {
    open(path, how) {
      const opened = act(() => disk.open(path, how));
      return opened instanceof Promise ? opened.then(mortalFile) : mortalFile(opened);
    },
    stat: (path) => act(() => disk.stat(path)),
    list: (path) => act(() => disk.list(path)),
    makeDirectory: (path) => act(() => disk.makeDirectory(path)),
    rename: (from, to) => act(() => disk.rename(from, to)),
    unlink: (path) => act(() => disk.unlink(path)),
    removeDirectory: (path) => act(() => disk.removeDirectory(path)),
    syncDirectory: (path) => act(() => disk.syncDirectory(path)),
  };
}
