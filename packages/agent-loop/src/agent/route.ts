import type { AgentSpec } from './agent-spec.ts';
import type { RunInput } from './agent.ts';
import type { Awaitable, Model, RequestParams } from '../api.ts';
import { ConfigError, messageOf, RunError } from '../errors.ts';
import { compactingFor } from '../money/compaction-plan.ts';
import type { RunState } from '../loop/run-state.ts';
import { checkFunction, checkPositive, refuseUnknown, shown } from '../option-checks.ts';

/** What a route chooses by. */
export interface RouteRequest {
  readonly input: RunInput;
  /** The text of the input. */
  readonly text: string;
  /** Name of the agent. */
  readonly agent: string;
  /** The model it has where nothing is chosen. */
  readonly model: string;
}

/** Chooses the model of a run; nothing for the agent's own. */
export type Route = (request: RouteRequest) => Awaitable<Model | null | undefined>;

/** A rule of `routeByRules`. All that is given has to hold; a rule without any condition always does. */
export interface RouteRule {
  readonly model: Model;
  /** Somewhere in the text of the input. */
  readonly matches?: RegExp;
  /** The text of the input has at least, or at most, so many characters. */
  readonly minChars?: number;
  readonly maxChars?: number;
  readonly when?: (request: RouteRequest) => Awaitable<boolean>;
}

const FIELDS: readonly (keyof RouteRule)[] = ['model', 'matches', 'minChars', 'maxChars', 'when'];

/** A route by rules: the first that fits an input gives its model; where none does, the agent's own answers. */
export function routeByRules(rules: readonly RouteRule[]): Route {
  if (!Array.isArray(rules))
    throw new ConfigError('routeByRules', `expected a list of rules, got ${shown(rules)}.`);
  for (const [index, rule] of (rules as readonly RouteRule[]).entries()) checkRule(`rules[${index}]`, rule);
  return async (request) => {
    for (const rule of rules as readonly RouteRule[]) if (await fits(rule, request)) return rule.model;
    return null;
  };
}

async function fits({ matches, minChars = 0, maxChars = Infinity, when }: RouteRule, request: RouteRequest) {
  const { text } = request;
  if (text.length < minChars || text.length > maxChars) return false;
  // `search` looks from the beginning whatever the flags; `test` of a global expression goes on where it was.
  if (matches && text.search(matches) < 0) return false;
  return when ? when(request) : true;
}

function checkRule(where: string, rule: RouteRule): void {
  if (typeof rule !== 'object' || rule === null)
    throw new ConfigError(where, `expected a rule, got ${shown(rule)}.`);
  refuseUnknown(where, rule, FIELDS);
  if (typeof rule.model !== 'string' || rule.model === '')
    throw new ConfigError(`${where}.model`, `expected a model id, got ${shown(rule.model)}.`);
  if (rule.matches !== undefined && !(rule.matches instanceof RegExp))
    throw new ConfigError(`${where}.matches`, `expected a regular expression, got ${shown(rule.matches)}.`);
  checkPositive(`${where}.minChars`, rule.minChars);
  checkPositive(`${where}.maxChars`, rule.maxChars);
  checkFunction(`${where}.when`, rule.when);
}

/** The run that a route chooses for, where there is one: a preview has none. */
export interface RouteScope {
  /** By which an agent that is asked is found again after a crash: another one each time. */
  nextKey(): string;
  /** Begins the run, so that what is asked for it is its own, and resolves with it. */
  begin(): Promise<RunState>;
}

const scopes = new WeakMap<RouteRequest, RouteScope>();

/** The scope of a request that a route was given. */
export function scopeOfRoute(request: RouteRequest): RouteScope | undefined {
  return scopes.get(request);
}

/** What the model of a run depends on. */
export interface Routed {
  /** Null where an earlier run is gone on with. */
  readonly input: RunInput | null;
  /** Whether anything was said before. Its thinking is signed over the model, and its cache is the model's. */
  readonly hasHistory: boolean;
  /** The model that the session was made with. */
  readonly before: string | undefined;
}

/** The agent as it answers an input: with the model of the history, where there is one, or with what its route chooses. */
export async function routed(
  spec: AgentSpec,
  { input, hasHistory, before }: Routed,
  scope?: RouteScope,
): Promise<AgentSpec> {
  if (!spec.route) return spec;
  if (hasHistory || input === null) return withModel(spec, before ?? spec.model);
  const request: RouteRequest = { input, text: textOf(input), agent: spec.name, model: spec.model };
  if (scope) scopes.set(request, scope);
  let model: unknown;
  try {
    model = await spec.route(request);
  } catch (cause) {
    throw new RunError('config', `The route of agent "${spec.name}" failed: ${messageOf(cause)}`, { cause });
  }
  if (model === null || model === undefined) return withModel(spec, spec.model);
  if (typeof model === 'string' && model !== '') return withModel(spec, model);
  throw new RunError(
    'config',
    `The route of agent "${spec.name}" chose ${shown(model)}, which is no model id.`,
  );
}

const specs = new WeakMap<AgentSpec, Map<string, AgentSpec>>();

/** The same agent with this model, whatever its route says. */
export function withModel(spec: AgentSpec, model: string): AgentSpec {
  let made = specs.get(spec);
  if (!made) specs.set(spec, (made = new Map()));
  const known = made.get(model);
  if (known) return known;
  let params: RequestParams | undefined;
  const own: AgentSpec = Object.freeze({
    ...spec,
    model,
    route: undefined,
    // The same object for every request, as the agent's own.
    params: async () => (params ??= compactingFor(spec, { ...(await spec.params()), model })),
  });
  made.set(model, own);
  return own;
}

function textOf(input: RunInput): string {
  if (typeof input === 'string') return input;
  return input.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
}

/** An agent with a route as it goes on with a session: with the model that its history was made with. */
export function withModelOf(spec: AgentSpec, prefix: { readonly model: string } | null): AgentSpec {
  return spec.route && prefix ? withModel(spec, prefix.model) : spec;
}
