import { type EmulatedRequest, reply, startEmulator, text, thinking, toolUse } from '@pawl/emulator';

/** Tokens. */
export interface Bill {
  readonly input: number;
  readonly output: number;
}

/** Where requests go, what it has billed by its own account, and what is to be closed in the end. */
export interface Endpoint {
  readonly label: string;
  /** Null where nobody but the session keeps account. */
  readonly bill: () => Bill | null;
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
    return { label: baseUrl ?? 'api.anthropic.com', bill: () => null, close: async () => {} };
  }
  const server = await startEmulator({ respond: clerk });
  env['ANTHROPIC_BASE_URL'] = server.url;
  env['ANTHROPIC_API_KEY'] = 'offline';
  return {
    label: 'offline: a stand-in that follows the task by rule (not a model)',
    bill: () => {
      const { inputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, outputTokens } =
        server.emulator.bill;
      const input = inputTokens + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens;
      return { input, output: outputTokens };
    },
    close: () => server.close(),
  };
}

/** Does what the task says: all four calls at once, then a sentence about their results. */
function clerk({ body }: EmulatedRequest) {
  const last = body.messages.at(-1)?.content;
  const results = Array.isArray(last) ? last.filter((block) => block.type === 'tool_result') : [];
  if (results.length === 0) {
    const names = ['look_up_stock', 'reserve', 'send_parcel', 'charge_card'];
    return reply([
      thinking('One order, four things to do.'),
      ...names.map((name) => toolUse(name, { order: '4711' })),
    ]);
  }
  const unsure = results.filter((block) => JSON.stringify(block).includes('may or may not'));
  return reply(
    text(`Order 4711: ${results.length - unsure.length} of ${results.length} things are done for certain.`),
  );
}
