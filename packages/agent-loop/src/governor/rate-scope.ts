import type { Client, RequestParams } from '../api.ts';

/**
 * The class of models that share their rate limits: all of Opus 4.x, all of Sonnet 4.x, Fable (and Mythos) 5 with 5.1;
 * every other version has limits of its own. A model of another maker is a class of its own.
 * See https://platform.claude.com/docs/en/api/rate-limits
 */
export function modelClass(model: string): string {
  // Platforms write names around it: `us.anthropic.claude-opus-4-6-v1`, `claude-opus-4-6@20260205`.
  const named = /claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/.exec(model);
  if (!named) return model;
  const [, line = '', major = '', minor = '0'] = named;
  if (major === '4' && (line === 'opus' || line === 'sonnet')) return `${line}-4`;
  if (major === '5' && (line === 'fable' || line === 'mythos') && Number(minor) <= 1) return `${line}-5`;
  return minor === '0' ? `${line}-${major}` : `${line}-${major}-${minor}`;
}

/** Whether a request counts against the limits of fast mode, which are apart from the usual ones. */
export function isFast(params: RequestParams): boolean {
  return params.speed === 'fast';
}

let unnamed = 0;
const names = new WeakMap<Client, string>();

/**
 * Whose limits a client uses: its base URL and its key, so that clients with the same key are one. A client without a
 * fixed key (credentials that are renewed, another platform) is one of its own. Holds the key: it is not to be shown.
 */
export function clientName(client: Client): string {
  const known = names.get(client);
  if (known !== undefined) return known;
  const { baseURL, apiKey, authToken } = client as Partial<
    Record<'baseURL' | 'apiKey' | 'authToken', unknown>
  >;
  const key = typeof apiKey === 'string' ? apiKey : authToken;
  const name = typeof key === 'string' ? JSON.stringify([baseURL, key]) : `client ${(unnamed += 1)}`;
  names.set(client, name);
  return name;
}

/** The name of limits for other processes, which tells nothing of the key. */
export async function publicName(name: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
