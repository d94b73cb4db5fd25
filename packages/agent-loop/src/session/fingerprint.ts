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

async function hashOf(params: RequestParams): Promise<string> {
  const tools = (params.tools ?? []).map(canonical).toSorted();
  const text = JSON.stringify([params.model, canonical(params.system ?? null), tools]);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256:${Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** JSON with sorted keys and without cache markers. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'cache_control') return undefined;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
