import { checkFunction, checkOptions, withoutUndefined } from './option-checks.ts';

/**
 * Everything the loop takes from outside that is not deterministic. Injecting it lets a whole run,
 * timeouts and all, be replayed from a seed.
 */
export interface Seams {
  /** Wall clock, in epoch milliseconds. Used for timestamps only. */
  now(): number;
  /** Monotonic clock, in milliseconds. Used for every duration and deadline. */
  monotonic(): number;
  /** Uniform in [0, 1). Used for retry jitter. */
  random(): number;
  /** A new unique id that starts with `prefix`. */
  id(prefix: string): string;
  /** Calls `fire` once after `ms` milliseconds; the returned function cancels it. */
  timer(ms: number, fire: () => void): () => void;
}

/** The real clock, random numbers, ids and timers of this process. */
export const systemSeams: Seams = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  id: (prefix) => `${prefix}_${crypto.randomUUID()}`,
  timer(ms, fire) {
    const handle = setTimeout(fire, ms);
    return () => clearTimeout(handle);
  },
};

/** What was given of the seams, and `others` for what was not. Throws a ConfigError for a seam that is unknown, or no function. */
export function toSeams(given: Partial<Seams> = {}, others: Seams = systemSeams): Seams {
  checkOptions('seams', given, Object.keys(systemSeams));
  for (const [name, seam] of Object.entries(given)) checkFunction(`seams.${name}`, seam);
  return { ...others, ...withoutUndefined(given) };
}

/** Resolves after `ms` milliseconds, or as soon as `halted` does. */
export function sleep(seams: Seams, ms: number, onHalt: (wake: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    const cancel = seams.timer(ms, finish);
    const detach = onHalt(finish);
    function finish(): void {
      cancel();
      detach();
      resolve();
    }
  });
}
