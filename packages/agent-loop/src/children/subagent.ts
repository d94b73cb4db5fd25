import type { AgentSpec } from '../agent/agent-spec.ts';
import type { RunInput } from '../agent/agent.ts';
import type { ContentBlockParam } from '../api.ts';
import { type ChildEnded, ChildLost, ChildRefused, runChild } from './child-run.ts';
import type { ChildRecord } from './child-records.ts';
import { markDelegation } from './delegation.ts';
import { ConfigError, RunError } from '../errors.ts';
import { checkFunction, shown } from '../option-checks.ts';
import type { Outcome, RunResult } from '../loop/result.ts';
import type { RunState } from '../loop/run-state.ts';
import type { InferSchema, Schema } from '../tools/schema.ts';
import { LeftOpen, ServedEnd } from '../tools/tool-call.ts';
import { shapeOutput, type ToolOutput } from '../tools/tool-content.ts';
import { scopeOf } from '../tools/tool-scope.ts';
import { defineTool, type Tool, type ToolBehaviour, type ToolContext } from '../tools/tool.ts';

/** What `agent.asTool` takes. All of it can be left out where the agent has a name and a description. */
export interface SubagentOptions<
  S extends Schema | undefined = undefined,
  O extends Schema | undefined = undefined,
> extends Pick<ToolBehaviour<never>, 'approve' | 'maxResultBytes'> {
  /** Name of the tool. Default: the agent's. */
  readonly name?: string;
  /** What the model chooses by. Default: the agent's description. */
  readonly description?: string;
  /** What is handed over. Default: an object with the text `task`, which becomes the agent's input. */
  readonly input?: S;
  /** Makes the agent's input of what was handed over. Default: its JSON. */
  readonly prompt?: (input: S extends Schema ? InferSchema<S> : { task: string }) => RunInput;
  /** Schema of the answer, which is JSON then. Default: the agent's own, if it has one. */
  readonly output?: O;
  /** Whether the calling agent goes on at once and is told when the subagent has ended. Default false. */
  readonly background?: boolean;
}

/** `SubagentOptions` of any schema. */
export type AnySubagentOptions = Pick<SubagentOptions, 'name' | 'description' | 'background'> &
  Pick<ToolBehaviour<never>, 'approve' | 'maxResultBytes'> & {
    readonly input?: Schema | undefined;
    readonly output?: Schema | undefined;
    readonly prompt?: ((input: never) => RunInput) | undefined;
  };

/** What may stand in them. */
export const SUBAGENT_OPTIONS: readonly (keyof SubagentOptions)[] = [
  'name',
  'description',
  'input',
  'prompt',
  'output',
  'background',
  'approve',
  'maxResultBytes',
];

const TASK = {
  type: 'object',
  properties: {
    task: {
      type: 'string',
      minLength: 1,
      description:
        'The whole task. The subagent sees nothing of this conversation: tell it all it has to know, and what to answer with.',
    },
  },
  required: ['task'],
  additionalProperties: false,
} as const;

const DEFAULT_MAX_RESULT_BYTES = 65_536;

/**
 * A tool that runs an agent. `named` says whether its name was chosen: a subagent needs one, and a description. Of the
 * options all keys are known. The agent runs in a session of its own, as a child of the run that called it.
 */
export function subagentTool(spec: AgentSpec, named: boolean, options: AnySubagentOptions): Tool {
  const {
    description = spec.description,
    input = TASK,
    prompt,
    background = false,
    approve = false,
  } = options;
  const { maxResultBytes = DEFAULT_MAX_RESULT_BYTES } = options;
  if (options.name === undefined && !named)
    throw new ConfigError(
      'subagents',
      'an agent without a name can be no subagent: the model calls it by its name. Give createAgent a name.',
    );
  const name = options.name ?? spec.name;
  if (typeof description !== 'string' || description.trim() === '')
    throw new ConfigError(
      `subagent ${name}: description`,
      'is missing. Say what the agent is for and when to ask it; the model chooses by it.',
    );
  checkFunction(`subagent ${name}: prompt`, prompt);
  if (typeof background !== 'boolean')
    throw new ConfigError(`subagent ${name}: background`, `must be true or false, got ${shown(background)}.`);
  const inputOf = (given: unknown): RunInput =>
    prompt
      ? prompt(given as never)
      : options.input
        ? JSON.stringify(given, null, 2)
        : (given as { task: string }).task;
  const hand = { spec, name, maxResultBytes };
  const tool = defineTool({
    name,
    description,
    input: input as typeof TASK,
    // Called again it goes on where its session was left: nothing of it is done or paid twice.
    effect: 'idempotent',
    approve: approve as boolean,
    maxResultBytes,
    run: (given, ctx) => (background ? runInBackground : runAndWait)(hand, inputOf(given), ctx),
  }) as Tool;
  markDelegation(tool, {
    spec,
    resume: (run, record) => followInBackground(hand, run, record.callId, record),
  });
  return tool;
}

interface Hand {
  readonly spec: AgentSpec;
  /** Name of the tool. */
  readonly name: string;
  readonly maxResultBytes: number;
}

async function runAndWait(
  { spec, name, maxResultBytes }: Hand,
  input: RunInput,
  ctx: ToolContext,
): Promise<ToolOutput> {
  const { run, waiting } = ownScope(name, ctx);
  const task = {
    spec,
    tool: name,
    key: ctx.callId,
    input,
    again: ctx.attempt > 1,
    signal: ctx.signal,
    waiting,
  };
  const ended = await runChild(run, task).catch((error: unknown) => {
    throw endOfProblem(error, name, maxResultBytes);
  });
  const isOpen =
    ended.outcome === 'awaiting-approval' ||
    (ended.outcome === 'stopped' && run.halt.reason?.kind === 'parked');
  if (isOpen) throw new LeftOpen();
  if (ended.outcome === 'completed') return textOfAnswer(ended);
  throw new ServedEnd('error', shapeOutput(problemOf(name, ended), maxResultBytes));
}

/** What the model reads where a child failed or was not run. Other errors are its tool's own. */
function endOfProblem(error: unknown, name: string, maxResultBytes: number): unknown {
  if (RunError.is(error)) return new ServedEnd('error', shapeOutput(problemOf(name, error), maxResultBytes));
  if (error instanceof ChildRefused)
    return new ServedEnd('error', `The subagent "${name}" was not started: ${sentence(error.message)}`);
  if (error instanceof ChildLost)
    return new ServedEnd(
      'unknown',
      `The subagent "${name}" was interrupted, and ${error.message}: what it did is not known. Check before asking it again.`,
    );
  return error;
}

async function runInBackground(hand: Hand, input: RunInput, ctx: ToolContext): Promise<ToolOutput> {
  const { run } = ownScope(hand.name, ctx);
  const { callId } = ctx;
  // An earlier process had started it: it goes on, or has ended, by now.
  if (!(ctx.attempt > 1 && run.state.children.of(callId))) {
    try {
      await new Promise<void>((started, refused) => {
        followInBackground(hand, run, callId, { input }, started, refused);
      });
    } catch (error) {
      throw endOfProblem(error, hand.name, hand.maxResultBytes);
    }
  }
  return `The subagent "${hand.name}" was started in the background. A message will tell you what it found; go on with other work meanwhile.`;
}

function followInBackground(
  { spec, name, maxResultBytes }: Hand,
  run: RunState,
  key: string,
  { input, session }: Pick<ChildRecord, 'input'> & { readonly session?: string },
  onStart?: () => void,
  onFail?: (error: unknown) => void,
): void {
  const tell = (ended: ChildEnded): string => {
    const found =
      RunError.is(ended) || ended.outcome !== 'completed' ? problemOf(name, ended) : textOfAnswer(ended);
    const text = shapeOutput(found, maxResultBytes) as string;
    return `The background subagent "${name}" (call ${key}) has ended.\n\n${text}`;
  };
  run.background.start((waiting) => {
    const task = {
      spec,
      tool: name,
      key,
      input,
      again: session !== undefined,
      waiting,
      background: tell,
      onStart,
    };
    const work = runChild(run, task);
    // How it ended is in the journal, and so the model is told. What kept it from starting is the call's own end.
    work.catch((error: unknown) => onFail?.(error));
    return work;
  });
}

function ownScope(name: string, ctx: ToolContext) {
  const scope = scopeOf(ctx);
  if (scope) return scope;
  throw new Error(
    `The subagent "${name}" runs inside an agent's run only: hand on the very context that your tool was given.`,
  );
}

function textOfAnswer({ output, text }: RunResult): string {
  if (output !== null) return JSON.stringify(output);
  return text.trim() === '' ? 'The subagent has finished without a word.' : text;
}

const ENDS: Readonly<Record<Exclude<Outcome, 'completed' | 'awaiting-approval'>, string>> = {
  'turn-limit': 'reached its limit of turns',
  'budget-limit': 'reached its budget',
  'time-limit': 'reached its time limit',
  refused: 'declined the task',
  truncated: 'was cut off: its answer was longer than its maxTokens',
  'context-full': 'was cut off: its context window is full',
  stopped: 'was stopped',
};

/** Why a child has no answer, and what it had said until then. */
function problemOf(name: string, ended: ChildEnded): string {
  const failed = RunError.is(ended);
  const what = failed ? 'could not go on' : ENDS[ended.outcome as keyof typeof ENDS];
  const why = failed ? ended.message : ended.reason;
  const said = ended.messages
    .flatMap(({ role, content }) => (role === 'assistant' ? textsOf(content) : []))
    .join('\n\n');
  const found = said === '' ? ' It had found nothing yet.' : `\nWhat it had said until then:\n\n${said}`;
  return `The subagent "${name}" ${sentence(`${what}${why ? `: ${why}` : ''}`)}${found}`;
}

/** With a full stop, where it has none of its own, as many errors have. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function textsOf(content: string | readonly ContentBlockParam[]): string[] {
  if (typeof content === 'string') return [content];
  return content.flatMap((block) => (block.type === 'text' && block.text.trim() !== '' ? [block.text] : []));
}
