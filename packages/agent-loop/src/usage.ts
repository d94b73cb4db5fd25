import type { ReplyUsage } from './api.ts';

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

/** Adds the usage of one reply to `total`, in place. Fields a server leaves out count as 0. */
export function addUsage(total: Usage, reply: Partial<ReplyUsage>): void {
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

/** The size of a prompt, however much of it came from the cache. Fields a server leaves out count as 0. */
export function promptTokensOf(usage: {
  readonly input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
}): number {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = usage;
  return (input_tokens ?? 0) + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0);
}
