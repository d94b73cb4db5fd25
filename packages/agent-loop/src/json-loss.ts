import { messageOf } from './errors.ts';

/** Something in a value that JSON cannot hold. */
export interface Loss {
  /** What it is, such as `a Map` or `NaN`. */
  readonly what: string;
  /** Where it is, such as `rows[0].id`; empty for the value itself. */
  readonly path: string;
}

/**
 * What the JSON of a value is for: to be read, where what has a class or makes JSON of itself does for what it shows; or to
 * come back as it was, which plain data alone does.
 */
export type JsonUse = 'to be read' | 'to come back';

/** Finds the first part of a value that its JSON would lose, or that has no JSON; undefined where there is none. */
export function lossIn(value: unknown, use: JsonUse): Loss | undefined {
  return find(value, use, new Set());
}

/** What could not be had of a value. */
class Unreadable {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

function find(given: unknown, use: JsonUse, above: Set<object>): Loss | undefined {
  const value = use === 'to be read' ? asJson(given) : given;
  const what = lostOf(value, use, above);
  if (what !== undefined) return { what, path: '' };
  if (typeof value !== 'object' || value === null) return undefined;
  above.add(value);
  const loss = findInside(value, use, above);
  above.delete(value);
  return loss;
}

function findInside(value: object, use: JsonUse, above: Set<object>): Loss | undefined {
  const isList = Array.isArray(value);
  // A list by index: a hole in it would be passed over otherwise.
  for (const key of isList ? value.keys() : Object.keys(value)) {
    const part = partOf(value, key);
    // JSON leaves such a field out, and writes null for it in a list.
    if (part === undefined && (!isList || use === 'to be read')) continue;
    const loss = find(part, use, above);
    if (loss) return { ...loss, path: joined(key, loss.path) };
  }
  return undefined;
}

function partOf(value: object, key: string | number): unknown {
  try {
    return (value as Record<string | number, unknown>)[key];
  } catch (error) {
    return new Unreadable(`a getter that throws (${messageOf(error)})`);
  }
}

/** What `JSON.stringify` would write in place of a value: it asks objects and bigints for that. */
function asJson(value: unknown): unknown {
  if (value instanceof Date && Number.isNaN(value.getTime())) return new Unreadable('an invalid Date');
  if ((typeof value !== 'object' || value === null) && typeof value !== 'bigint') return value;
  try {
    const { toJSON } = value as { toJSON?: unknown };
    return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : value;
  } catch (error) {
    return new Unreadable(`an object whose toJSON throws (${messageOf(error)})`);
  }
}

function lostOf(value: unknown, use: JsonUse, above: ReadonlySet<object>): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (value === undefined) return use === 'to be read' ? undefined : 'undefined';
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (value instanceof Unreadable) return value.what;
  if (above.has(value)) return 'an object that holds itself';
  if (Array.isArray(value)) return undefined;
  return use === 'to be read' ? hidden(value) : notPlain(value);
}

/** JSON shows as `{}` what a class keeps to itself: a Map, a promise, a Response. */
function hidden(value: object): string | undefined {
  const shows = Object.keys(value).length > 0 || isPlain(value);
  if (shows && !(value instanceof Error)) return undefined;
  const name = classOf(value);
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
}

function notPlain(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `an object of ${classOf(value)}`;
  return 'toJSON' in value ? 'an object with toJSON' : undefined;
}

/** Of no class, whichever realm it is from. */
function isPlain(value: object): boolean {
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === null || Object.getPrototypeOf(parent) === null;
}

/** Some classes have no name, and generators no class, but a tag. */
function classOf(value: object): string {
  const { constructor, [Symbol.toStringTag]: tag } = value as Record<PropertyKey, unknown>;
  const { name } = Object(constructor) as { name?: unknown };
  const named = [name, tag].find((text) => typeof text === 'string' && text !== '');
  return (named as string | undefined) ?? 'class without a name';
}

function joined(key: string | number, path: string): string {
  const first = typeof key === 'number' ? `[${key}]` : key;
  return path === '' || path.startsWith('[') ? `${first}${path}` : `${first}.${path}`;
}
