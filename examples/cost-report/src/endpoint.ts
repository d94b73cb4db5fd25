import { type EmulatedRequest, reply, startEmulator, text, thinking, toolUse } from '@pawl/emulator';

/** Where requests go, what it has billed by its own account, and what is to be closed in the end. */
export interface Endpoint {
  readonly label: string;
  /** USD and tokens by the server's own account, or null where nobody but the session keeps one. */
  readonly bill: () => Bill | null;
  readonly close: () => Promise<void>;
}

/** The server's own account. */
export interface Bill {
  readonly usd: number | null;
  readonly cached: number;
  readonly output: number;
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
    return { label: baseUrl ?? 'api.anthropic.com', bill: () => null, close: async () => {} };
  }
  const server = await startEmulator({ respond: archivist });
  env['ANTHROPIC_BASE_URL'] = server.url;
  env['ANTHROPIC_API_KEY'] = 'offline';
  return {
    label: 'offline: a stand-in that follows the task by rule (not a model)',
    bill: () => {
      const { usd, cacheReadTokens: cached, outputTokens: output } = server.emulator.bill;
      return { usd, cached, output };
    },
    close: () => server.close(),
  };
}

/** Searches, reads all that was found at once, then answers. A second question is answered from what was read. */
function archivist({ body }: EmulatedRequest) {
  const { messages } = body;
  const results = messages.filter(({ content }) => JSON.stringify(content).includes('"tool_result"')).length;
  if (JSON.stringify(messages.at(-1)).includes('shorter'))
    return reply(text('It catches the wheel [pawl.md].'));
  switch (results) {
    case 0:
      return reply([
        thinking('Two words to look for.'),
        toolUse('search', { word: 'ratchet' }),
        toolUse('search', { word: 'tooth' }),
      ]);
    case 1:
      return reply(['pawl.md', 'ratchet.md', 'escapement.md'].map((page) => toolUse('read_page', { page })));
    case 2:
      return reply([thinking('Is there anything on springs?'), toolUse('search', { word: 'spring' })]);
    default:
      return reply(
        text(
          'A pawl drops into the teeth of a ratchet and keeps it from slipping back [pawl.md, ratchet.md].',
        ),
      );
  }
}
