import { scaled } from './money/amount.ts';
import { ConfigError } from './errors.ts';
import { optionHint } from './option-hint.ts';

/** Longest wait of a timer, in milliseconds (24.8 days): a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Throws unless every key of `given` is known, so that a misspelt option is not silently without effect. */
export function refuseUnknown(where: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const hint = optionHint(where, key, known);
    throw new ConfigError(
      where,
      `there is no option ${JSON.stringify(key)}.${hint} Known: ${known.join(', ')}.`,
    );
  }
}

/** Throws unless `given` is an object of options, all of them known. A signal in its place would be without effect. */
export function checkOptions(where: string, given: unknown, known: readonly string[]): void {
  if (isSignal(given))
    throw new ConfigError(where, 'expected an object of options, got a signal. Pass { signal }.');
  checkObject(where, given);
  refuseUnknown(where, given, known);
}

/** Throws unless `value` is an object, and no list. */
function checkObject(option: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new ConfigError(option, `expected an object of options, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or an AbortSignal, whichever realm it is from. */
export function checkSignal(value: unknown): void {
  if (value === undefined || isSignal(value)) return;
  const { signal } = Object(value) as { signal?: unknown };
  if (isSignal(signal))
    throw new ConfigError(
      'signal',
      'expected an AbortSignal, got an AbortController. Pass controller.signal.',
    );
  throw new ConfigError(
    'signal',
    `expected an AbortSignal, such as controller.signal or AbortSignal.timeout(ms), got ${shown(value)}.`,
  );
}

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener } = Object(value) as { aborted?: unknown; addEventListener?: unknown };
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** Throws unless `value` is a text. What it has to look like is for those to check who use it. */
export function checkText(option: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new ConfigError(option, `must be a text that is not empty, got ${shown(value)}.`);
}

/** Throws unless `store` is a place where journals last. */
export function checkStore(store: unknown): void {
  checkMethods('store', "a store, such as fileStore('.pawl/sessions')", store, ['open', 'list', 'delete']);
}

/** Throws unless `value` has these methods. `expected` says what it is to be. */
export function checkMethods(
  option: string,
  expected: string,
  value: unknown,
  names: readonly string[],
): void {
  const given = Object(value) as Readonly<Record<string, unknown>>;
  const missing = names.filter((name) => typeof given[name] !== 'function');
  if (missing.length === 0) return;
  const got =
    typeof value === 'object' && value !== null ? `one without ${missing.join(', ')}` : shown(value);
  throw new ConfigError(option, `expected ${expected}, got ${got}.`);
}

/** Throws unless `value` is undefined or a list. */
export function checkList(option: string, value: unknown): void {
  if (value === undefined || Array.isArray(value)) return;
  throw new ConfigError(option, `must be a list, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or a number of 0 or above. */
export function checkNotNegative(option: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new ConfigError(option, `must be a number of 0 or above, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or a number above 0. */
export function checkPositive(option: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value > 0)) return;
  throw new ConfigError(option, `must be a number above 0, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or an amount in USD above 0 that can be reckoned with exactly. */
export function checkMoney(option: string, value: unknown): void {
  checkPositive(option, value);
  if (value === undefined || scaled(value as number, 18) !== null) return;
  throw new ConfigError(
    option,
    `must be a finite number of USD of at most 18 decimals, got ${shown(value)}.`,
  );
}

/** Throws unless `value` is undefined or a whole number above 0. */
export function checkCount(option: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) > 0)) return;
  throw new ConfigError(option, `must be a whole number above 0, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or a whole number of 0 or above. */
export function checkCountOrZero(option: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return;
  throw new ConfigError(option, `must be a whole number of 0 or above, got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or a duration that a timer can wait for. */
export function checkDuration(option: string, value: unknown): void {
  checkPositive(option, value);
  if (typeof value !== 'number' || value <= MAX_TIMER_MS) return;
  throw new ConfigError(option, `must be at most ${MAX_TIMER_MS} ms (24.8 days), got ${shown(value)}.`);
}

/** Throws unless `value` is undefined or a function. */
export function checkFunction(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new ConfigError(option, `must be a function, got ${shown(value)}.`);
}

/** Throws unless `name` fits the API's pattern for names of tools. */
export function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(name)) return;
  throw new ConfigError(option, `must be 1 to 64 letters, digits, "_" or "-", got ${shown(name)}.`);
}

/** A value in an error message. JSON would show Infinity as null and undefined not at all. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  return typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? 'a list'
      : 'an object'
    : typeof value === 'function'
      ? 'a function'
      : String(value);
}

/** The same, with the fields of an object, one level deep: for what looks nearly right. */
export function shownFields(value: unknown): string {
  if (shown(value) !== 'an object') return shown(value);
  const fields = Object.entries(value as object).map(([key, inner]) => `${key}: ${shown(inner)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

/** The fields that have a value. */
export function withoutUndefined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
