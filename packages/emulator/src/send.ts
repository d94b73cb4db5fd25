import type { Exchange } from './exchange.ts';
import { apiKeyOf } from './gate.ts';
import { hash } from './hash.ts';
import type { JsonObject } from './json.ts';
import { errorBody } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { EmulatorState } from './state.ts';
import type { ErrorSpec } from './types.ts';

/** Headers that every response carries. */
export function commonHeaders(
  state: EmulatorState,
  exchange: Exchange,
  rateGroup = 'other',
): Record<string, string> {
  const key = apiKeyOf(exchange.incoming.headers) ?? '';
  return {
    'request-id': exchange.id,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000001',
    'anthropic-workspace-id': `wrkspc_${hash(key)}`,
    ...state.rates.headers(`${key} ${rateGroup}`),
  };
}

/** Ends an exchange with an error in the API's shape; a 4xx that is not scripted counts as a refusal. */
export function sendError(
  state: EmulatorState,
  exchange: Exchange,
  error: ErrorSpec,
  options: { readonly scripted?: boolean; readonly rateGroup?: string } = {},
): Outcome {
  const { status, type, message } = error;
  if (status < 500 && status !== 429 && !options.scripted)
    state.log.refuse({ id: exchange.id, status, type, message });
  exchange.begin(status);
  exchange.end('complete');
  const headers = {
    ...commonHeaders(state, exchange, options.rateGroup),
    'content-type': 'application/json',
    ...error.headers,
  };
  return { kind: 'response', status, headers, body: errorBody(error, exchange.id) };
}

/** Ends an exchange with a JSON body. */
export function sendJson(
  state: EmulatorState,
  exchange: Exchange,
  body: JsonObject,
  rateGroup?: string,
): Outcome {
  exchange.begin(200);
  exchange.end('complete');
  const headers = { ...commonHeaders(state, exchange, rateGroup), 'content-type': 'application/json' };
  return { kind: 'response', status: 200, headers, body: JSON.stringify(body) };
}
