/**
 * Whether two values have the same JSON text, told without writing it. False also where that would take more than a
 * look at plain data: for objects of a class, and for what JSON leaves out.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return a !== undefined && typeof a !== 'function' && typeof a !== 'symbol';
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  if (Array.isArray(b) || !isPlain(a) || !isPlain(b)) return false;
  const names = Object.keys(a);
  const others = Object.keys(b);
  if (names.length !== others.length) return false;
  return names.every((name, index) => name === others[index] && sameJson(a[name], b[name]));
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('toJSON' in value);
}
