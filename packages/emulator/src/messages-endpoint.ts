import { answer } from './answer.ts';
import { askFor, messageOf, mistake } from './answer-spec.ts';
import type { AnswerSpec } from './answer-spec.ts';
import type { Exchange } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import { prepare } from './prepare.ts';
import type { Prepared } from './prepare.ts';
import { reply } from './reply.ts';
import { sendError } from './send.ts';
import type { EmulatorState } from './state.ts';
import type { EmulatedRequest } from './types.ts';

/** Serves `POST /v1/messages`. */
export async function createMessage(
  state: EmulatorState,
  exchange: Exchange,
  beta: boolean,
): Promise<Outcome> {
  const prepared = prepare(state, exchange, 'messages');
  if ('kind' in prepared) return sendError(state, exchange, prepared);
  const { model, key } = prepared;
  const limited = state.rates.admit(
    key,
    prepared.prompt.input + prepared.prompt.write5m + prepared.prompt.write1h,
  );
  if (limited) return sendError(state, exchange, limited, { rateGroup: model.rateGroup });
  if (prepared.body.max_tokens === 0) return warmUp(state, exchange, prepared, beta);
  const request: EmulatedRequest = {
    id: exchange.id,
    index: state.nextIndex(),
    path: exchange.incoming.target,
    headers: exchange.incoming.headers,
    body: prepared.body,
    bodyText: exchange.incoming.bodyText,
    stream: prepared.body.stream === true,
  };
  const spec = await ask(state, request, exchange.incoming.signal);
  try {
    return await answer(state, { exchange, prepared, stream: request.stream, beta }, spec);
  } catch (error) {
    const line = `the answer to request #${request.index + 1} cannot be sent: ${messageOf(error)}`;
    return sendError(state, exchange, mistake(line), { scripted: true });
  }
}

/** `max_tokens: 0` fills the cache and asks the model nothing. */
function warmUp(
  state: EmulatorState,
  exchange: Exchange,
  prepared: Prepared,
  beta: boolean,
): Promise<Outcome> {
  const spec = reply([], { stopReason: 'max_tokens', usage: { output_tokens: 0 } });
  return answer(state, { exchange, prepared, stream: false, beta }, spec);
}

/** A responder that throws, or answers with what is no answer, is a mistake of the test: an error that nobody retries. */
async function ask(state: EmulatorState, request: EmulatedRequest, signal: AbortSignal): Promise<AnswerSpec> {
  const context = { signal, now: state.clock, random: state.random.next };
  try {
    return await askFor('the responder', () => state.respond(request, context));
  } catch (error) {
    return mistake(messageOf(error));
  }
}
