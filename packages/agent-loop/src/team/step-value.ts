import type { JsonValue } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';

/** How much of an input is kept for people, in characters. */
const SHOWN_CHARS = 100;

/**
 * A value as it comes back from the journal: a copy made of JSON, or undefined for nothing. Throws a ConfigError that
 * says where in the value something is that JSON cannot hold.
 */
export function keptValue(what: string, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  refuseUnkept(what, value, '', new Set());
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

function refuseUnkept(what: string, value: unknown, path: string, above: Set<object>): void {
  const refuse = (got: string): never => {
    throw new ConfigError(
      what,
      `expected a value that JSON can hold${path === '' ? '' : ` at ${path}`}, got ${got}: it is kept in the journal and has to come back as it was. ` +
        'Use texts, finite numbers, booleans, null, lists and plain objects.',
    );
  };
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : refuse(String(value));
  if (typeof value !== 'object') return refuse(typeof value === 'bigint' ? 'a bigint' : shown(value));
  if (above.has(value)) return refuse('an object that holds itself');
  above.add(value);
  if (Array.isArray(value)) {
    // By index: a hole in a list would be passed over otherwise.
    for (let index = 0; index < value.length; index += 1)
      refuseUnkept(what, value[index], `${path}[${index}]`, above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) refuse(`an object of ${nameOf(value)}`);
    if ('toJSON' in value) refuse('an object with toJSON');
    for (const [key, inner] of Object.entries(value))
      if (inner !== undefined) refuseUnkept(what, inner, path === '' ? key : `${path}.${key}`, above);
  }
  above.delete(value);
}

function nameOf(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor?.name === 'string' && constructor.name !== '' ? constructor.name : 'a class';
}

/** What a step works on, for telling whether it is still the same. */
export interface StepInput {
  readonly hash: string;
  readonly shown: string;
}

/** Identifies what a step works on. The order of an object's members does not count. */
export function stepInput(value: JsonValue): StepInput {
  const text = typeof value === 'string' ? value : JSON.stringify(value, sorted);
  return { hash: hashOf(`${typeof value}:${text}`), shown: beginning(text) };
}

/**
 * Tells texts apart that differ by accident; nobody gains from having two taken for one. At once, where a cryptographic
 * hash would make a script wait, and have its steps begin in another order than that of asking for them.
 */
function hashOf(text: string): string {
  let a = 0x811c9dc5;
  let b = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(((b << 5) | (b >>> 27)) ^ unit, 0x9e3779b1);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** No character is cut in two. */
function beginning(text: string): string {
  if (text.length <= SHOWN_CHARS) return text;
  return `${text.slice(0, SHOWN_CHARS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
