/**
 * A 64-bit hash as 16 hex digits: two multiplicative lanes over the UTF-16 units, each finished with a shift-xor mix.
 * It tells texts apart and is the same in every process; it is no protection against someone who wants a collision.
 */
export function hash(text: string): string {
  let left = 0x2c1b3c6d;
  let right = 0x297a2d39;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    left = Math.imul(left ^ unit, 0x01000193);
    right = Math.imul(right ^ unit, 0x85ebca6b) ^ (right >>> 13);
  }
  return hex(mix(left ^ text.length)) + hex(mix(right ^ left));
}

function mix(value: number): number {
  const first = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  const second = Math.imul(first ^ (first >>> 15), 0x846ca68b);
  return second ^ (second >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
