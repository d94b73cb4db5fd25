/** Chance from a seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number from 0 up to, but without, `end`. */
  below(end: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/** The same seed gives the same numbers (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(next() * end);
  return { next, below, chance: (probability) => next() < probability };
}
