import type { RequestParams } from '../api.ts';

/** Another model that a request may be answered by, or that may be asked for advice. */
export interface OtherModel {
  readonly model: string;
  /** How often at most. */
  readonly uses: number;
  /** Its longest output in tokens; null for that of the request. */
  readonly maxTokens: number | null;
}

/** What the fields of a request make it cost beside one prompt and one reply. */
export interface HiddenCosts {
  /** How often at most its prompt is read: server tools give the model another pass within the same request. */
  readonly passes: number;
  /** What its prompt may become in a later pass: it stays, grows by what the model writes, or up to the context window. */
  readonly growth: 'none' | 'output' | 'window';
  /** Whether the first prompt holds what only the server knows, such as the tools of an MCP server. */
  readonly opaque: boolean;
  readonly searches: number;
  /** Prompt size in tokens from which a pass is preceded by one that writes a summary; null where none is asked for. */
  readonly compactFrom: number | null;
  readonly fallbacks: readonly OtherModel[];
  readonly advisors: readonly OtherModel[];
  /** The longest-lived cache marker in tools, system prompt or on the request itself. */
  readonly marker: CacheMarker;
  /** Tokens that the API adds to the prompt. */
  readonly added: number;
  /** Why no bound can be given: the field at fault and what to set. Null where there is one. */
  readonly problem: string | null;
}

export type CacheMarker = null | '5m' | '1h';

/** The API pauses a turn after as many passes of server tools. See https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons */
const MAX_SERVER_PASSES = 10;
/**
 * Tokens that the API adds, above all published figures (those of the 5.5 and 5.2 models are not): around a prompt, for
 * tools at all (804 at most), for each tool, for an output format, for tools that the API defines (bash 325, text editor
 * 700, computer toolset about 4,500, browser toolset about 6,600).
 */
const ADDED = { prompt: 256, tools: 1024, tool: 64, format: 1024 };
const ADDED_BY_TYPE: readonly (readonly [RegExp, number])[] = [
  [/^(bash|memory)_\d/, 1024],
  [/^(text_editor|str_replace_based_edit_tool)_?\d/, 1024],
  [/^computer_\d/, 2048],
  [/^computer_toolset_\d/, 6144],
  [/^browser_toolset_\d/, 8192],
];
/** The threshold where an edit names none. See https://platform.claude.com/docs/en/build-with-claude/compaction */
const COMPACT_FROM = 150_000;

interface TypedTool {
  readonly type?: string;
  readonly name?: string;
  readonly max_uses?: number | null;
  readonly max_tokens?: number | null;
  readonly model?: string;
}

const known = new WeakMap<object, HiddenCosts>();

/** What the fields of these requests can cost beside prompt and reply. Looked at once for each object of fields. */
export function hiddenCosts(params: RequestParams): HiddenCosts {
  let costs = known.get(params);
  if (!costs) known.set(params, (costs = lookAt(params)));
  return costs;
}

function lookAt(params: RequestParams): HiddenCosts {
  const fields = params as RequestParams & Record<string, unknown>;
  const tools = ((params.tools ?? []) as readonly TypedTool[]).map(lookAtTool);
  const uses = tools.reduce((sum, { uses: each }) => sum + each, 0);
  const fallbacks = fallbacksOf(fields['fallbacks']);
  const freeCode = tools.some(({ freesCode }) => freesCode);
  const problem =
    tools
      .map((tool) => (tool.runsCode && !freeCode ? CODE_PROBLEM : tool.problem))
      .find((each) => each !== null) ?? (fallbacks === null ? FALLBACK_PROBLEM : null);
  const grows = tools.map(({ growth }) => growth);
  return {
    passes: uses > 0 ? 1 + Math.min(uses, MAX_SERVER_PASSES) : 1,
    growth: grows.includes('window') ? 'window' : grows.includes('output') ? 'output' : 'none',
    opaque: tools.some(({ opaque }) => opaque) || fields['mcp_servers'] !== undefined,
    searches: tools.reduce((sum, { searches }) => sum + searches, 0),
    compactFrom: compactFromOf(fields['context_management']),
    fallbacks: fallbacks ?? [],
    advisors: tools.flatMap(({ advisor }) => advisor ?? []),
    marker: markerIn(JSON.stringify({ ...fields, messages: undefined })),
    added:
      ADDED.prompt +
      (tools.length > 0 ? ADDED.tools : 0) +
      tools.reduce((sum, { added }) => sum + added, 0) +
      (params.output_config?.format ? ADDED.format : 0),
    problem,
  };
}

const CODE_PROBLEM =
  'code execution is billed by the hour of its container, which no reply tells. It is free beside a web search or web fetch tool of 20260209 or later: add one, or take the tool out.';
const FALLBACK_PROBLEM =
  'fallbacks: "default" does not say which models may answer. List them: fallbacks: [{ model: "..." }].';

interface ToolCosts {
  /** Passes it can cause. */
  readonly uses: number;
  readonly growth: HiddenCosts['growth'];
  readonly opaque: boolean;
  readonly searches: number;
  readonly advisor: OtherModel | undefined;
  readonly added: number;
  readonly runsCode: boolean;
  readonly freesCode: boolean;
  readonly problem: string | null;
}

const PLAIN: ToolCosts = {
  uses: 0,
  growth: 'none',
  opaque: false,
  searches: 0,
  advisor: undefined,
  added: ADDED.tool,
  runsCode: false,
  freesCode: false,
  problem: null,
};

function lookAtTool({ type = 'custom', max_uses, max_tokens, model }: TypedTool): ToolCosts {
  if (type === 'custom') return PLAIN;
  const added = ADDED_BY_TYPE.find(([pattern]) => pattern.test(type))?.[1];
  if (added !== undefined) return { ...PLAIN, added };
  const uses = max_uses ?? MAX_SERVER_PASSES;
  const server: ToolCosts = { ...PLAIN, uses, growth: 'window', added: ADDED.tools };
  const [, web, version = ''] = /^(web_search|web_fetch)_(\d{8})/.exec(type) ?? [];
  if (web === 'web_search' && max_uses == null) {
    return {
      ...server,
      problem: `${type} may search any number of times in a request, at 0.01 USD each. Set max_uses on it.`,
    };
  }
  if (web) return { ...server, searches: web === 'web_search' ? uses : 0, freesCode: version >= '20260209' };
  if (type.startsWith('code_execution_')) return { ...server, runsCode: true };
  if (type.startsWith('tool_search_tool_')) return { ...server, growth: 'output' };
  if (type === 'mcp_toolset') return { ...server, opaque: true };
  if (type.startsWith('advisor_')) {
    if (max_uses == null || max_tokens == null || !model)
      return {
        ...server,
        problem: `${type} may ask any number of times, for answers of any length. Set max_uses and max_tokens on it.`,
      };
    return { ...server, growth: 'output', advisor: { model, uses, maxTokens: max_tokens } };
  }
  return { ...server, problem: `what the tool type ${type} costs is not known to this version.` };
}

function fallbacksOf(given: unknown): readonly OtherModel[] | null {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) return null;
  const listed = given as readonly { readonly model?: unknown; readonly max_tokens?: unknown }[];
  if (!listed.every(({ model }) => typeof model === 'string')) return null;
  return listed.map(({ model, max_tokens }) => ({
    model: model as string,
    uses: 1,
    maxTokens: typeof max_tokens === 'number' ? max_tokens : null,
  }));
}

function compactFromOf(management: unknown): number | null {
  const { edits } = (management ?? {}) as {
    readonly edits?: readonly { readonly type?: string; readonly trigger?: { readonly value?: unknown } }[];
  };
  const compact = edits?.find(({ type }) => type?.startsWith('compact_'));
  if (!compact) return null;
  return typeof compact.trigger?.value === 'number' ? compact.trigger.value : COMPACT_FROM;
}

/** Told by the text: a marker can stand on a tool, on a block, or on the request. */
function markerIn(json: string): CacheMarker {
  if (!json.includes('"cache_control":{')) return null;
  return /"ttl":"1h"/.test(json) ? '1h' : '5m';
}

/** The dearest of markers. */
export function dearest(markers: readonly CacheMarker[]): CacheMarker {
  return markers.includes('1h') ? '1h' : markers.includes('5m') ? '5m' : null;
}
