import { type AgentOptions, toSpec } from './agent-options.ts';
import { type AgentStream, openStream } from './agent-stream.ts';
import type { AgentSpec } from './agent-spec.ts';
import type { ContentBlockParam, MessageParam, RequestParams } from './api.ts';
import { ConfigError, messageOf, RunError } from './errors.ts';
import type { AgentEvent } from './events.ts';
import { Halt } from './halt.ts';
import { memoryJournal } from './journal.ts';
import { runLogger } from './logger.ts';
import type { RunResult } from './result.ts';
import { runLoop } from './run.ts';
import { RunState } from './run-state.ts';
import type { InferSchema, Schema } from './schema.ts';
import { lostByApi } from './lost-reply.ts';
import { Transcript } from './transcript.ts';

/** What a run starts with: text, or content blocks (text, images, documents, search results). */
export type RunInput = string | readonly ContentBlockParam[];

/** Options of one run. */
export interface RunOptions {
  /** Stops the run when aborted, like `stop()`. */
  readonly signal?: AbortSignal;
  /** Messages to continue, such as `result.messages` of an earlier run. Sent as they are; open tool calls are answered. */
  readonly messages?: readonly MessageParam[];
}

/** The exact request a run would begin with, and its size. */
export interface Preview {
  readonly body: RequestParams & { readonly messages: readonly MessageParam[] };
  /** Prompt tokens by the API's own count, an estimate. */
  readonly inputTokens: number;
}

/** An agent: a model with a system prompt, tools and limits. Stateless and reusable; runs do not influence each other. */
export interface Agent<Output = never> {
  readonly name: string;
  readonly description: string | undefined;
  readonly model: string;
  readonly limits: AgentSpec['limits'];
  /** Runs to the end. Rejects with a RunError where the run cannot go on; limits and refusals are outcomes. */
  run(input: RunInput, options?: RunOptions): Promise<RunResult<Output>>;
  /** Runs and tells every event as it happens. */
  stream(input: RunInput, options?: RunOptions): AgentStream<Output>;
  /** The exact request `run` would begin with and its prompt tokens. Sends nothing but a token count, which is free. */
  preview(input: RunInput, options?: Pick<RunOptions, 'messages' | 'signal'>): Promise<Preview>;
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
  return {
    name: spec.name,
    description: spec.description,
    model: spec.model,
    limits: spec.limits,
    run: (input, runOptions) => start<OutputOf<O>>(spec, input, runOptions, undefined).result,
    stream: (input, runOptions) => openStream((sink) => start<OutputOf<O>>(spec, input, runOptions, sink)),
    preview: (input, runOptions) => preview(spec, input, runOptions),
  };
}

interface Started<Output> {
  readonly runId: string;
  readonly result: Promise<RunResult<Output>>;
  readonly stop: (reason: string) => void;
}

function start<Output>(
  spec: AgentSpec,
  input: RunInput,
  options: RunOptions = {},
  sink: ((event: AgentEvent) => void) | undefined,
): Started<Output> {
  const runId = spec.seams.id('run');
  const halt = new Halt();
  const result = begin(spec, runId, halt, input, options, sink) as Promise<RunResult<Output>>;
  return { runId, result, stop: (reason) => halt.trip({ kind: 'stopped', reason }) };
}

async function begin(
  spec: AgentSpec,
  runId: string,
  halt: Halt,
  input: RunInput,
  options: RunOptions,
  sink: ((event: AgentEvent) => void) | undefined,
): Promise<RunResult<unknown>> {
  checkInput(input);
  const { signal, messages: history = [] } = options;
  const onAbort = (): void => halt.trip({ kind: 'stopped', reason: abortReason(signal) });
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const params = await prepared(spec);
    const logger = await runLogger(spec.logger, { runId, agent: spec.name });
    const run = new RunState({ spec, runId, halt, journal: memoryJournal(), logger, params, history, sink });
    return await runLoop(run, input);
  } finally {
    // `once` alone would leak a listener per run on a signal that is never aborted.
    signal?.removeEventListener('abort', onAbort);
  }
}

/** A schema whose converter had to be loaded first can turn out unusable only here. */
async function prepared(spec: AgentSpec): Promise<RequestParams> {
  try {
    return await spec.params();
  } catch (error) {
    throw new RunError('config', messageOf(error), { cause: error });
  }
}

async function preview(spec: AgentSpec, input: RunInput, options: RunOptions = {}): Promise<Preview> {
  checkInput(input);
  const params = await prepared(spec);
  const transcript = new Transcript();
  transcript.seed(options.messages ?? []);
  transcript.continueWith(input);
  const body = { ...params, messages: transcript.messages };
  const { model, system, tools, tool_choice, thinking, output_config } = params;
  const counted = {
    model,
    system,
    tools,
    tool_choice,
    thinking,
    output_config,
    messages: [...body.messages],
  };
  const client = await spec.client();
  const requestOptions = options.signal ? { signal: options.signal } : {};
  try {
    const { input_tokens } =
      spec.betas.length > 0 && client.beta
        ? await client.beta.messages.countTokens(
            { ...counted, betas: [...spec.betas] } as never,
            requestOptions,
          )
        : await client.messages.countTokens(withoutUndefined(counted) as never, requestOptions);
    return { body, inputTokens: input_tokens };
  } catch (error) {
    options.signal?.throwIfAborted();
    const lost = lostByApi(error, spec.seams.now());
    throw new RunError(lost.code as RunError['code'], lost.message, { cause: error });
  }
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
}

function checkInput(input: RunInput): void {
  if (typeof input === 'string' ? input.trim() !== '' : Array.isArray(input) && input.length > 0) return;
  const got =
    typeof input === 'string' ? 'an empty text' : Array.isArray(input) ? 'an empty list' : typeof input;
  throw new ConfigError('input', `expected a text or content blocks, got ${got}.`);
}

function abortReason(signal: AbortSignal | undefined): string {
  const reason: unknown = signal?.reason;
  if (typeof reason === 'string') return reason;
  return reason instanceof Error ? reason.message : 'the signal was aborted';
}
