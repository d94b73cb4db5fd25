import { type Agent, specWithOutput } from './agent.ts';
import type { AgentSpec } from './agent-spec.ts';
import type { Model } from '../api.ts';
import { closeChild } from '../children/close-child.ts';
import { ChildLost, ChildRefused, runChild } from '../children/child-run.ts';
import { ConfigError, RunError } from '../errors.ts';
import { checkOptions, shown } from '../option-checks.ts';
import type { RunState } from '../loop/run-state.ts';
import { type Route, type RouteScope, scopeOfRoute } from './route.ts';

/** Where a class of inputs goes. */
export interface RouteTarget {
  readonly model: Model;
  /** Which inputs belong here: the classifier reads it. */
  readonly when?: string;
}

/** What `routeByAgent` takes. */
export interface RouteByAgentOptions<R extends Readonly<Record<string, Model | RouteTarget>>> {
  /** The classes that there are, each with its model. The classifier reads their names, and when they apply. */
  readonly routes: R;
  /** The class of inputs that the classifier does not decide on, for whatever reason. Default: the agent's own model. */
  readonly otherwise?: NoInfer<keyof R> & string;
}

/**
 * A route by an agent: it reads the input and names one of the classes. It is asked once, in a session of its own, as a
 * child of the run that it chooses for: its cost is the run's, under its own name in `byAgent`, and the run's limits,
 * budgets and governor hold for it. Where it fails, or decides nothing, `otherwise` is taken, and a `warning` says why.
 * Throws a ConfigError for a classifier that has an output of its own, and for fewer than two classes.
 */
export function routeByAgent<const R extends Readonly<Record<string, Model | RouteTarget>>>(
  classifier: Agent,
  options: RouteByAgentOptions<R>,
): Route {
  checkOptions('routeByAgent', options, ['routes', 'otherwise']);
  const targets = toTargets(options.routes);
  const { otherwise } = options;
  if (otherwise !== undefined && !targets.has(otherwise))
    throw new ConfigError(
      'otherwise',
      `must be one of the routes (${[...targets.keys()].join(', ')}), got ${shown(otherwise)}.`,
    );
  const spec = specWithOutput(classifier, schemaOf(targets));
  const fallback = otherwise === undefined ? null : (targets.get(otherwise)?.model ?? null);
  return async (request) => {
    const scope = scopeOfRoute(request);
    if (!scope) return fallback;
    const run = await scope.begin();
    const { model, problem } = await ask(run, scope, { spec, targets, input: request.input });
    if (model !== undefined || run.halt.reason) return model;
    const message = `The route of agent "${request.agent}" did not decide: ${problem}. It goes on with ${fallback ?? request.model}.`;
    const warning = { type: 'warning', cause: 'route', turn: 1, message } as const;
    run.logger.warn(warning, message);
    run.tell(warning);
    return fallback;
  };
}

interface Question {
  readonly spec: AgentSpec;
  readonly targets: ReadonlyMap<string, RouteTarget>;
  readonly input: Parameters<Route>[0]['input'];
}

async function ask(
  run: RunState,
  scope: RouteScope,
  { spec, targets, input }: Question,
): Promise<{ readonly model?: Model; readonly problem?: string }> {
  try {
    const key = scope.nextKey();
    const { outcome, reason, output } = await runChild(run, { spec, key, input });
    const record = run.state.children.of(key);
    // Nobody is asked for a decision on its behalf.
    if (outcome === 'awaiting-approval' && record) await run.record(await closeChild(run, record));
    const { route } = Object(output) as { readonly route?: string };
    const target = outcome === 'completed' ? targets.get(route ?? '') : undefined;
    if (target) return { model: target.model };
    return { problem: `agent "${spec.name}" ended as ${outcome}${reason ? ` (${reason})` : ''}` };
  } catch (error) {
    const isKnown = RunError.is(error) || error instanceof ChildRefused || error instanceof ChildLost;
    if (!isKnown) throw error;
    return { problem: `agent "${spec.name}" could not be asked: ${error.message}` };
  }
}

function toTargets(routes: Readonly<Record<string, Model | RouteTarget>>): ReadonlyMap<string, RouteTarget> {
  if (typeof routes !== 'object' || routes === null || Array.isArray(routes))
    throw new ConfigError(
      'routes',
      `expected an object such as { simple: 'claude-haiku-5-5', hard: 'claude-opus-5-5' }, got ${shown(routes)}.`,
    );
  const targets = new Map(Object.entries(routes).map(([name, given]) => [name, toTarget(name, given)]));
  if (targets.size < 2)
    throw new ConfigError('routes', 'needs two classes at least, or there is nothing to choose.');
  return targets;
}

function toTarget(name: string, given: Model | RouteTarget): RouteTarget {
  if (typeof given === 'string' && given !== '') return { model: given };
  checkOptions(`routes.${name}`, given, ['model', 'when']);
  const { model, when } = given as RouteTarget;
  if (typeof model !== 'string' || model === '')
    throw new ConfigError(`routes.${name}.model`, `expected a model id, got ${shown(model)}.`);
  if (when !== undefined && (typeof when !== 'string' || when.trim() === ''))
    throw new ConfigError(`routes.${name}.when`, `must be a text, got ${shown(when)}.`);
  return { model, ...(when !== undefined && { when }) };
}

function schemaOf(targets: ReadonlyMap<string, RouteTarget>) {
  const told = [...targets].map(([name, { when }]) =>
    when === undefined ? `"${name}"` : `"${name}": ${when}`,
  );
  return {
    type: 'object',
    properties: {
      route: {
        type: 'string',
        enum: [...targets.keys()],
        description: `The class that the input belongs to. Do not answer the input. ${told.join('; ')}.`,
      },
    },
    required: ['route'],
    additionalProperties: false,
  } as const;
}
