const high = 2 ** 32;

/**
 * A 53-bit hash of a text: two multiplicative lanes over the UTF-16 units, each finished with a shift-xor mix. It tells
 * texts apart and is the same in every process; it is no protection against someone who wants a collision.
 */
export function hashOf(text: string): number {
  let left = 0x2c1b3c6d;
  let right = 0x297a2d39;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    left = Math.imul(left ^ unit, 0x01000193);
    right = Math.imul(right ^ unit, 0x85ebca6b) ^ (right >>> 13);
  }
  return join(mix(left ^ text.length), mix(right ^ left));
}

/** The hash of a sequence that goes on with one more item. */
export function chain(prefix: number, item: number): number {
  const left = Math.imul((prefix >>> 0) ^ Math.imul(item >>> 0, 0x9e3779b1), 0x01000193);
  const right = Math.imul(((prefix / high) >>> 0) ^ Math.imul((item / high) >>> 0, 0xc2b2ae35), 0x85ebca6b);
  return join(mix(left ^ (right >>> 7)), mix(right ^ left ^ (item >>> 0)));
}

/** The hash as text. */
export function hash(text: string): string {
  return hashOf(text).toString(36);
}

function mix(value: number): number {
  const first = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  const second = Math.imul(first ^ (first >>> 15), 0x846ca68b);
  return second ^ (second >>> 16);
}

function join(left: number, right: number): number {
  return (left >>> 0) + (right & 0x1fffff) * high;
}
