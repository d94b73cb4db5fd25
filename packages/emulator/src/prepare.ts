import type { Exchange } from './exchange.ts';
import { apiKeyOf } from './gate.ts';
import { isObject } from './json.ts';
import type { ModelSpec } from './model-spec.ts';
import { apiError } from './reply.ts';
import type { EmulatorState } from './state.ts';
import { tokensOf } from './tokens.ts';
import type { ErrorSpec, RequestBody } from './types.ts';
import type { PromptTokens } from './usage.ts';

/** A checked request with everything that follows from its prompt. */
export interface Prepared {
  readonly body: RequestBody;
  readonly model: ModelSpec;
  /** Whose rate limits it uses. */
  readonly key: string;
  readonly prompt: PromptTokens;
  /** Makes the written cache entries readable; called when the response begins. */
  readonly commit: () => void;
  readonly sign: (thinkingText: string) => string;
}

/** Parses and checks the body of a messages request. */
export function prepare(state: EmulatorState, exchange: Exchange): Prepared | ErrorSpec {
  const parsed = parseJson(exchange.incoming.bodyText);
  if (!isObject(parsed)) return apiError(400, { message: 'The request body is not valid JSON.' });
  const body = parsed as unknown as RequestBody;
  exchange.parsed(body);
  const model = state.models.get(String(body.model));
  if (!model) return apiError(404, { message: `model: ${String(body.model)}` });
  return {
    body,
    model,
    key: `${apiKeyOf(exchange.incoming.headers) ?? ''} ${model.rateGroup}`,
    prompt: {
      input: tokensOf(exchange.incoming.bodyText.length, model.tokenFactor),
      read: 0,
      write5m: 0,
      write1h: 0,
    },
    commit: () => undefined,
    sign: (text) => `sig-${text.length}`,
  };
}

/** The parsed text, or undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
