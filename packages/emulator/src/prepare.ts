import { bindThinking } from './binding.ts';
import type { Exchange } from './exchange.ts';
import { apiKeyOf, betasOf } from './gate.ts';
import type { JsonObject } from './json.ts';
import { asArray, isObject, shown } from './json.ts';
import type { MessageFacts } from './message-facts.ts';
import { messageFacts } from './message-facts.ts';
import type { ModelSpec } from './model-spec.ts';
import { uncached } from './prompt-cache.ts';
import { layOut } from './prompt.ts';
import { apiError } from './reply.ts';
import type { EmulatorState } from './state.ts';
import { dropsMismatches } from './thinking.ts';
import type { ErrorSpec, RequestBody } from './types.ts';
import type { PromptTokens } from './usage.ts';
import { checkConversation, turnsOf } from './validate-conversation.ts';
import { checkRequest, checkShape } from './validate-request.ts';
import type { RequestContext } from './validate-request.ts';

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
  /** Of the whole conversation so far: it makes ids differ from those of earlier turns. */
  readonly prefix: string;
}

/** Parses and checks the body of a request with a conversation; an error when the API would refuse it. */
export function prepare(
  state: EmulatorState,
  exchange: Exchange,
  endpoint: RequestContext['endpoint'],
): Prepared | ErrorSpec {
  const body = parseJson(exchange.incoming.bodyText);
  if (!isObject(body)) return apiError(400, { message: 'The request body is not valid JSON.' });
  exchange.parsed(asRequestBody(body));
  return threadError(body) ?? check(state, exchange, endpoint, body);
}

/** The body counts as what the SDK types from here on; where checks are switched off that is the caller's promise. */
function asRequestBody(body: JsonObject): RequestBody {
  return body as unknown as RequestBody;
}

/** Threads are refused in the way that makes clients fall back to sending the whole history. */
function threadError(body: JsonObject): ErrorSpec | undefined {
  if (body['thread'] === undefined || body['thread'] === null) return undefined;
  return apiError(400, {
    message: 'thread: message threads are not supported for this request',
    details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  });
}

function check(
  state: EmulatorState,
  exchange: Exchange,
  endpoint: RequestContext['endpoint'],
  body: JsonObject,
): Prepared | ErrorSpec {
  const { headers } = exchange.incoming;
  const strict = state.options.validate !== 'off';
  const betas = betasOf(headers);
  const version = headers['anthropic-version'] ?? '';
  const misshapen = strict ? checkShape(body, { endpoint, version, betas }) : undefined;
  if (misshapen !== undefined) return refusal(misshapen);
  const model =
    state.models.get(shown(body['model'])) ??
    (strict ? undefined : unknownModel(state, shown(body['model'])));
  if (!model) return apiError(404, { message: `model: ${shown(body['model'])}` });
  const messages = asArray(body['messages']).map(messageFacts);
  const problem = strict ? checkRequest(body, { model, version, betas, endpoint, messages }) : undefined;
  if (problem !== undefined) return refusal(problem);
  return finish(state, exchange, { endpoint, body, model, messages, strict });
}

interface Checked {
  readonly endpoint: RequestContext['endpoint'];
  readonly body: JsonObject;
  readonly model: ModelSpec;
  readonly messages: readonly MessageFacts[];
  readonly strict: boolean;
}

function finish(
  state: EmulatorState,
  exchange: Exchange,
  { endpoint, body, model, messages, strict }: Checked,
): Prepared | ErrorSpec {
  const turns = turnsOf(messages);
  const mode = state.options.preservedThinking ?? 'new-organisation';
  const binding = bindThinking(body, turns, { model, mode, drops: dropsMismatches(body['thinking']) });
  const problem = strict ? (checkConversation(messages, turns, model) ?? binding.check()) : undefined;
  if (problem !== undefined) return refusal(problem);
  const prompt = layOut(body, messages, model);
  // What is too long to be sent can be counted all the same.
  if (strict && endpoint === 'messages' && prompt.tokens > model.maxInputTokens) {
    return refusal(`prompt is too long: ${prompt.tokens} tokens > ${model.maxInputTokens} maximum`);
  }
  const workspace = apiKeyOf(exchange.incoming.headers) ?? '';
  const plan =
    state.options.cache === false
      ? uncached(prompt)
      : state.cache.plan(`${workspace} ${model.id}`, prompt, model.minCacheTokens);
  return {
    body: asRequestBody(body),
    model,
    key: `${workspace} ${model.rateGroup}`,
    prompt: plan.tokens,
    commit: plan.commit,
    sign: binding.sign,
    prefix: binding.prefix,
  };
}

function refusal(message: string): ErrorSpec {
  return apiError(400, { message });
}

/** With checks off any model answers, as the first of the table would, without prices. */
function unknownModel(state: EmulatorState, id: string): ModelSpec | undefined {
  const [first] = state.models.values();
  return first && { ...first, id, prices: undefined, fastPrices: undefined };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
