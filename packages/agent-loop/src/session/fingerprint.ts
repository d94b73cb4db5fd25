import type { RequestParams } from '../api.ts';

/**
 * A hash of what a transcript was made with: model, system prompt and tools. Thinking blocks are signed over these, so
 * a session can only go on with the same ones. The order of tools and cache markers do not count, as for the API.
 * See https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
export function fingerprint(params: RequestParams): Promise<string> {
  const known = hashes.get(params);
  if (known) return known;
  const hash = hashOf(params);
  hashes.set(params, hash);
  return hash;
}

/** An agent's fields are the same object for every session: a thousand children hash them once. */
const hashes = new WeakMap<RequestParams, Promise<string>>();

/** One hash for each part, so that it can be told which of them has changed. */
async function hashOf({ model, system, tools = [] }: RequestParams): Promise<string> {
  const parts = [model, canonical(system ?? null), JSON.stringify(tools.map(canonical).toSorted())];
  return `sha256:${(await Promise.all(parts.map(digestOf))).join('.')}`;
}

/** The first 128 bits. */
async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const PARTS = ['model', 'system prompt', 'set of tools'] as const;

/** What differs between what two fingerprints were made of. */
export function differences(one: string, other: string): readonly (typeof PARTS)[number][] {
  const [ones, others] = [one, other].map((each) => each.replace('sha256:', '').split('.'));
  return PARTS.filter((_, index) => ones?.[index] !== others?.[index]);
}

/** JSON with sorted keys and without cache markers. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'cache_control') return undefined;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
