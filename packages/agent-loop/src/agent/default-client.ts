import type { Client } from '../api.ts';
import { ConfigError, messageOf } from '../errors.ts';
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

/** Stands for the account of all agents that were given no client. */
export const DEFAULT_ACCOUNT = {};

/**
 * What to do where the SDK found no key for the default client; undefined for any other error. What a client that was given
 * lacks only its owner knows.
 */
export function missingKey(account: object, thrown: unknown): string | undefined {
  const message = messageOf(thrown);
  if (account !== DEFAULT_ACCOUNT || !message.startsWith('Could not resolve authentication method'))
    return undefined;
  return `There is no key for the API. Set ANTHROPIC_API_KEY, or give the agent a client: createAgent({ client: new Anthropic({ apiKey }) }). (${message})`;
}

const latest = new Map<boolean, { readonly settings: string; readonly client: Client }>();

/**
 * The client of agents that were given none: the SDK's own defaults. Agents share it, as a client and its connections
 * weigh more than an agent; once the environment has changed, a new one is made. The SDK gathers what a trace span would
 * tell of a request whether or not there is anybody to tell, so one that is not `traced` has its spans switched off.
 */
export async function defaultClient(traced: boolean): Promise<Client> {
  const { createDefaultClient } = await import('#transport');
  const settings = sdkSettings();
  let known = latest.get(traced);
  if (known?.settings !== settings) {
    known = { settings, client: createDefaultClient(traced ? {} : { openTelemetry: false }) };
    latest.set(traced, known);
  }
  return known.client;
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
