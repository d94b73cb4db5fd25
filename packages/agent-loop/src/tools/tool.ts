import type { Logger } from 'pino';
import type { Awaitable, JsonObject, ToolParam } from '../api.ts';
import { ConfigError, messageOf } from '../errors.ts';
import {
  checkCount,
  checkDuration,
  checkFunction,
  checkName,
  checkOptions,
  refuseUnknown,
  shown,
} from '../option-checks.ts';
import {
  type Checked,
  checkedIssues,
  compileSchema,
  type InferSchema,
  requireObject,
  type Schema,
  type Zod4Schema,
} from './schema.ts';
import type { ToolOutput } from './tool-content.ts';

/**
 * What running a tool does to the world, which decides what may happen to an interrupted call.
 *
 * - `read`: nothing; may be repeated freely, and starts while the reply still streams.
 * - `idempotent`: safe to repeat with the same `ctx.idempotencyKey`.
 * - `once`: never repeated blindly.
 */
export type ToolEffect = 'read' | 'idempotent' | 'once';

/** Resource names a call reads or writes. Calls of one turn conflict where one writes what another reads or writes. */
export interface ToolAccess {
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
}

/** What a tool is handed beside its input. */
export interface ToolContext {
  /** Aborted when the run stops or the call times out. */
  readonly signal: AbortSignal;
  /** The id of the call (`tool_use.id`). */
  readonly callId: string;
  /** The same for every try of this call: hand it to services that know idempotency keys. */
  readonly idempotencyKey: string;
  /** Counts the tries of this call from 1. */
  readonly attempt: number;
  readonly runId: string;
  /** The session the run belongs to, or null. */
  readonly sessionId: string | null;
  /** Name of the agent. */
  readonly agent: string;
  readonly logger: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  /** Tells readers how far the tool is. */
  progress(message: string): void;
}

/** The call that may need a decision. */
export interface ApprovalQuestion {
  readonly callId: string;
  readonly runId: string;
  readonly agent: string;
}

/** How a tool behaves. All of it can be left out. */
export interface ToolBehaviour<Input> {
  /** Default `'once'`: never repeated blindly. */
  readonly effect?: ToolEffect;
  /** For `'once'`: asks the outside world whether an interrupted call happened; its result, or undefined for no. */
  readonly reconcile?: (input: Input, ctx: ToolContext) => Awaitable<ToolOutput>;
  /** Resources of a call. Conflicting calls of a turn run one after the other, in call order; the rest in parallel. */
  readonly access?: (input: Input) => Awaitable<ToolAccess | undefined>;
  /** Whether a call needs a decision before it runs. Default false. */
  readonly approve?: boolean | ((input: Input, call: ApprovalQuestion) => Awaitable<boolean>);
  /** Longest time a call may take, in milliseconds. Default: none but the run's own limit. */
  readonly timeoutMs?: number;
  /** Longest result the model gets, in bytes; longer ones are cut with a notice. Default 262,144. */
  readonly maxResultBytes?: number;
}

/** What `defineTool` takes. */
export interface ToolOptions<S extends Schema> extends ToolBehaviour<InferSchema<S>> {
  /** 1 to 64 letters, digits, `_` or `-`. */
  readonly name: string;
  /** What the tool does and when to use it: the model reads this. */
  readonly description: string;
  /** The input, checked before the tool runs: zod 4, zod 3, Standard Schema, or JSON Schema of an object. */
  readonly input: S;
  /** Any other field of the API's tool, such as `strict`, `defer_loading`, `input_examples` or `cache_control`. */
  readonly request?: Readonly<Record<string, unknown>>;
  run(input: InferSchema<S>, ctx: ToolContext): Awaitable<ToolOutput>;
}

/** A tool an agent can call. Made by `defineTool`. */
export interface Tool<Input = unknown> {
  readonly name: string;
  readonly description: string;
  readonly effect: ToolEffect;
  /** Whether calls need a decision: never, always, or depending on the input. */
  readonly approval: 'never' | 'always' | 'depends';
  readonly timeoutMs: number | undefined;
  readonly maxResultBytes: number;
  /** The tool as the API takes it. */
  definition(): Awaitable<ToolParam>;
  /** Checks what the model sent. */
  check(input: unknown): Awaitable<Checked>;
  /** Whether this call needs a decision. Asked only where `approval` is `'depends'`. */
  needsApproval(input: Input, call: ApprovalQuestion): Awaitable<boolean>;
  run(input: Input, ctx: ToolContext): Awaitable<ToolOutput>;
  reconcile?(input: Input, ctx: ToolContext): Awaitable<ToolOutput>;
  access?(input: Input): Awaitable<ToolAccess | undefined>;
  /** Lets go of what a tool of the SDK holds, such as the shell of its bash tool. No run does so: call it when all are over. */
  close?(): Awaitable<void>;
}

/**
 * A tool of the official SDK: `betaZodTool`, `betaTool`, `mcpTools`, the agent toolset, the memory tool.
 * Accepted wherever a tool is.
 */
export interface RunnableTool {
  readonly name: string;
  readonly type?: string | null | undefined;
  readonly description?: string | undefined;
  // Method syntax, so that a tool with a narrower input type fits.
  run(input: never, context?: never): unknown;
  parse?(input: unknown): unknown;
  close?(): Awaitable<void>;
}

const DEFAULT_MAX_RESULT_BYTES = 262_144;

const BEHAVIOUR: readonly (keyof ToolBehaviour<unknown>)[] = [
  'effect',
  'reconcile',
  'access',
  'approve',
  'timeoutMs',
  'maxResultBytes',
];
const OPTIONS = ['name', 'description', 'input', 'request', 'run', ...BEHAVIOUR];
/** Fields of the API's tool that have an option of their own. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  name: 'name',
  description: 'description',
  input_schema: 'input',
};

// The form that is used most stands last: the compiler explains a wrong call by the last one.
/** Gives a tool of the SDK an effect, resource keys, approval or limits. */
export function defineTool(
  runnable: RunnableTool & { readonly input?: never },
  behaviour?: ToolBehaviour<unknown>,
): Tool;
/**
 * Defines a tool. The schema types the input of `run` and of every other callback; the API gets it as JSON Schema.
 * Throws a ConfigError for a bad name, an empty description, an unknown option, or a schema that is not of an object.
 */
export function defineTool<const S extends Schema>(options: ToolOptions<S>): Tool<InferSchema<S>>;
export function defineTool(
  first: UntypedOptions | RunnableTool,
  behaviour: ToolBehaviour<unknown> = {},
): Tool {
  if (typeof first !== 'object' || first === null)
    throw new ConfigError('defineTool', `expected an object of options, got ${shown(first)}.`);
  // Tools of the SDK carry the schema as the API takes it, so `input` and `request` tell the two forms apart.
  return 'input' in first || !('input_schema' in first || 'type' in first)
    ? fromOptions(first as UntypedOptions)
    : fromRunnable(first, behaviour);
}

/** `ToolOptions` of any schema: inferring an input from all possible schemas at once would never end. */
type UntypedOptions = ToolBehaviour<never> &
  Omit<ToolOptions<Zod4Schema>, keyof ToolBehaviour<unknown> | 'input' | 'run'> & {
    readonly input: Schema;
    run(input: never, ctx: ToolContext): Awaitable<ToolOutput>;
  };

/** Accepts a tool in any of its forms. */
export function toTool(tool: Tool | RunnableTool): Tool {
  return 'definition' in tool ? tool : fromRunnable(tool, {});
}

function fromOptions(options: UntypedOptions): Tool {
  const { name, description, request = {} } = options;
  checkName('tool name', name);
  refuseUnknown(`tool ${name}`, options, OPTIONS);
  if (typeof description !== 'string' || description.trim() === '') {
    throw new ConfigError(
      `tool ${name}: description`,
      'is empty. Say what the tool does and when to use it; the model chooses by it.',
    );
  }
  if (typeof options.run !== 'function') throw new ConfigError(`tool ${name}: run`, 'must be a function.');
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new ConfigError(`tool ${name}: request`, `must be an object of fields, got ${shown(request)}.`);
  for (const key of Object.keys(request)) {
    const own = Object.hasOwn(OWN_FIELDS, key) ? OWN_FIELDS[key] : undefined;
    if (own) throw new ConfigError(`tool ${name}: request.${key}`, `has an option of its own. Use ${own}.`);
  }
  const schema = compileSchema(options.input, `tool ${name}: input`);
  const define = (input_schema: JsonObject): ToolParam =>
    ({ ...request, name, description, input_schema }) as ToolParam;
  return {
    ...behave(name, options),
    name,
    description,
    definition() {
      const json = schema.jsonSchema;
      return json instanceof Promise ? json.then(define) : define(json);
    },
    check: (input) => schema.check(input),
    run: (input, ctx) => options.run(input as never, ctx),
  };
}

function fromRunnable(runnable: RunnableTool, behaviour: ToolBehaviour<unknown>): Tool {
  const { name, type, description = '' } = runnable;
  if (typeof runnable.run !== 'function') {
    throw new ConfigError(
      'tools',
      `${shown(name ?? type)} has no run function. Use defineTool, a runnable tool of the SDK, or a server tool such as { type: "web_search_20260318", name: "web_search" }.`,
    );
  }
  checkName('tool name', name);
  checkOptions(`tool ${name}`, behaviour, BEHAVIOUR);
  const definition = Object.fromEntries(
    Object.entries(runnable).filter(([, value]) => typeof value !== 'function'),
  );
  // Tools that the API itself defines (`memory_20250818`, ...) have no schema of their own.
  if (type === undefined || type === null || type === 'custom')
    requireObject((definition['input_schema'] ?? {}) as JsonObject, `tool ${name}: input_schema`);
  return {
    ...behave(name, behaviour),
    name,
    description,
    definition: () => definition as unknown as ToolParam,
    check: (input) => parseWith(runnable, input),
    ...(runnable.close && { close: () => runnable.close?.() }),
    run(input, ctx) {
      const toolUse = { type: 'tool_use', id: ctx.callId, name, input };
      return runnable.run(
        input as never,
        { toolUse, toolUseBlock: toolUse, signal: ctx.signal } as never,
      ) as Awaitable<ToolOutput>;
    },
  };
}

function parseWith(runnable: RunnableTool, input: unknown): Checked {
  if (!runnable.parse) return { ok: true, value: input };
  try {
    return { ok: true, value: runnable.parse(input) };
  } catch (error) {
    // A parse by zod throws its issues, and their JSON as the message.
    const issues = (error as { issues?: unknown } | null)?.issues;
    if (Array.isArray(issues)) return checkedIssues(issues);
    return { ok: false, message: messageOf(error) };
  }
}

function behave(name: string, behaviour: ToolBehaviour<never>) {
  const {
    effect = 'once',
    approve = false,
    timeoutMs,
    maxResultBytes = DEFAULT_MAX_RESULT_BYTES,
    reconcile,
    access,
  } = behaviour;
  const option = `tool ${name}`;
  if (effect !== 'read' && effect !== 'idempotent' && effect !== 'once') {
    throw new ConfigError(
      `${option}: effect`,
      `must be 'read', 'idempotent' or 'once', got ${shown(effect)}.`,
    );
  }
  if (typeof approve !== 'boolean' && typeof approve !== 'function') {
    throw new ConfigError(`${option}: approve`, `must be true, false or a function, got ${shown(approve)}.`);
  }
  checkFunction(`${option}: access`, access);
  checkFunction(`${option}: reconcile`, reconcile);
  if (reconcile && effect !== 'once')
    throw new ConfigError(
      `${option}: reconcile`,
      `is for the effect 'once': a call of the effect '${effect}' is repeated and never reconciled. Leave it out.`,
    );
  checkDuration(`${option}: timeoutMs`, timeoutMs);
  if (maxResultBytes !== Infinity) checkCount(`${option}: maxResultBytes`, maxResultBytes);
  return {
    effect,
    approval:
      typeof approve === 'function'
        ? ('depends' as const)
        : approve
          ? ('always' as const)
          : ('never' as const),
    needsApproval: (input: unknown, call: ApprovalQuestion) =>
      typeof approve === 'function' ? approve(input as never, call) : approve,
    timeoutMs,
    maxResultBytes,
    ...(reconcile && { reconcile }),
    ...(access && { access }),
  };
}
