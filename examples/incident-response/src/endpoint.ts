import { startEmulator } from '@pawl/emulator';
import { standIn } from './stand-in.ts';

/** Where requests go, and what is to be closed in the end. */
export interface Endpoint {
  readonly label: string;
  /** Offline: what the server has billed. */
  readonly billedUsd: (() => number | null) | null;
  readonly close: () => Promise<void>;
}

/**
 * With a key (or a base URL) in the environment the SDK's defaults apply and this changes nothing. Otherwise starts the
 * emulator on a free port and points the SDK's own variables at it: the program that follows is the same in both cases.
 */
export async function chooseEndpoint(env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const { ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: baseUrl } = env;
  if (key || token || baseUrl) {
    // A local server wants no key, but the SDK does not start without one.
    if (!key && !token) env['ANTHROPIC_API_KEY'] = 'none';
    return { label: baseUrl ?? 'api.anthropic.com', billedUsd: null, close: async () => {} };
  }
  const server = await startEmulator({ respond: standIn });
  env['ANTHROPIC_BASE_URL'] = server.url;
  env['ANTHROPIC_API_KEY'] = 'offline';
  return {
    label: 'offline: a stand-in that works by rule (not a model)',
    billedUsd: () => server.emulator.bill.usd,
    close: () => server.close(),
  };
}
