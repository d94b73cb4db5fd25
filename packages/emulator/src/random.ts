const alphabet = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** A seeded source of numbers and ids: the same seed gives the same sequence. */
export interface Random {
  /** A number from 0 up to, not including, 1. */
  readonly next: () => number;
  /** An id such as `msg_01K…`: the prefix, `_01` and 22 characters. */
  readonly id: (prefix: string) => string;
}

/** A generator (32-bit counter through an integer mix) for ids and jitter, not for secrets. Ids begin with the salt. */
export function createRandom(seed: number, salt = ''): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    id: (prefix) => {
      let text = `${prefix}_01${salt.slice(0, 10)}`;
      for (let count = Math.min(10, salt.length); count < 22; count++)
        text += alphabet[Math.floor(next() * alphabet.length)] ?? '0';
      return text;
    },
  };
}
