import type { JsonObject } from './json.ts';
import { asObject } from './json.ts';
import type { BuiltMessage } from './message.ts';

/** How the prompt of a request divides into plain, written and read tokens. */
export interface PromptTokens {
  readonly input: number;
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
}

/** What the response says about how it was served. */
export interface Served {
  readonly serviceTier: 'standard' | 'priority' | 'batch';
  readonly inferenceGeo: string | null;
  readonly speed: 'standard' | 'fast' | null;
}

/** The usage object of one reply at each point of the stream; scripted overrides win over computed numbers. */
export interface MessageUsage {
  /** In `message_start`: the input side, the TTL split, and an early output number. */
  start(outputTokens: number): JsonObject;
  /** In `message_delta`: cumulative, without the TTL split. */
  delta(outputTokens: number): JsonObject;
  /** In a whole reply, and what is billed after so many output tokens. */
  final(outputTokens: number): JsonObject;
}

/** Computes the usage of a reply. */
export function messageUsage(message: BuiltMessage, prompt: PromptTokens, served: Served): MessageUsage {
  const override = asObject(message.spec.usage);
  const written = prompt.write5m + prompt.write1h;
  const input = {
    input_tokens: prompt.input,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: prompt.read,
  };
  const split = {
    cache_creation: { ephemeral_5m_input_tokens: prompt.write5m, ephemeral_1h_input_tokens: prompt.write1h },
    service_tier: served.serviceTier,
    inference_geo: served.inferenceGeo,
    speed: served.speed,
  };
  const output = (tokens: number): JsonObject => {
    const isWhole = tokens >= message.outputTokens;
    const details =
      message.thinkingTokens > 0 ? { thinking_tokens: Math.min(tokens, message.thinkingTokens) } : null;
    return {
      output_tokens: isWhole ? (override['output_tokens'] ?? tokens) : tokens,
      output_tokens_details: isWhole ? (override['output_tokens_details'] ?? details) : details,
      server_tool_use: serverToolUse(message),
    };
  };
  const { output_tokens: _tokens, output_tokens_details: _details, ...fixed } = override;
  const {
    cache_creation: _creation,
    service_tier: _tier,
    inference_geo: _geo,
    speed: _speed,
    ...cumulative
  } = fixed;
  return {
    start: (tokens) => ({ ...input, ...split, ...output(tokens), ...fixed }),
    delta: (tokens) => ({ ...input, ...output(tokens), ...cumulative }),
    final: (tokens) => ({ ...input, ...split, ...output(tokens), ...fixed }),
  };
}

function serverToolUse({ spec }: BuiltMessage): JsonObject | null {
  const count = (name: string): number =>
    spec.content.filter(
      (block) => block.kind === 'call' && block.type === 'server_tool_use' && block.name === name,
    ).length;
  const [searches, fetches] = [count('web_search'), count('web_fetch')];
  return searches + fetches > 0 ? { web_search_requests: searches, web_fetch_requests: fetches } : null;
}
