import type { AgentSpec } from '../agent/agent-spec.ts';
import type { MessageParam, RequestParams } from '../api.ts';
import { RunError } from '../errors.ts';
import { withoutUndefined } from '../option-checks.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest } from '../journal/session-state.ts';

/**
 * The prompt tokens of a request by the API's own count: free, and an estimate. Rejects with what the SDK throws, and with
 * a RunError `bad-reply` for an answer that is no count.
 * See https://platform.claude.com/docs/en/build-with-claude/token-counting
 */
export async function countTokens(
  spec: AgentSpec,
  params: RequestParams,
  messages: readonly MessageParam[],
  signal?: AbortSignal,
): Promise<number> {
  const { model, system, tools, tool_choice, thinking, output_config } = params;
  // What the server leaves out is not counted.
  const { context_management } = params as { readonly context_management?: unknown };
  const counted = withoutUndefined({
    model,
    system,
    tools,
    tool_choice,
    thinking,
    output_config,
    context_management,
    messages: [...messages],
  });
  const client = await spec.client();
  const options = signal ? { signal } : {};
  const answer: unknown =
    spec.betas.length > 0 && client.beta
      ? await client.beta.messages.countTokens({ ...counted, betas: [...spec.betas] } as never, options)
      : await client.messages.countTokens(counted as never, options);
  return countIn(answer);
}

/** A server that knows no such path may answer it with a page, a stream or anything else. */
function countIn(answer: unknown): number {
  const { input_tokens: tokens } = Object(answer) as { readonly input_tokens?: unknown };
  if (Number.isSafeInteger(tokens) && (tokens as number) >= 0) return tokens as number;
  throw new RunError(
    'bad-reply',
    'The server answered a token count with something that is none. Does it have /v1/messages/count_tokens?',
  );
}

/** How long a count is waited for, in milliseconds: a request must not hang for an estimate. */
const PATIENCE_MS = 5000;

/** Models that were not known to the count of an account's server, or servers that have none: they are not asked again. */
const uncounted = new WeakMap<object, Set<string>>();

/** The same for a request of a run, no longer than the run lasts; null where the count can not be had. */
export async function countPrompt(run: RunState, { params, messages }: ModelRequest): Promise<number | null> {
  if (uncounted.get(run.spec.account)?.has(params.model)) return null;
  const stop = new AbortController();
  const detach = run.halt.on(() => stop.abort());
  const cancel = run.seams.timer(PATIENCE_MS, () => stop.abort());
  try {
    return await countTokens(run.spec, params, messages, stop.signal);
  } catch (error) {
    if (isMissing(error)) forgo(run, params.model);
    else run.logger.debug({ err: error }, 'the prompt could not be counted');
    return null;
  } finally {
    cancel();
    detach();
  }
}

/** Whether the server shows that it has no such endpoint: by 404, 405 or 501, or by an answer that is no count. */
function isMissing(error: unknown): boolean {
  if (RunError.is(error)) return error.code === 'bad-reply';
  const { status } = Object(error) as { readonly status?: unknown };
  return status === 404 || status === 405 || status === 501;
}

function forgo({ spec, logger }: RunState, model: string): void {
  const models = uncounted.get(spec.account) ?? new Set();
  uncounted.set(spec.account, models.add(model));
  logger.warn({ model }, 'the server does not count prompts: they are taken for as long as they can be');
}
