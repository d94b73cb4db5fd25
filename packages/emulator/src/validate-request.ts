import { z } from './zod.ts';
import { cacheControlSchema, checkAgainst, systemSchema } from './content-schema.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, shown } from './json.ts';
import type { MessageFacts } from './message-facts.ts';
import { ttlOf } from './message-facts.ts';
import type { ModelSpec } from './model-spec.ts';
import { checkThinking, thinksBefore } from './thinking.ts';
import { checkOutputSchema } from './validate-schema.ts';
import { checkTools } from './validate-tools.ts';

const dictionary = z.record(z.string(), z.unknown());

const shared = {
  model: z.string(),
  messages: z.array(z.unknown()),
  system: systemSchema.nullish(),
  tools: z.array(z.unknown()).nullish(),
  tool_choice: dictionary.nullish(),
  thinking: dictionary.nullish(),
  output_config: z
    .strictObject({
      effort: z.string().nullish(),
      format: z.strictObject({ type: z.literal('json_schema'), schema: dictionary }).nullish(),
      task_budget: z.looseObject({ total: z.number().int().min(20_000) }).nullish(),
    })
    .nullish(),
  cache_control: cacheControlSchema,
  speed: z.enum(['standard', 'fast']).nullish(),
  context_management: z
    .strictObject({ edits: z.array(z.looseObject({ type: z.string() })).nullish() })
    .nullish(),
  mcp_servers: z.array(dictionary).nullish(),
  user_profile_id: z.string().nullish(),
};

/** The body of count_tokens. */
const countSchema = z.strictObject(shared);

/** The body of messages. */
const messageSchema = z.strictObject({
  ...shared,
  max_tokens: z.number().int().min(0),
  stream: z.boolean().nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).nullish(),
  service_tier: z.enum(['auto', 'standard_only']).nullish(),
  inference_geo: z.string().nullish(),
  container: z.union([z.string(), dictionary]).nullish(),
  diagnostics: dictionary.nullish(),
  workspace_id: z.string().nullish(),
  compaction: z.strictObject({ type: z.literal('summarize'), instructions: z.string().nullish() }).nullish(),
  fallbacks: z.union([z.literal('default'), z.array(z.unknown())]).nullish(),
  fallback_credit_token: z.string().nullish(),
  billing_policy: z.unknown().optional(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
});

/** Members of the beta namespace, and the header values of which one must be sent with each. */
const betaMembers: Readonly<Record<string, RegExp>> = {
  context_management: /^(?:context-management-2025-06-27|compact-2026-01-12)$/,
  compaction: /^compact-2026-09-04$/,
  mcp_servers: /^mcp-client-/,
  fallbacks: /^server-side-fallback-/,
  fallback_credit_token: /^fallback-credit-/,
  billing_policy: /^(?:fallback-credit-|server-side-fallback-)/,
};

/** What the checks of a request need besides its body. */
export interface RequestContext {
  readonly model: ModelSpec;
  readonly version: string;
  readonly betas: readonly string[];
  readonly endpoint: 'messages' | 'count_tokens';
  readonly messages: readonly MessageFacts[];
}

/** Shape of the body, before the model is known. */
export function checkShape(
  body: JsonObject,
  context: Pick<RequestContext, 'version' | 'betas' | 'endpoint'>,
): string | undefined {
  return (
    checkSampling(body, context.version) ??
    checkAgainst(context.endpoint === 'messages' ? messageSchema : countSchema, body, '') ??
    checkBetaMembers(body, context.betas)
  );
}

function checkSampling(body: JsonObject, version: string): string | undefined {
  if (version !== '2026-10-21') return undefined;
  const name = ['temperature', 'top_p', 'top_k'].find((key) => key in body);
  return name && `${name}: \`${name}\` is not supported in anthropic-version 2026-10-21 and later`;
}

function checkBetaMembers(body: JsonObject, betas: readonly string[]): string | undefined {
  for (const [name, pattern] of Object.entries(betaMembers)) {
    if (body[name] !== undefined && body[name] !== null && !betas.some((beta) => pattern.test(beta)))
      return `${name}: Extra inputs are not permitted`;
  }
  const hasBudget = asObject(body['output_config'])['task_budget'] !== undefined;
  if (hasBudget && !betas.includes('task-budgets-2026-03-13'))
    return 'output_config.task_budget: Extra inputs are not permitted';
  return undefined;
}

/** Rules that depend on the model and on several members at once. */
export function checkRequest(body: JsonObject, context: RequestContext): string | undefined {
  const { model, betas, messages } = context;
  return (
    (context.endpoint === 'messages' ? checkLimits(body, model) : undefined) ??
    checkThinking(body, model, betas) ??
    checkTools(body, model, thinksBefore(body['thinking'], model)) ??
    checkServing(body, model, betas) ??
    checkFormat(body, messages) ??
    checkBreakpoints(body, messages) ??
    checkContent(messages, context) ??
    checkContextManagement(body, betas)
  );
}

function checkLimits(body: JsonObject, model: ModelSpec): string | undefined {
  const max = Number(body['max_tokens']);
  if (max > model.maxTokens)
    return `max_tokens: ${max} > ${model.maxTokens}, which is the maximum allowed number of output tokens for ${model.id}`;
  if (asArray(body['stop_sequences']).some((sequence) => String(sequence).trim() === '')) {
    return 'stop_sequences: each stop sequence must contain non-whitespace';
  }
  return max === 0 ? checkWarmUp(body) : undefined;
}

/** `max_tokens: 0` only warms the cache, so nothing that shapes an answer goes with it. */
function checkWarmUp(body: JsonObject): string | undefined {
  const choice = asObject(body['tool_choice'])['type'];
  const conflicts: readonly (readonly [string, boolean])[] = [
    ['stream', body['stream'] === true],
    ['thinking', body['thinking'] !== undefined && body['thinking'] !== null],
    ['output_config.format', isSet(asObject(body['output_config'])['format'])],
    ['tool_choice', choice === 'any' || choice === 'tool'],
    ['compaction', isSet(body['compaction'])],
  ];
  const found = conflicts.find(([, applies]) => applies)?.[0];
  return found && `max_tokens: 0 cannot be combined with ${found}`;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function checkServing(body: JsonObject, model: ModelSpec, betas: readonly string[]): string | undefined {
  if (isSet(body['inference_geo']) && !model.regions) return `inference_geo: not supported on ${model.id}`;
  if (body['speed'] !== 'fast') return undefined;
  if (!model.fastPrices) return `speed: \`fast\` is not supported on ${model.id}`;
  return model.fastBeta !== undefined && !betas.includes(model.fastBeta)
    ? 'speed: Extra inputs are not permitted'
    : undefined;
}

function checkFormat(body: JsonObject, messages: readonly MessageFacts[]): string | undefined {
  const format = asObject(body['output_config'])['format'];
  if (!isSet(format)) return undefined;
  if (messages.some(({ totals }) => totals.citing)) {
    return 'output_config.format: structured outputs cannot be combined with citations';
  }
  return checkOutputSchema(asObject(format)['schema'], 'output_config.format.schema');
}

/** The markers of a request in prefix order: tools, system, messages, and last the automatic one. */
function markersOf(body: JsonObject, messages: readonly MessageFacts[]): readonly ('5m' | '1h')[] {
  const explicit = [
    ...asArray(body['tools']).map((tool) => ttlOf(asObject(tool))),
    ...asArray(body['system']).map((block) => ttlOf(asObject(block))),
    ...messages.flatMap(({ totals }) => totals.markers),
  ];
  return [...explicit, ttlOf(body)].filter((ttl) => ttl !== undefined);
}

function checkBreakpoints(body: JsonObject, messages: readonly MessageFacts[]): string | undefined {
  const markers = markersOf(body, messages);
  if (markers.length > 4)
    return `A maximum of 4 blocks with cache_control may be provided. Found ${markers.length}.`;
  const firstShort = markers.indexOf('5m');
  if (firstShort >= 0 && markers.lastIndexOf('1h') > firstShort) {
    return "cache_control: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.";
  }
  return undefined;
}

function checkContent(
  messages: readonly MessageFacts[],
  { model, version, betas }: RequestContext,
): string | undefined {
  const many = model.maxInputTokens >= 1_000_000;
  const images = messages.reduce((sum, { totals }) => sum + totals.images, 0);
  const pages = messages.reduce((sum, { totals }) => sum + totals.pages, 0);
  if (images > (many ? 600 : 100)) return `messages: too many images: ${images} > ${many ? 600 : 100}`;
  if (pages > (many ? 600 : 100))
    return `messages: A maximum of ${many ? 600 : 100} PDF pages may be provided. Found ${pages}.`;
  if (messages.some(({ totals }) => totals.citing) && messages.some(({ totals }) => totals.notCiting)) {
    return 'messages: citations must be enabled on all or none of the documents in a request';
  }
  return (
    (version === '2026-10-21' ? checkUserCitations(messages) : undefined) ??
    checkSystemExtras(messages, betas)
  );
}

function checkUserCitations(messages: readonly MessageFacts[]): string | undefined {
  const index = messages.findIndex(({ role, totals }) => role === 'user' && totals.citedAt >= 0);
  const position = messages[index]?.totals.citedAt;
  if (position === undefined) return undefined;
  return `messages.${index}.content.${position}: \`citations\` are not allowed on text blocks in user messages`;
}

function checkSystemExtras(messages: readonly MessageFacts[], betas: readonly string[]): string | undefined {
  const index = messages.findIndex(({ hasSystemExtras }) => hasSystemExtras);
  if (index < 0 || betas.some((beta) => beta.startsWith('mid-conversation-'))) return undefined;
  return `messages.${index}: a system message may hold only text without a mid-conversation beta`;
}

const edits: Readonly<Record<string, string>> = {
  clear_tool_uses_20250919: 'context-management-2025-06-27',
  clear_thinking_20251015: 'context-management-2025-06-27',
  compact_20260112: 'compact-2026-01-12',
};

function checkContextManagement(body: JsonObject, betas: readonly string[]): string | undefined {
  if (isSet(body['compaction']) && isSet(body['context_management']))
    return 'compaction: cannot be combined with context_management';
  for (const [index, edit] of asArray(asObject(body['context_management'])['edits'])
    .map(asObject)
    .entries()) {
    const path = `context_management.edits.${index}`;
    const beta = edits[shown(edit['type'])];
    if (beta === undefined || !betas.includes(beta)) {
      return `${path}: Input tag '${shown(edit['type'])}' found using 'type' does not match any of the expected tags`;
    }
    if (edit['type'] === 'clear_thinking_20251015' && index > 0)
      return `${path}: clear_thinking_20251015 must be the first edit`;
    const value = asObject(edit['trigger'])['value'];
    if (edit['type'] === 'compact_20260112' && typeof value === 'number' && value < 50_000) {
      return `${path}.trigger.value: Input should be greater than or equal to 50000`;
    }
  }
  return undefined;
}
