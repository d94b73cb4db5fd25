import type { JsonObject } from './json.ts';
import type { CallSpec, CompactionSpec, TextSpec, ThinkingSpec, WholeSpec } from './types.ts';

/** A text block. */
export function text(value: string, options: { readonly citations?: readonly JsonObject[] } = {}): TextSpec {
  return { kind: 'text', text: value, ...options };
}

/**
 * A thinking block, signed by the emulator when it is sent. On models whose thinking display defaults to omitted the
 * text is left out as the API does it, unless the request asks for a summary or `shown` is true.
 */
export function thinking(
  value: string,
  options: { readonly signature?: string; readonly shown?: boolean } = {},
): ThinkingSpec {
  return { kind: 'thinking', text: value, ...options };
}

/** A redacted thinking block. */
export function redactedThinking(data = 'cGF3bC1yZWRhY3RlZA=='): WholeSpec {
  return whole({ type: 'redacted_thinking', data });
}

/** A client tool call. A string input is raw JSON text, sent as it is, so that cut inputs can be made. */
export function toolUse(name: string, input: JsonObject | string = {}, options: CallOptions = {}): CallSpec {
  return call('tool_use', name, input, options);
}

/** A call of a server tool such as `web_search`. */
export function serverToolUse(
  name: string,
  input: JsonObject | string = {},
  options: CallOptions = {},
): CallSpec {
  return call('server_tool_use', name, input, options);
}

/** Id and further members of a call block. */
export interface CallOptions {
  readonly id?: string;
  readonly fields?: JsonObject;
}

/** A block with an input. */
export function call(
  type: CallSpec['type'],
  name: string,
  input: JsonObject | string,
  options: CallOptions,
): CallSpec {
  const json = typeof input === 'string' ? input : JSON.stringify(input);
  return { kind: 'call', type, name, json, ...options };
}

/** A compaction block; null content stands for a compaction that failed. */
export function compaction(content: string | null): CompactionSpec {
  return { kind: 'compaction', content };
}

/** Any block, sent whole in `content_block_start`: server tool results, fallback blocks, types nobody knows. */
export function whole(block: JsonObject & { readonly type: string }): WholeSpec {
  return { kind: 'whole', block };
}
