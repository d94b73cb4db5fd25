import type { PricedUsage } from './pricing.ts';

/**
 * Token counts summed over replies, with the API's field names.
 * `input_tokens` excludes what was read from or written to the prompt cache: the size of a prompt is the sum of
 * `input_tokens`, `cache_creation_input_tokens` and `cache_read_input_tokens`.
 * See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export interface Usage {
  input_tokens: number;
  /** Includes thinking. */
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
  output_tokens_details: { thinking_tokens: number };
  server_tool_use: { web_search_requests: number; web_fetch_requests: number };
}

/** No tokens at all. */
export function emptyUsage(): Usage {
  return {
    input_tokens: 0,
    output_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens_details: { thinking_tokens: 0 },
    server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
  };
}

/** Adds the usage of one reply to `total`, in place. Fields that a server leaves out count as 0. */
export function addUsage(total: Usage, reply: PricedUsage): void {
  total.input_tokens += reply.input_tokens ?? 0;
  total.output_tokens += reply.output_tokens ?? 0;
  total.cache_creation_input_tokens += reply.cache_creation_input_tokens ?? 0;
  total.cache_read_input_tokens += reply.cache_read_input_tokens ?? 0;
  total.cache_creation.ephemeral_5m_input_tokens += reply.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  total.cache_creation.ephemeral_1h_input_tokens += reply.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  total.output_tokens_details.thinking_tokens += reply.output_tokens_details?.thinking_tokens ?? 0;
  total.server_tool_use.web_search_requests += reply.server_tool_use?.web_search_requests ?? 0;
  total.server_tool_use.web_fetch_requests += reply.server_tool_use?.web_fetch_requests ?? 0;
}

/** The same tokens, in an object of its own. */
export function copyUsage(usage: Usage): Usage {
  return map(usage, (tokens) => tokens);
}

/** Divides a usage into parts in the ratio of whole `weights`. What does not divide goes to the first: they add up to it. */
export function shareUsage(usage: Usage, weights: readonly number[]): Usage[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const rest = copyUsage(usage);
  const parts = weights.slice(1).map((weight) => {
    const part = map(usage, (tokens) => Math.floor((tokens * weight) / total));
    addUsage(
      rest,
      map(part, (tokens) => -tokens),
    );
    return part;
  });
  return [rest, ...parts];
}

function map(usage: Usage, change: (tokens: number) => number): Usage {
  return {
    input_tokens: change(usage.input_tokens),
    output_tokens: change(usage.output_tokens),
    cache_creation_input_tokens: change(usage.cache_creation_input_tokens),
    cache_read_input_tokens: change(usage.cache_read_input_tokens),
    cache_creation: {
      ephemeral_5m_input_tokens: change(usage.cache_creation.ephemeral_5m_input_tokens),
      ephemeral_1h_input_tokens: change(usage.cache_creation.ephemeral_1h_input_tokens),
    },
    output_tokens_details: { thinking_tokens: change(usage.output_tokens_details.thinking_tokens) },
    server_tool_use: {
      web_search_requests: change(usage.server_tool_use.web_search_requests),
      web_fetch_requests: change(usage.server_tool_use.web_fetch_requests),
    },
  };
}

/** The size of a prompt, however much of it came from the cache. Fields a server leaves out count as 0. */
export function promptTokensOf(usage: {
  readonly input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
}): number {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = usage;
  return (input_tokens ?? 0) + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0);
}

/**
 * What is in the context after a reply, in tokens: its prompt, and what it wrote. Where the API lists passes, those of the
 * last one that was not for a summary or for advice: the others stand for context that is gone, or was not its own.
 * See https://platform.claude.com/docs/en/build-with-claude/compaction
 */
export function contextOf(usage: PricedUsage): { readonly prompt: number; readonly output: number } {
  const passes = Array.isArray(usage.iterations) ? (usage.iterations as TypedUsage[]) : [];
  const last: TypedUsage = passes.findLast(({ type }) => type !== 'advisor_message') ?? usage;
  // A turn that paused for its summary: nothing was asked with it yet.
  if (last.type === 'compaction') return { prompt: last.output_tokens ?? 0, output: 0 };
  return { prompt: promptTokensOf(last), output: last.output_tokens ?? 0 };
}

type TypedUsage = PricedUsage & { readonly type?: string };
