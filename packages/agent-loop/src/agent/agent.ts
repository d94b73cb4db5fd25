import { CachePlanner } from '../cache/cache-planner.ts';
import { type AgentOptions, toSpec } from './agent-options.ts';
import { type AgentStream, openStream } from './agent-stream.ts';
import type { AgentSpec } from './agent-spec.ts';
import type { ContentBlockParam, MessageParam, Model, RequestParams } from '../api.ts';
import { missingKey } from './default-client.ts';
import { countTokens } from '../money/count-tokens.ts';
import { ConfigError, RunError } from '../errors.ts';
import type { AgentEvent } from '../journal/events.ts';
import { FleetingJournal } from '../journal/journal.ts';
import { lostByApi } from '../request/lost-reply.ts';
import { checkList, checkOptions, checkSignal, shown } from '../option-checks.ts';
import type { RunResult } from '../loop/result.ts';
import { routed, withModel } from './route.ts';
import type { InferSchema, Schema } from '../tools/schema.ts';
import { SessionState } from '../journal/session-state.ts';
import { checkInput, checkInputType, prepared, type StartedRun, startRun } from '../loop/start-run.ts';
import {
  type AnySubagentOptions,
  SUBAGENT_OPTIONS,
  type SubagentOptions,
  subagentTool,
} from '../children/subagent.ts';
import type { Tool } from '../tools/tool.ts';
import { wellFormed } from '../journal/well-formed.ts';
import { worstUsd } from '../money/assessment.ts';

/** What a run starts with: text, or content blocks (text, images, documents, search results). */
export type RunInput = string | readonly ContentBlockParam[];

/** Options of one run. */
export interface RunOptions {
  /** Stops the run when aborted, like `stop()`. */
  readonly signal?: AbortSignal;
  /** Messages to continue, such as `result.messages` of an earlier run. Sent as they are; open tool calls are answered. */
  readonly messages?: readonly MessageParam[];
  /** The model of this run, whatever the agent's route would choose: that of `messages`, where they hold thinking. */
  readonly model?: Model;
}

/** The exact request a run would begin with, and its size. */
export interface Preview {
  readonly body: RequestParams & { readonly messages: readonly MessageParam[] };
  /** Prompt tokens by the API's own count, an estimate. */
  readonly inputTokens: number;
  /** The most that request can cost, in USD; null where no price is known or no bound can be given. */
  readonly worstUsd: number | null;
}

/** An agent: a model with a system prompt, tools and limits. Stateless and reusable; runs do not influence each other. */
export interface Agent<Output = unknown> {
  readonly name: string;
  readonly description: string | undefined;
  readonly model: string;
  readonly limits: AgentSpec['limits'];
  /** Runs to the end. Rejects with a RunError where the run cannot go on; limits and refusals are outcomes. */
  run(input: RunInput, options?: RunOptions): Promise<RunResult<Output>>;
  /** Runs and tells every event as it happens. */
  stream(input: RunInput, options?: RunOptions): AgentStream<Output>;
  /** The exact request `run` would begin with and its prompt tokens. Sends nothing but a token count, which is free. */
  preview(input: RunInput, options?: RunOptions): Promise<Preview>;
  /**
   * This agent as a tool of another, with a typed hand-over. It runs in a session of its own as a child of the run that
   * calls it, and its answer is the result. `subagents: [agent]` is the same with the defaults.
   */
  asTool<const S extends Schema | undefined = undefined, const O extends Schema | undefined = undefined>(
    options?: SubagentOptions<S, O>,
  ): Tool;
}

type OutputOf<O> = O extends Schema ? InferSchema<O> : never;

/**
 * Creates an agent. Options are checked here, once; a ConfigError names the option at fault and how to mend it.
 * Nothing is sent and no client is made before the first run.
 */
export function createAgent<const O extends Schema | undefined = undefined>(
  options: AgentOptions<O>,
): Agent<OutputOf<O>> {
  const spec = toSpec(options);
  const agent: Agent<OutputOf<O>> = {
    name: spec.name,
    description: spec.description,
    model: spec.model,
    limits: spec.limits,
    run: async (input, runOptions) => start<OutputOf<O>>(spec, input, runOptions, undefined).result,
    stream: (input, runOptions) => openStream((sink) => start<OutputOf<O>>(spec, input, runOptions, sink)),
    preview: (input, runOptions) => preview(spec, input, runOptions),
    asTool: (given: AnySubagentOptions = {}) => asTool(spec, options, given),
  };
  specs.set(agent, spec);
  given.set(agent, options);
  return agent;
}

const given = new WeakMap<object, AgentOptions<Schema | undefined>>();

/** The checked options of an agent, with an output. Throws a ConfigError where it has one of its own. */
export function specWithOutput(agent: Agent, output: Schema): AgentSpec {
  if (specOf(agent).output)
    throw new ConfigError(
      'output',
      `of agent "${agent.name}" has no place here: it is given another one. Leave it out.`,
    );
  return toSpec({ ...given.get(agent), output } as AgentOptions<Schema>);
}

const specs = new WeakMap<object, AgentSpec>();

/** The checked options of an agent that `createAgent` made. */
export function specOf(agent: Agent): AgentSpec {
  const spec = specs.get(agent);
  if (spec) return spec;
  throw new ConfigError('agent', 'expected an agent made by createAgent of this copy of @pawl/agent-loop.');
}

/** With an output of its own, a subagent is this agent with another output. */
function asTool(spec: AgentSpec, options: AgentOptions<Schema | undefined>, given: AnySubagentOptions): Tool {
  checkOptions('asTool', given, SUBAGENT_OPTIONS);
  const { output } = given;
  return subagentTool(output ? toSpec({ ...options, output }) : spec, options.name !== undefined, given);
}

/** Starts a run that belongs to no session. */
function start<Output>(
  spec: AgentSpec,
  input: RunInput,
  options: RunOptions = {},
  sink: ((event: AgentEvent) => void) | undefined,
): StartedRun<Output> {
  checkInputType(input);
  checkRunOptions(options);
  const { signal, messages, model } = options;
  const state = new SessionState();
  return startRun<Output>({
    spec: model === undefined ? spec : withModel(spec, model),
    journal: new FleetingJournal(),
    state,
    sessionId: null,
    input,
    messages,
    sink,
    signal,
  });
}

async function preview(given: AgentSpec, input: RunInput, options: RunOptions = {}): Promise<Preview> {
  checkInput(input);
  checkRunOptions(options);
  const hasHistory = (options.messages?.length ?? 0) > 0;
  const own = options.model === undefined ? given : withModel(given, options.model);
  const spec = await routed(own, { input, hasHistory, before: undefined });
  const params = await prepared(spec);
  const state = new SessionState();
  state.transcript.seed(options.messages ?? []);
  state.transcript.continueWith(wellFormed(input));
  const { messages } = state.transcript;
  try {
    const inputTokens = await countTokens(spec, params, messages, options.signal);
    const body = firstBody(spec, params, state, hasHistory);
    return { body, inputTokens, worstUsd: worstUsd(spec, { ...params, messages }, inputTokens) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (RunError.is(error)) throw error;
    const keyless = missingKey(spec.account, error);
    if (keyless !== undefined) throw new RunError('config', keyless, { cause: error });
    const lost = lostByApi(error, spec.seams.now());
    throw new RunError(lost.code, lost.message, { cause: error });
  }
}

const RUN_OPTIONS: readonly (keyof RunOptions)[] = ['signal', 'messages', 'model'];

function checkRunOptions(options: RunOptions): void {
  checkOptions('run options', options, RUN_OPTIONS);
  const { signal, messages, model } = options;
  checkSignal(signal);
  checkList('messages', messages);
  const odd = messages?.findIndex((message) => typeof message?.role !== 'string' || !message.content) ?? -1;
  if (odd >= 0)
    throw new ConfigError(
      `messages[${odd}]`,
      `is no message. Hand on the messages of a result; got ${shown(messages?.[odd])}.`,
    );
  if (model !== undefined && (typeof model !== 'string' || model === ''))
    throw new ConfigError('model', `expected a model id, got ${shown(model)}.`);
}

/** The body a run would begin with, cache breakpoints and all: read from the very bytes. */
function firstBody(
  spec: AgentSpec,
  params: RequestParams,
  state: SessionState,
  lasts: boolean,
): Preview['body'] {
  const planner = new CachePlanner({ spec, params, log: state.cache, lasts });
  const now = spec.seams.now();
  const next = { turn: 1, now, differs: false };
  const { bytes } = state.request(params, now, undefined, (size) => planner.plan({ ...next, bytes: size }));
  return JSON.parse(new TextDecoder().decode(bytes));
}
