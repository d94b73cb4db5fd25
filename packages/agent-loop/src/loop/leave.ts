import { admit, isRefusal, type Permit } from './admission.ts';
import type { RequestParams } from '../api.ts';
import { countIfLarge } from '../money/large-request.ts';
import type { RunState } from './run-state.ts';
import type { ModelRequest, RequestChanges } from '../journal/session-state.ts';

/** A request and the leave to send it. */
export interface Admitted {
  readonly request: ModelRequest;
  readonly permit: Permit;
}

/** The shortest reply, in tokens, that a working request is cut down to; below it the model is asked to finish. */
const SHORTEST_REPLY = 1024;
/** The shortest closing answer, in tokens, that is worth asking for. */
export const SHORTEST_CLOSING = 256;

const CLOSING =
  'The budget of this run does not allow another step. Do not call tools. Finish now, in a short answer, with what you have found so far, and say what is missing.';

/**
 * The next request of a run, and leave to send it. Where a budget has no room for it as it is, its longest reply is cut
 * down; where that would be too short, the model is asked for a closing answer without tools; where there is no room for
 * that either, the run ends as `budget-limit`. Null where the run ends, or was stopped.
 */
export async function askLeave(
  run: RunState,
  { turn, attempt }: { readonly turn: number; readonly attempt: number },
): Promise<Admitted | null> {
  let maxTokens = run.params.max_tokens;
  for (;;) {
    const closing = run.state.run?.closing ?? false;
    const request = run.request(changesOf(run.params, maxTokens, closing));
    const counting = run.halt.reason ? undefined : countIfLarge(run, request);
    if (counting) await counting;
    if (run.halt.reason) return null;
    const answer = await admit(run, { turn, attempt, request, ...(closing && { closing }) });
    if (!answer) return null;
    if (!isRefusal(answer)) return { request, permit: answer };
    const { fits = 0, fitsClosing = 0, refused } = answer;
    if (fits < maxTokens && fits >= shortestReply(run.params, closing)) {
      maxTokens = fits;
    } else if (!closing && fitsClosing >= shortestReply(run.params, true)) {
      await run.record({ type: 'input', source: 'budget', content: CLOSING });
      maxTokens = Math.min(run.params.max_tokens, fitsClosing);
    } else {
      run.halt.trip({ kind: 'budget-limit', reason: refused });
      return null;
    }
  }
}

/** Undefined where the request is like all others of the run: its bytes need no copy then. */
function changesOf(
  { max_tokens, tools }: RequestParams,
  maxTokens: number,
  closing: boolean,
): RequestChanges | undefined {
  // The tools stay, for the history is signed over them: they may only not be called.
  const withoutCalls = closing && (tools?.length ?? 0) > 0;
  if (maxTokens === max_tokens && !withoutCalls) return undefined;
  return { max_tokens: maxTokens, ...(withoutCalls && { tool_choice: { type: 'none' } }) };
}

/**
 * The shortest reply that is asked for, in tokens. A budget of thinking has to be below `max_tokens`:
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
export function shortestReply({ max_tokens, thinking }: RequestParams, closing: boolean): number {
  const own = closing ? SHORTEST_CLOSING : SHORTEST_REPLY;
  const thought = thinking?.type === 'enabled' ? thinking.budget_tokens : 0;
  return Math.min(max_tokens, own + thought);
}
