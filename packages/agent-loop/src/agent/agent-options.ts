import type Anthropic from '@anthropic-ai/sdk';
import type { Logger, LoggerOptions } from 'pino';
import type { Agent } from './agent.ts';
import type { AgentSpec } from './agent-spec.ts';
import { type Limits, toLimits } from './limits.ts';
import type { Client, Model, RequestParams, ToolParam } from '../api.ts';
import { type CacheOption, toCacheSettings } from '../cache/cache-option.ts';
import {
  autoCompaction,
  checkContext,
  contextBetas,
  type ContextOption,
  contextParams,
} from './context-option.ts';
import { checkClient, DEFAULT_ACCOUNT, defaultClient } from './default-client.ts';
import { type Budget, gateOf } from '../money/budget.ts';
import { ConfigError } from '../errors.ts';
import { gateOfGovernor, type Governor } from '../governor/governor.ts';
import type { Approve, Hooks } from './hooks.ts';
import { checkLogger } from './logger.ts';
import {
  checkFunction,
  checkList,
  checkMoney,
  checkName,
  checkOptions,
  checkPositive,
  refuseUnknown,
  shown,
} from '../option-checks.ts';
import { compileOutput, outputFormat } from './output.ts';
import type { Pricing } from '../money/pricing.ts';
import { type PricingOptions, toPricing } from '../money/pricing-option.ts';
import type { Route } from './route.ts';
import type { CompiledSchema, Schema } from '../tools/schema.ts';
import { checkServing, servingBetas, servingParams } from './serving.ts';
import { type Seams, toSeams } from '../seams.ts';
import type { RunnableTool, Tool } from '../tools/tool.ts';
import { type ServerTool, sortTools } from '../tools/tool-list.ts';
import { checkPriced } from '../money/dearest-rates.ts';
import { hasTelemetry } from '../request/trace-span.ts';
import { checkRequest } from './request-option.ts';

/** What `createAgent` takes. Only `model` is required. */
export interface AgentOptions<O extends Schema | undefined = undefined> {
  /** Names the agent in events, logs and costs. 1 to 64 letters, digits, `_` or `-`. Default `'agent'`. */
  readonly name?: string;
  /** What the agent is for: read by people, and by a model that may delegate to it. */
  readonly description?: string;
  readonly model: Model;
  /**
   * Chooses the model of each run: `routeByRules([...])`, `routeByAgent(...)`, or a function. Not in the middle of a
   * conversation: a session stays with the model it began with, as do `messages` that are handed on with `model`. Default:
   * always `model`.
   */
  readonly route?: Route;
  /** Models that answer where `model` refuses, in their order, or `'default'` for those that the API chooses. A beta. */
  readonly fallback?: 'default' | readonly Model[];
  /** Where the model may run, such as `'us'`, which has its price. Default: what the workspace says. */
  readonly inferenceGeo?: string;
  /** The system prompt, as text or blocks. Fixed for the life of the agent. */
  readonly system?: string | readonly Anthropic.TextBlockParam[];
  /** Tools of `defineTool` or the SDK, and server tools such as `{ type: 'web_search_20260318', name: 'web_search' }`. */
  readonly tools?: readonly (Tool | RunnableTool | ServerTool)[];
  /** Agents it may delegate to: each is a tool, `agent.asTool()`. They need a name and a description. */
  readonly subagents?: readonly Agent[];
  readonly limits?: Partial<Limits>;
  /** Any client of the SDK. Default: one with the SDK's own defaults, made on first use. */
  readonly client?: Client;
  /** Longest reply in tokens (`max_tokens`), thinking included. Default 32,000. */
  readonly maxTokens?: number;
  /** Schema of the final answer; the result then has a typed `output`. */
  readonly output?: O;
  readonly thinking?: Anthropic.ThinkingConfigParam;
  readonly effort?: NonNullable<Anthropic.OutputConfig['effort']>;
  readonly toolChoice?: Anthropic.ToolChoice;
  /** Decides on calls of tools that need approval. Without it such calls end the run as `awaiting-approval`. */
  readonly approve?: Approve;
  /** How long a call of a session waits for a decision, in milliseconds; after that it counts as denied. Default: for ever. */
  readonly approvalExpiryMs?: number;
  readonly hooks?: Hooks;
  /** A pino logger, or options to make one. Default: nothing is logged. */
  readonly logger?: Logger | LoggerOptions;
  /** Prices beside, or instead of, the built-in list: of models that are new, or of a contract. */
  readonly pricing?: PricingOptions;
  /** A budget that its runs share with those of all other agents that have it. */
  readonly budget?: Budget;
  /**
   * What the prompt cache keeps: `'auto'` (what will probably be read back, for as long as pays), `'1h'`, `'off'`, or where
   * and for how long. Markers in `system`, `tools` and `request` stay, and count. Default `'auto'`.
   */
  readonly cache?: CacheOption;
  /** What the API leaves out of a long conversation, which is nothing by default, and from where on prompts are counted. */
  readonly context?: ContextOption;
  /** Any other field of a Messages request, such as `metadata`, `stop_sequences`, `service_tier` or `inference_geo`. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** Beta names; requests then go through the SDK's beta namespace. */
  readonly betas?: readonly string[];
  /** Spaces out its requests with those of all other agents that share it, to stay below the rate limits. Default: none. */
  readonly governor?: Governor;
  /** Its weight where the agents of a governor compete: one of 2 gets twice the share of one of 1, the default. */
  readonly priority?: number;
  /** Clock, randomness, ids and timers, for tests and simulations. */
  readonly seams?: Partial<Seams>;
}

const DEFAULT_MAX_TOKENS = 32_000;

const OPTIONS: readonly (keyof AgentOptions)[] = [
  'name',
  'description',
  'model',
  'system',
  'tools',
  'subagents',
  'limits',
  'client',
  'maxTokens',
  'output',
  'thinking',
  'effort',
  'toolChoice',
  'approve',
  'approvalExpiryMs',
  'hooks',
  'logger',
  'pricing',
  'budget',
  'cache',
  'context',
  'request',
  'betas',
  'governor',
  'priority',
  'route',
  'fallback',
  'inferenceGeo',
  'seams',
];
const HOOKS: readonly (keyof Hooks)[] = ['beforeRequest', 'afterReply', 'beforeTool', 'afterTool', 'onEvent'];

/** Checks the options once and completes them. Throws a ConfigError that names the option, what was expected and what came. */
export function toSpec(options: AgentOptions<Schema | undefined>): AgentSpec {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError('createAgent', 'expected an object of options.');
  refuseUnknown('createAgent', options, OPTIONS);
  const { name = 'agent', description, model, client, betas = [], hooks = {}, approve, logger } = options;
  if (typeof model !== 'string' || model === '')
    throw new ConfigError('model', `expected a model id such as "claude-sonnet-5-5", got ${shown(model)}.`);
  checkName('name', name);
  checkFunction('approve', approve);
  checkFunction('route', options.route);
  checkServing(options);
  checkPositive('approvalExpiryMs', options.approvalExpiryMs);
  checkPriority(options.priority);
  checkHooks(hooks);
  checkClient(client);
  checkLogger(logger);
  checkRequest(options);
  checkContext(options);
  const { tools, definitions } = sortTools([...listed('tools', options.tools), ...subagentsOf(options)]);
  const output = options.output && compileOutput(options.output);
  const pricing = toPricing(options.pricing);
  const seams = toSeams(options.seams);
  const limits = toLimits(options.limits);
  checkMoneyLimits(options, limits, { pricing, seams });
  return Object.freeze({
    name,
    description,
    model,
    tools,
    output,
    limits,
    betas: [...new Set([...betas, ...servingBetas(options), ...contextBetas(options)])],
    hooks,
    approve,
    approvalExpiryMs: options.approvalExpiryMs,
    logger,
    governor: options.governor && gateOfGovernor(options.governor),
    priority: options.priority ?? 1,
    pricing,
    budget: options.budget,
    cache: toCacheSettings(options.cache),
    autoCompaction: autoCompaction(options),
    countFrom: options.context?.countFrom,
    route: options.route,
    seams,
    account: client ?? DEFAULT_ACCOUNT,
    client: clientOnFirstUse(client),
    params: once(() => toParams(options, definitions, output)),
  });
}

function checkPriority(priority: unknown): void {
  checkPositive('priority', priority);
  if (priority === Infinity)
    throw new ConfigError('priority', 'must be finite: nobody else would get a turn.');
}

function checkHooks(hooks: Hooks): void {
  checkOptions('hooks', hooks, HOOKS);
  for (const name of HOOKS) checkFunction(`hooks.${name}`, hooks[name]);
}

function listed<T>(option: string, given: readonly T[] = []): readonly T[] {
  checkList(option, given);
  return given;
}

function subagentsOf({ subagents }: AgentOptions<Schema | undefined>): Tool[] {
  return listed('subagents', subagents).map((agent) => {
    if (typeof agent?.asTool === 'function') return agent.asTool();
    throw new ConfigError('subagents', `expected agents made by createAgent, got ${shown(agent)}.`);
  });
}

/** A limit of money that could not be kept would be worse than none. */
function checkMoneyLimits(
  { model, budget }: AgentOptions<Schema | undefined>,
  { usd }: Limits,
  { pricing, seams }: { readonly pricing: Pricing; readonly seams: Seams },
): void {
  checkMoney('limits.usd', usd);
  if (budget !== undefined) gateOf(budget);
  if (usd !== undefined) checkPriced('limits.usd', model, pricing, seams.now());
  if (budget?.usd !== undefined) checkPriced('budget', model, pricing, seams.now());
}

async function toParams(
  options: AgentOptions<Schema | undefined>,
  definitions: readonly (() => ToolParam | Promise<ToolParam>)[],
  output: CompiledSchema | undefined,
): Promise<RequestParams> {
  const { model, maxTokens = DEFAULT_MAX_TOKENS, system, toolChoice, thinking, effort, request } = options;
  const tools = await Promise.all(definitions.map(async (definition) => definition()));
  const format = output && (await outputFormat(output));
  const outputConfig = {
    ...(request?.['output_config'] as object | undefined),
    ...(effort && { effort }),
    ...(format && { format }),
  };
  return {
    model,
    max_tokens: maxTokens,
    ...request,
    ...(Object.keys(outputConfig).length > 0 && { output_config: outputConfig }),
    ...(thinking && { thinking }),
    ...servingParams(options),
    ...contextParams(options, maxTokens),
    ...(toolChoice && { tool_choice: toolChoice }),
    ...(system !== undefined && { system: system as string }),
    ...(tools.length > 0 && { tools }),
    stream: true,
  };
}

function clientOnFirstUse(client: Client | undefined): () => Promise<Client> {
  if (client) return () => Promise.resolve(client);
  const traced = once(() => defaultClient(true));
  const untraced = once(() => defaultClient(false));
  return () => (hasTelemetry() ? traced() : untraced());
}

/** Calls `make` on first use and keeps what it gives; a failure is not kept. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
