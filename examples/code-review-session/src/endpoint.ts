import { startEmulator } from '@pawl/emulator';
import { reviewer } from './stand-in.ts';

/** Where requests go, and what is to be closed in the end. */
export interface Endpoint {
  readonly label: string;
  /** Offline the stand-in's findings are known, and the server has seen every request. */
  readonly offline: { readonly requests: () => readonly string[] } | null;
  readonly close: () => Promise<void>;
}

/**
 * With a key (or a base URL) in the environment the SDK's defaults apply and this changes nothing. Otherwise starts the
 * emulator on a free port and points the SDK's own variables at it: the programs that follow are the same in both cases.
 */
export async function chooseEndpoint(env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const { ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: baseUrl } = env;
  if (key || token || baseUrl) {
    // A local server wants no key, but the SDK does not start without one.
    if (!key && !token) env['ANTHROPIC_API_KEY'] = 'none';
    return { label: baseUrl ?? 'api.anthropic.com', offline: null, close: async () => {} };
  }
  const server = await startEmulator({ respond: reviewer });
  env['ANTHROPIC_BASE_URL'] = server.url;
  env['ANTHROPIC_API_KEY'] = 'offline';
  return {
    label: 'offline: a stand-in that reviews by rule (not a model)',
    offline: { requests: () => server.emulator.requests.map(({ bodyText }) => bodyText) },
    close: () => server.close(),
  };
}
