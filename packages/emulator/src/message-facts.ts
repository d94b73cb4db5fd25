import { checkBlock } from './content-schema.ts';
import { hashOf } from './hash.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, asString, canonicalJson, isObject } from './json.ts';
import { memo } from './memo.ts';
import { measureDocument, measureImage } from './media.ts';

/** What the checks, the token count and the cache need to know of one content block. */
export interface BlockFacts {
  readonly type: string;
  /** Of the block without its cache marker, whatever its key order. */
  readonly hash: number;
  /** The same with the key order as sent: the prompt cache sees bytes. */
  readonly exactHash: number;
  readonly characters: number;
  /** Tokens of images and pages, for models since 4.7 and for older ones. */
  readonly media: { readonly high: number; readonly low: number };
  readonly images: number;
  readonly pages: number;
  /** Lifetime of the cache entry this block marks. */
  readonly ttl: '5m' | '1h' | undefined;
  /** `id` of a call, `tool_use_id` of a result. */
  readonly id: string | undefined;
  /** Whether the block was called from code execution rather than directly. */
  readonly programmatic: boolean;
  readonly textOnly: boolean;
  readonly thinking: { readonly text: string; readonly signature: string } | undefined;
  /** The citation switch of a document or search result. */
  readonly citing: boolean | undefined;
  readonly isEmptyText: boolean;
  /** Whether a text in it carries citations, also inside a tool or search result. */
  readonly hasTextCitations: boolean;
}

/** What the blocks of a message add up to, so that checks of a whole conversation need not visit each block. */
export interface MessageTotals {
  readonly images: number;
  readonly pages: number;
  /** Some document or search result has its citations on; some has them off. */
  readonly citing: boolean;
  readonly notCiting: boolean;
  readonly hasEmptyText: boolean;
  /** Index of the first block with citations in its text, or -1. */
  readonly citedAt: number;
  readonly markers: readonly ('5m' | '1h')[];
}

/** What is known of one message; computed once for each distinct message and shared between requests. */
export interface MessageFacts {
  readonly role: string;
  readonly blocks: readonly BlockFacts[];
  readonly hasSystemExtras: boolean;
  readonly totals: MessageTotals;
  /** The first violation, its path relative to the message, or undefined. */
  readonly problem: string | undefined;
}

const factsOf = memo((json) => readMessage(JSON.parse(json)));

/** The facts of a message. A history is sent again with every request, so they are remembered by the message's JSON. */
export function messageFacts(message: unknown): MessageFacts {
  return factsOf(JSON.stringify(message) ?? 'null');
}

function readMessage(message: unknown): MessageFacts {
  const empty = { role: '', blocks: [], hasSystemExtras: false, totals: totalsOf([]) };
  if (!isObject(message)) return { ...empty, problem: ': Input should be a valid dictionary' };
  const { role, content, ...extras } = message;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    const problem = role === undefined ? 'Field required' : "Input should be 'user', 'assistant' or 'system'";
    return { ...empty, problem: `.role: ${problem}` };
  }
  const list =
    typeof content === 'string' ? (content === '' ? [] : [{ type: 'text', text: content }]) : content;
  if (!Array.isArray(list)) {
    return {
      ...empty,
      role,
      problem: `.content: ${content === undefined ? 'Field required' : 'Input should be a valid list'}`,
    };
  }
  const blocks = list.map((block) => blockFacts(asObject(block)));
  const hasSystemExtras =
    role === 'system' && (Object.keys(extras).length > 0 || blocks.some(({ type }) => type !== 'text'));
  return {
    role,
    blocks,
    hasSystemExtras,
    totals: totalsOf(blocks),
    problem: extraProblem(role, extras) ?? firstProblem(list, role),
  };
}

function totalsOf(blocks: readonly BlockFacts[]): MessageTotals {
  return {
    images: blocks.reduce((sum, { images }) => sum + images, 0),
    pages: blocks.reduce((sum, { pages }) => sum + pages, 0),
    citing: blocks.some(({ citing }) => citing === true),
    notCiting: blocks.some(({ citing }) => citing === false),
    hasEmptyText: blocks.some(({ isEmptyText }) => isEmptyText),
    citedAt: blocks.findIndex(({ hasTextCitations }) => hasTextCitations),
    markers: blocks.flatMap(({ ttl }) => (ttl === undefined ? [] : [ttl])),
  };
}

const systemExtras = new Set(['clear_at', 'output_config']);

function extraProblem(role: string, extras: JsonObject): string | undefined {
  const extra = Object.keys(extras).find((key) => role !== 'system' || !systemExtras.has(key));
  return extra === undefined ? undefined : `.${extra}: Extra inputs are not permitted`;
}

function firstProblem(list: readonly unknown[], role: string): string | undefined {
  for (const [index, block] of list.entries()) {
    const problem = checkBlock(block, role, `.content.${index}`) ?? checkMedia(block, `.content.${index}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkMedia(block: unknown, path: string): string | undefined {
  for (const [inner, place] of withNested(asObject(block), path)) {
    const medium = mediumOf(inner);
    if (medium && 'problem' in medium) return `${place}.${String(inner['type'])}.source: ${medium.problem}`;
  }
  return undefined;
}

function* withNested(block: JsonObject, path: string): Generator<readonly [JsonObject, string]> {
  yield [block, path];
  if (block['type'] !== 'tool_result') return;
  for (const [index, inner] of asArray(block['content']).entries())
    yield [asObject(inner), `${path}.tool_result.content.${index}`];
}

function mediumOf(block: JsonObject): ReturnType<typeof measureImage> | undefined {
  if (block['type'] === 'image') return measureImage(block);
  return block['type'] === 'document' ? measureDocument(block) : undefined;
}

function blockFacts(block: JsonObject): BlockFacts {
  const type = asString(block['type']) ?? '';
  const media = { high: 0, low: 0 };
  let images = 0;
  let pages = 0;
  let citing: boolean | undefined;
  let textOnly = true;
  const plain = withoutMarkers(block);
  for (const [inner] of withNested(block, '')) {
    const medium = mediumOf(inner);
    if (inner !== block && inner['type'] !== 'text') textOnly = false;
    if (inner['type'] === 'document' || inner['type'] === 'search_result') {
      citing = (citing ?? false) || asObject(inner['citations'])['enabled'] === true;
    }
    if (!medium || 'problem' in medium) continue;
    media.high += medium.high;
    media.low += medium.low;
    pages += medium.pages;
    if (inner['type'] === 'image') images++;
  }
  return {
    type,
    hash: hashOf(canonicalJson(plain)),
    exactHash: hashOf(JSON.stringify(plain)),
    characters: characters(block),
    media,
    images,
    pages,
    ttl: ttlOf(block),
    id: asString(block['id']) ?? asString(block['tool_use_id']),
    programmatic: (asString(asObject(block['caller'])['type']) ?? 'direct') !== 'direct',
    textOnly,
    thinking:
      type === 'thinking'
        ? { text: asString(block['thinking']) ?? '', signature: asString(block['signature']) ?? '' }
        : undefined,
    citing,
    isEmptyText: [...withNested(block, '')].some(
      ([inner]) => inner['type'] === 'text' && inner['text'] === '',
    ),
    hasTextCitations: [...withNested(block, '')].some(([inner]) =>
      [inner, ...asArray(inner['content']).map(asObject)].some(cites),
    ),
  };
}

/** The lifetime a cache marker asks for. */
export function ttlOf(block: JsonObject): '5m' | '1h' | undefined {
  const marker = block['cache_control'];
  if (!isObject(marker)) return undefined;
  return marker['ttl'] === '1h' ? '1h' : '5m';
}

/** The block as it counts for prefixes: markers, nulls, empty citations and a direct caller make no difference. */
export function withoutMarkers(value: JsonObject): JsonObject {
  const { cache_control: _marker, citations, caller, ...rest } = value;
  const content = Array.isArray(rest['content'])
    ? rest['content'].map((inner) => (isObject(inner) ? withoutMarkers(inner) : inner))
    : rest['content'];
  return {
    ...rest,
    ...(content !== undefined && { content }),
    ...(citations === null || (Array.isArray(citations) && citations.length === 0) ? {} : { citations }),
    ...(caller === null || asObject(caller)['type'] === 'direct' ? {} : { caller }),
  };
}

/** UTF-16 units that count as text; base64 data counts by its medium instead. */
function characters(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + characters(item), 0);
  if (!isObject(value)) return 4;
  if (value['type'] === 'base64') return 0;
  let sum = 0;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'cache_control' || key === 'signature' || key === 'type') continue;
    sum +=
      key === 'text' || key === 'content' || key === 'thinking'
        ? characters(member)
        : key.length + 4 + characters(member);
  }
  return sum;
}

function cites(block: JsonObject): boolean {
  return block['type'] === 'text' && asArray(block['citations']).length > 0;
}
