import type { Client } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';

/** Throws unless `client` is undefined or can be asked for messages. */
export function checkClient(client: unknown): void {
  const { messages } = Object(client) as { messages?: { create?: unknown } | null };
  if (client === undefined || typeof messages?.create === 'function') return;
  throw new ConfigError(
    'client',
    `expected a client of the SDK, such as new Anthropic(), got ${shown(client)}${typeof client === 'object' && client !== null ? ' without messages.create' : ''}. Leave it out for the default one.`,
  );
}

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
  let settings = '';
  // Every run asks for this, and a variable is dear to read: only those of the SDK are.
  for (const name of Object.keys(env))
    if (name.startsWith('ANTHROPIC_')) settings += `${name}=${env[name]}\n`;
  return settings;
}
