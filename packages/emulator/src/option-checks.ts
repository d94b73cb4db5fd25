/** Throws a TypeError that names the place, what was expected and what came. */
export type Check = (value: unknown, where: string) => void;

/** Throws what a check throws: one text for every mistake in what the emulator is given. */
export function refuse(where: string, expected: string, value: unknown): never {
  throw new TypeError(`${where}: expected ${expected}, got ${described(value)}.`);
}

/** A value in an error message. */
export function described(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object' || value === null) return String(value);
  const tag = Object.entries(value).find(([key]) => key === 'kind' || key === 'type' || key === 'id');
  return tag ? `an object of the ${tag[0]} ${described(tag[1])}` : 'an object';
}

const must =
  (is: (value: unknown) => boolean, expected: string): Check =>
  (value, where) => {
    if (!is(value)) refuse(where, expected, value);
  };
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isText = must((value) => typeof value === 'string', 'a text');
export const isTextOrNull = must((value) => typeof value === 'string' || value === null, 'a text or null');
export const isNumber = must((value) => typeof value === 'number' && !Number.isNaN(value), 'a number');
export const isDuration = must((value) => typeof value === 'number' && value >= 0, 'a number of 0 or above');
export const isCount = must((value) => typeof value === 'number' && value > 0, 'a number above 0');
export const isSwitch = must((value) => typeof value === 'boolean', 'true or false');
export const isAnyObject = must(isObject, 'an object');
export const isObjectOrNull = must((value) => value === null || isObject(value), 'an object or null');
export const isFunction = must((value) => typeof value === 'function', 'a function');
export const isHeaders = must((value) => {
  try {
    return isObject(value) && new Headers(value as Record<string, string>) instanceof Headers;
  } catch {
    return false;
  }
}, 'an object of header names and texts');

/** One of some values. */
export function isOneOf(...values: readonly unknown[]): Check {
  const listed = values.map((value) => JSON.stringify(value)).join(', ');
  return must((value) => values.includes(value), `one of ${listed}`);
}

/** A list of which every item passes a check. */
export function isListOf(check: Check): Check {
  return (value, where) => {
    if (!Array.isArray(value)) return refuse(where, 'a list', value);
    for (const [index, item] of value.entries()) check(item, `${where}[${index}]`);
  };
}

/**
 * An object of these members and no others: those that are not undefined, and those that must be there, pass their checks.
 * A misspelt option would be without effect, and a test with it would pass without testing anything.
 */
export function isOptions<T extends object>(
  checks: Readonly<Record<keyof T & string, Check>>,
  required: readonly (keyof T & string)[] = [],
): Check {
  return (value, where) => {
    if (!isObject(value)) return refuse(where, 'an object of options', value);
    const members = value as Readonly<Record<string, unknown>>;
    for (const [key, given] of Object.entries(members)) {
      const check = Object.hasOwn(checks, key) ? checks[key as keyof T & string] : undefined;
      if (!check) {
        const known = Object.keys(checks).join(', ');
        throw new TypeError(`${where}: there is no ${JSON.stringify(key)}. Known: ${known}.`);
      }
      if (given !== undefined) check(given, `${where}.${key}`);
    }
    for (const key of required) if (members[key] === undefined) checks[key](undefined, `${where}.${key}`);
  };
}
