import { startEmulator } from '@pawl/emulator';
import { standIns } from './stand-ins.ts';

/** Where requests go, and what is to be closed in the end. */
export interface Endpoint {
  readonly label: string;
  readonly close: () => Promise<void>;
}

/**
 * With a key (or a base URL) in the environment the SDK's defaults apply and this changes nothing. Otherwise starts the
 * emulator on a free port, with stand-ins answering, and points the SDK's own variables at it.
 */
export async function chooseEndpoint(env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const { ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: baseUrl } = env;
  if (key || token || baseUrl) {
    // A local server wants no key, but the SDK does not start without one.
    if (!key && !token) env['ANTHROPIC_API_KEY'] = 'none';
    return { label: baseUrl ?? 'api.anthropic.com', close: async () => {} };
  }
  const server = await startEmulator({ respond: standIns });
  env['ANTHROPIC_BASE_URL'] = server.url;
  env['ANTHROPIC_API_KEY'] = 'offline';
  return {
    label: 'offline: stand-ins that answer by rule (no models)',
    close: () => server.close(),
  };
}
