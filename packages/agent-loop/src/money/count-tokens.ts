import type { AgentSpec } from '../agent/agent-spec.ts';
import type { MessageParam, RequestParams } from '../api.ts';
import { withoutUndefined } from '../option-checks.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest } from '../journal/session-state.ts';

/**
 * The prompt tokens of a request by the API's own count: free, and an estimate. Rejects with what the SDK throws.
 * See https://platform.claude.com/docs/en/build-with-claude/token-counting
 */
export async function countTokens(
  spec: AgentSpec,
  params: RequestParams,
  messages: readonly MessageParam[],
  signal?: AbortSignal,
): Promise<number> {
  const { model, system, tools, tool_choice, thinking, output_config } = params;
  const counted = withoutUndefined({
    model,
    system,
    tools,
    tool_choice,
    thinking,
    output_config,
    messages: [...messages],
  });
  const client = await spec.client();
  const options = signal ? { signal } : {};
  const { input_tokens } =
    spec.betas.length > 0 && client.beta
      ? await client.beta.messages.countTokens({ ...counted, betas: [...spec.betas] } as never, options)
      : await client.messages.countTokens(counted as never, options);
  return input_tokens;
}

/** How long a count is waited for, in milliseconds: a request must not hang for an estimate. */
const PATIENCE_MS = 5000;

/** The same for a request of a run, no longer than the run lasts; null where the count can not be had. */
export async function countPrompt(run: RunState, { params, messages }: ModelRequest): Promise<number | null> {
  const stop = new AbortController();
  const detach = run.halt.on(() => stop.abort());
  const cancel = run.seams.timer(PATIENCE_MS, () => stop.abort());
  try {
    return await countTokens(run.spec, params, messages, stop.signal);
  } catch (error) {
    run.logger.debug({ err: error }, 'the prompt could not be counted');
    return null;
  } finally {
    cancel();
    detach();
  }
}
