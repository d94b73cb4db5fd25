import { type AgentEvent, ConfigError } from '@pawl/agent-loop';
import { openProgress, type ProgressOptions } from './progress-view.ts';

/**
 * Shows a run on a terminal as it goes: the tree of agents, running tools, waits, tokens and money; plain lines where it is
 * no terminal. Reads the stream to its end, events of subagents included, and resolves with its result. A run that fails
 * is shown as such, and its error is thrown on. Rejects with a ConfigError for what has no events.
 */
export function renderProgress<Result>(
  stream: AsyncIterable<AgentEvent> & { readonly result: Promise<Result> },
  options?: ProgressOptions,
): Promise<Result>;
/** The same for events that have no result, such as those of a journal. */
export function renderProgress(stream: AsyncIterable<AgentEvent>, options?: ProgressOptions): Promise<void>;
export async function renderProgress(
  stream: AsyncIterable<AgentEvent> & { readonly result?: Promise<unknown> },
  options: ProgressOptions = {},
): Promise<unknown> {
  checkStream(stream);
  const view = openProgress(options);
  try {
    for await (const event of stream) view.show(event);
  } finally {
    view.close();
  }
  return stream.result;
}

function checkStream(stream: unknown): void {
  const given = Object(stream) as Record<PropertyKey, unknown>;
  if ([Symbol.asyncIterator, Symbol.iterator].some((key) => typeof given[key] === 'function')) return;
  const got =
    typeof given['then'] === 'function'
      ? 'a promise, such as run() gives'
      : typeof given['stream'] === 'function'
        ? 'an agent or a session'
        : 'something without events';
  throw new ConfigError(
    'renderProgress',
    `expected a stream of events, got ${got}. Give it agent.stream(...) or session.stream(...): it resolves with the result.`,
  );
}
