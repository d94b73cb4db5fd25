import { countTokens } from './count-tokens-endpoint.ts';
import type { Exchange, Incoming } from './exchange.ts';
import { checkGate } from './gate.ts';
import { createMessage } from './messages-endpoint.ts';
import { listModels, retrieveModel } from './models-endpoint.ts';
import type { Outcome } from './outcome.ts';
import { apiError } from './reply.ts';
import { sendError, sendJson } from './send.ts';
import type { EmulatorState } from './state.ts';

/** The body limit of messages and count_tokens, in bytes. */
export const maxBodyBytes = 32 * 1024 * 1024;

/** Serves one request. */
export async function handle(state: EmulatorState, incoming: Incoming): Promise<Outcome> {
  const exchange = state.log.open(state.random.id('req'), incoming, state.clock());
  if (isTooLarge(incoming.bodyText)) {
    return sendError(
      state,
      exchange,
      apiError(413, {
        message: 'Request exceeds the maximum allowed number of bytes. The maximum request size is 32 MB.',
      }),
    );
  }
  const refused = checkGate(incoming.headers, state.options);
  if (refused) return sendError(state, exchange, refused);
  return route(state, exchange);
}

function isTooLarge(text: string): boolean {
  if (text.length > maxBodyBytes) return true;
  // A UTF-16 unit is at most three bytes of UTF-8: most bodies need no exact count.
  return text.length * 3 > maxBodyBytes && new TextEncoder().encode(text).length > maxBodyBytes;
}

async function route(state: EmulatorState, exchange: Exchange): Promise<Outcome> {
  const { method, target } = exchange.incoming;
  const url = new URL(target, 'http://emulator.invalid');
  const endpoint = `${method} ${url.pathname}`;
  if (endpoint === 'POST /v1/messages')
    return createMessage(state, exchange, url.searchParams.get('beta') === 'true');
  if (endpoint === 'POST /v1/messages/count_tokens') return countTokens(state, exchange);
  if (endpoint === 'GET /v1/models') return sendJson(state, exchange, listModels(state, url.searchParams));
  const id = /^GET \/v1\/models\/([^/]+)$/.exec(endpoint)?.[1];
  if (id !== undefined) {
    const model = retrieveModel(state, decodeURIComponent(id));
    return model
      ? sendJson(state, exchange, model)
      : sendError(state, exchange, apiError(404, { message: `model: ${decodeURIComponent(id)}` }));
  }
  return sendError(state, exchange, apiError(404, { message: `The emulator has no ${endpoint}.` }));
}
