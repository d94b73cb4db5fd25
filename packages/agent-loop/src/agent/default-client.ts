import type { Client } from '../api.ts';

let latest: { readonly settings: string; readonly client: Client } | undefined;

/**
 * The client of agents that were given none: the SDK's own defaults. Agents share it, as a client and its connections
 * weigh more than an agent; once the environment has changed, a new one is made.
 */
export async function defaultClient(): Promise<Client> {
  const { createDefaultClient } = await import('#transport');
  const settings = sdkSettings();
  if (latest?.settings !== settings) latest = { settings, client: createDefaultClient() };
  return latest.client;
}

/** What the SDK reads from the environment when a client is made. */
function sdkSettings(): string {
  // Not every runtime has a `process`.
  const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  return JSON.stringify(Object.entries(env).filter(([name]) => name.startsWith('ANTHROPIC_')));
}
