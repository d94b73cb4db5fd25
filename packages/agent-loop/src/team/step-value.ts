import type { JsonValue } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { lossIn } from '../json-loss.ts';

/** How much of an input is kept for people, in characters. */
const SHOWN_CHARS = 100;

/**
 * A value as it comes back from the journal: a copy made of JSON, or undefined for nothing. Throws a ConfigError that
 * says where in the value something is that JSON cannot hold.
 */
export function keptValue(what: string, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  const loss = lossIn(value, 'to come back');
  if (loss === undefined) return JSON.parse(JSON.stringify(value)) as JsonValue;
  throw new ConfigError(
    what,
    `expected a value that JSON can hold${loss.path === '' ? '' : ` at ${loss.path}`}, got ${loss.what}: it is kept in the journal and has to come back as it was. ` +
      'Use texts, finite numbers, booleans, null, lists and plain objects.',
  );
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
