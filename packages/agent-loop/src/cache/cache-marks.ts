import type { ContentBlockParam, MessageParam, RequestParams, ToolParam } from '../api.ts';
import { surelyTooShort } from './cache-minimum.ts';
import type { CacheTtl } from './cache-option.ts';
import { type AnyMessage, messageOf } from '../journal/kept-message.ts';
import type { ModelRequest } from '../journal/session-state.ts';

/** The breakpoints of one request, beside those its user has set. */
export interface CacheMarks {
  readonly tools: CacheTtl | null;
  readonly system: CacheTtl | null;
  /** At the end of the conversation. */
  readonly end: CacheTtl | null;
  /** After a message where the conversation ended before, which the end is too far from. */
  readonly earlier: { readonly message: number; readonly ttl: CacheTtl } | null;
  /** Whether the end is marked in its last block instead of by a field of the request. */
  readonly block: boolean;
}

/** No breakpoint of ours. */
export const NO_MARKS: CacheMarks = { tools: null, system: null, end: null, earlier: null, block: false };

/** More are refused. See https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const MOST = 4;

/** The breakpoints that users have set themselves, in prefix order. */
export interface OwnMarks {
  readonly tools: readonly CacheTtl[];
  readonly system: readonly CacheTtl[];
  readonly request: CacheTtl | null;
}

/** Finds the breakpoints that are there already. */
export function ownMarks({ tools = [], system = [], cache_control: request }: RequestParams): OwnMarks {
  const inSystem = typeof system === 'string' ? [] : system;
  return {
    tools: tools.flatMap((tool) => ttlsOf('cache_control' in tool ? tool.cache_control : null)),
    system: inSystem.flatMap((block) => ttlsOf(block.cache_control)),
    request: ttlsOf(request)[0] ?? null,
  };
}

function ttlsOf(marker: { readonly ttl?: CacheTtl } | null | undefined): CacheTtl[] {
  return marker ? [marker.ttl ?? '5m'] : [];
}

/**
 * Fits breakpoints beside those that are there, also in messages: four in all, the least useful left out first; none
 * where its user has set one for the same part; and no hour after five minutes, which the API refuses.
 */
export function fitting(marks: CacheMarks, own: OwnMarks, inMessages: readonly CacheTtl[]): CacheMarks {
  let room = MOST - own.tools.length - own.system.length - inMessages.length - (own.request ? 1 : 0);
  const take = <T>(mark: T | null): T | null => {
    if (mark === null || room <= 0) return null;
    room -= 1;
    return mark;
  };
  const isAfterShort = [...own.tools, ...own.system, ...inMessages].includes('5m');
  const end = take(own.request ? null : isAfterShort ? shortened(marks.end) : marks.end);
  const last = own.request ?? end;
  const system = take(own.system.length > 0 ? null : marks.system);
  const earlier = take(last && inMessages.length === 0 ? marks.earlier : null);
  const tools = take(own.tools.length > 0 ? null : marks.tools);
  const isBeforeHour = [...own.system, ...inMessages, last].includes('1h');
  const systemTtl = own.tools.includes('5m')
    ? isBeforeHour
      ? null
      : shortened(system)
    : lengthened(system, isBeforeHour);
  return {
    tools: lengthened(tools, isBeforeHour || systemTtl === '1h'),
    system: systemTtl,
    end,
    earlier: earlier && last && { ...earlier, ttl: last },
    block: marks.block,
  };
}

function lengthened(ttl: CacheTtl | null, isBeforeHour: boolean): CacheTtl | null {
  return ttl !== null && isBeforeHour ? '1h' : ttl;
}

function shortened(ttl: CacheTtl | null): CacheTtl | null {
  return ttl === null ? null : '5m';
}

/** The fields of a request with its breakpoints. A system prompt that can be marked is a block, marked or not. */
export function withMarks(params: RequestParams, marks: CacheMarks): RequestParams {
  if (marks === NO_MARKS) return params;
  const { tools, system, model } = params;
  const isLong = typeof system === 'string' && system !== '' && !surelyTooShort(model, headBytes(params));
  const blocks = isLong ? [{ type: 'text' as const, text: system }] : system;
  return {
    ...params,
    ...(blocks !== undefined && {
      system: marks.system && typeof blocks !== 'string' ? markedLast(blocks, marks.system) : blocks,
    }),
    ...(tools && { tools: marks.tools ? markedLastTool(tools, marks.tools) : tools }),
    ...(marks.end && !marks.block && { cache_control: markerOf(marks.end) }),
  };
}

/**
 * A request as an object. Platforms of others know markers in blocks, and perhaps not the field of the request that does
 * the same: for them (`knowsField` false) its last block is marked.
 */
export function asObject(
  { params, messages, marks }: Pick<ModelRequest, 'params' | 'messages' | 'marks'>,
  knowsField: boolean,
): RequestParams & { messages: MessageParam[] } {
  const placed = knowsField || marks.end === null ? marks : { ...marks, block: true };
  const marked = markedMessages(messages, placed);
  const { cache_control: field, ...others } = params;
  const fields = field === undefined || (placed.block && marks.end) ? others : params;
  return { ...fields, messages: messages.map((message, index) => marked.get(index) ?? message) };
}

/** Size of the part of a request that stays the same from conversation to conversation. */
export function headBytes({ tools, system }: RequestParams): number {
  return jsonBytes(tools) + jsonBytes(system);
}

const sizes = new WeakMap<object, number>();

function jsonBytes(part: object | string | undefined): number {
  if (part === undefined) return 0;
  if (typeof part === 'string') return part.length;
  const known = sizes.get(part);
  if (known !== undefined) return known;
  const size = JSON.stringify(part).length;
  sizes.set(part, size);
  return size;
}

function markerOf(ttl: CacheTtl): { type: 'ephemeral'; ttl?: '1h' } {
  return ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
}

function markedLast<T extends object>(blocks: readonly T[], ttl: CacheTtl): T[] {
  return blocks.map((block, index) =>
    index === blocks.length - 1 ? { ...block, cache_control: markerOf(ttl) } : block,
  );
}

/** The API takes no marker on a tool that is loaded when it is searched for. */
function markedLastTool(tools: readonly ToolParam[], ttl: CacheTtl): ToolParam[] {
  const last = tools.findLastIndex((tool) => !('defer_loading' in tool && tool.defer_loading));
  return tools.map((tool, index) => (index === last ? { ...tool, cache_control: markerOf(ttl) } : tool));
}

/** Whether some messages carry a marker of these breakpoints. */
export function marksMessages({ earlier, end, block }: CacheMarks): boolean {
  return earlier !== null || (end !== null && block);
}

/** The messages that carry a marker of these breakpoints, by their place. */
export function markedMessages(
  messages: readonly AnyMessage[],
  { earlier, end, block }: CacheMarks,
): ReadonlyMap<number, MessageParam> {
  const marked = new Map<number, MessageParam>();
  if (end && block) markLastBlock(messages, messages.length - 1, end, marked);
  if (earlier) markLastBlock(messages, earlier.message, earlier.ttl, marked);
  return marked;
}

/** Marks the last block that can be marked, up to this message. */
function markLastBlock(
  messages: readonly AnyMessage[],
  from: number,
  ttl: CacheTtl,
  marked: Map<number, MessageParam>,
): void {
  for (let index = from; index >= 0; index -= 1) {
    const found = messages[index];
    if (!found || marked.has(index)) return;
    const message = messageOf(found);
    const content =
      typeof message.content === 'string'
        ? [{ type: 'text' as const, text: message.content }]
        : message.content;
    const last = content.findLastIndex(isMarkable);
    if (last < 0) continue;
    const blocks = content.map((block, place) =>
      place === last ? ({ ...block, cache_control: markerOf(ttl) } as ContentBlockParam) : block,
    );
    marked.set(index, { ...message, content: blocks } as MessageParam);
    return;
  }
}

/** Thinking and empty texts take no marker, nor do blocks that may not be changed at all. */
function isMarkable(block: ContentBlockParam): boolean {
  if (block.type === 'text') return block.text !== '';
  return MARKABLE.has(block.type);
}

const MARKABLE: ReadonlySet<string> = new Set([
  'image',
  'document',
  'search_result',
  'tool_use',
  'tool_result',
]);
