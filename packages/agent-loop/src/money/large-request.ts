import { windowOf } from './context-window.ts';
import { countPrompt } from './count-tokens.ts';
import { estimatePrompt, type PromptEstimate } from './prompt-estimate.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest, SessionState } from '../journal/session-state.ts';

/** The share of the context window from which a request is large. */
const LARGE = 0.5;
/** The share from which its end is near. */
export const NEARLY_FULL = 0.8;

const counts = new WeakMap<SessionState, { readonly bytes: number; readonly tokens: number }>();

/** How large the prompt of a request will be: as it was counted, where it was. */
export function promptOf({ state }: RunState, request: ModelRequest): PromptEstimate {
  const counted = counts.get(state);
  if (counted?.bytes !== request.bytes.length) return estimatePrompt(state.cache.last, request);
  const { tokens } = counted;
  return { tokens, least: tokens, most: tokens };
}

/**
 * Has a large request counted, which is free, where that decides something: whether its prompt fits the context window,
 * nearly fills it, or is so long that every token of it is dearer. Where it does not fit, the run ends as `context-full`
 * before the request is sent. Undefined, and no time taken, for any other request.
 */
export function countIfLarge(run: RunState, request: ModelRequest): Promise<void> | undefined {
  const { countFrom } = run.spec;
  if (countFrom === false) return undefined;
  const { least, most } = promptOf(run, request);
  const { model } = request.params;
  const window = windowOf(model);
  const band = run.spec.pricing.rates.dearAbove(model, run.seams.now());
  const large = countFrom ?? Math.min(window * LARGE, band ?? Infinity);
  if (most < large) return undefined;
  const isOpen = [band, window * NEARLY_FULL, window].some(
    (edge) => edge !== null && least < edge && edge < most,
  );
  return isOpen ? count(run, request, window) : undefined;
}

async function count(run: RunState, request: ModelRequest, window: number): Promise<void> {
  const tokens = await countPrompt(run, request);
  // Budgets need not ask again.
  run.assess(request).glance.count(tokens);
  if (tokens === null) return;
  counts.set(run.state, { bytes: request.bytes.length, tokens });
  if (tokens <= window) return;
  const { model } = request.params;
  const reason = `the prompt has ${tokens} tokens, and the context window of ${model} ${window}: it was not sent`;
  run.halt.trip({ kind: 'context-full', reason });
}
