/**
 * A copy of JSON that shares nothing with it: what is done to the one does not change the other. Texts, most of a large
 * input, are not copied for that, and objects of a class stay what they are.
 */
export function copyJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyJson);
  if (!isPlain(value)) return value;
  // As entries, so that a field named `__proto__` is one.
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyJson(part)]));
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === Object.prototype || parent === null;
}
