import type { Seams } from '../../src/index.ts';

/** Virtual time for a run, its tools and the emulator: it passes only when nothing else is left to do. */
export interface VirtualTime {
  readonly seams: Seams;
  /** Milliseconds that have passed. */
  readonly now: () => number;
  /** Waits; resolves early, without error, when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Calls `fire` once after `ms`. */
  readonly after: (ms: number, fire: () => void) => () => void;
  /** Lets time pass until `work` has settled. */
  readonly pass: <T>(work: Promise<T>) => Promise<T>;
}

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

const START = Date.UTC(2026, 10, 20);

/** Starts at a fixed date. `random` is what the seam of that name gives. */
export function virtualTime(random: () => number = () => 0): VirtualTime {
  let now = 0;
  let ids = 0;
  let timers: Timer[] = [];

  const after: VirtualTime['after'] = (ms, fire) => {
    if (!Number.isFinite(ms)) return () => {};
    const timer = { at: now + Math.max(0, ms), fire };
    const later = timers.findIndex(({ at }) => at > timer.at);
    timers.splice(later < 0 ? timers.length : later, 0, timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  };

  const sleep: VirtualTime['sleep'] = (ms, signal) => {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const cancel = after(ms, finish);
      signal?.addEventListener('abort', finish);
    });
  };

  const pass: VirtualTime['pass'] = async (work) => {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    work.then(settle, settle);
    for (let idle = 0; !settled;) {
      await allMicrotasks();
      if (settled) break;
      const next = timers.shift();
      if (next) {
        idle = 0;
        now = Math.max(now, next.at);
        next.fire();
      } else if ((idle += 1) > 1000) {
        throw new Error('Nothing is left that could end this: it would hang for ever.');
      }
    }
    return work;
  };

  const seams: Seams = {
    now: () => START + now,
    monotonic: () => now,
    random,
    id: (prefix) => `${prefix}_${(ids += 1)}`,
    timer: after,
  };
  return { seams, now: () => now, sleep, after, pass };
}

/**
 * Virtual time for the whole process: what the SDK waits for, and how long it lets a request take, passes in it as well.
 * There is one global `setTimeout`, so no other test may run at the same time.
 */
export function processTime(random?: () => number): VirtualTime & Disposable {
  const time = virtualTime(random);
  const { setTimeout, clearTimeout } = globalThis;
  const set = (fire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): (() => void) =>
    time.after(ms, () => fire(...args));
  const clear = (timer: unknown): void => {
    if (typeof timer === 'function') timer();
    else clearTimeout(timer as NodeJS.Timeout | undefined);
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  return {
    ...time,
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
    },
  };
}

function allMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
