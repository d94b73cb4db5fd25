import type { Exchange } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import { prepare } from './prepare.ts';
import { sendError, sendJson } from './send.ts';
import type { EmulatorState } from './state.ts';

/** Serves `POST /v1/messages/count_tokens`. */
export function countTokens(state: EmulatorState, exchange: Exchange): Outcome {
  const prepared = prepare(state, exchange, 'count_tokens');
  if ('kind' in prepared) return sendError(state, exchange, prepared);
  const { input, read, write5m, write1h } = prepared.prompt;
  return sendJson(
    state,
    exchange,
    { input_tokens: input + read + write5m + write1h },
    prepared.model.rateGroup,
  );
}
