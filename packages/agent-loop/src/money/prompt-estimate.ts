import type { ContentBlockParam } from '../api.ts';
import type { LastContext } from '../cache/cache-log.ts';
import { type AnyMessage, KeptMessage } from '../journal/kept-message.ts';
import type { ModelRequest } from '../journal/session-state.ts';

/** How large the prompt of a request will be, in tokens. */
export interface PromptEstimate {
  /** Probably. */
  readonly tokens: number;
  /** At least, and at most: Infinity where only the server can tell. */
  readonly least: number;
  readonly most: number;
}

/** Of text. What is denser or looser than these is rare, and is counted where it matters. */
const TOKENS_PER_BYTE = { usual: 0.3, least: 0.2, most: 0.5 };
/** See https://platform.claude.com/docs/en/build-with-claude/vision: at most so many, and often a third of that. */
const IMAGE_TOKENS = { usual: 1600, most: 4784 };
/** Of a page or two; nobody but the server knows how many a document has. */
const DOCUMENT_TOKENS = 5000;
/** From so many new bytes on it is looked whether they are text. */
const LOOKED_INTO = 20_000;

/**
 * Reckons from the last reply, which tells the size of its prompt, and the bytes since. A byte-level tokenizer makes at
 * most one token of a byte.
 */
export function estimatePrompt(
  last: LastContext | null,
  request: Pick<ModelRequest, 'all' | 'bytes'>,
): PromptEstimate {
  const { prompt, output, bytes: before } = last ?? { prompt: 0, output: 0, bytes: 0 };
  const grown = Math.max(request.bytes.length - before, 0);
  const { data, images, documents } = grown > LOOKED_INTO ? mediaIn(newOf(request.all, last)) : NO_MEDIA;
  const text = Math.max(grown - data, 0);
  const perByte = last
    ? Math.min(Math.max(prompt / before, TOKENS_PER_BYTE.least), TOKENS_PER_BYTE.most)
    : TOKENS_PER_BYTE.usual;
  return {
    tokens: Math.round(prompt + text * perByte + images * IMAGE_TOKENS.usual + documents * DOCUMENT_TOKENS),
    least: prompt,
    most: documents > 0 ? Infinity : prompt + output + text + images * IMAGE_TOKENS.most,
  };
}

interface Media {
  /** Bytes of base64. */
  readonly data: number;
  readonly images: number;
  readonly documents: number;
}
const NO_MEDIA: Media = { data: 0, images: 0, documents: 0 };

/** What has joined since the last reply. */
function newOf(messages: readonly AnyMessage[], last: LastContext | null): readonly AnyMessage[] {
  return last ? messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1) : messages;
}

function mediaIn(messages: readonly AnyMessage[]): Media {
  return messages
    .map((message) =>
      message instanceof KeptMessage || typeof message.content === 'string'
        ? NO_MEDIA
        : inBlocks(message.content),
    )
    .reduce(sum, NO_MEDIA);
}

function inBlocks(blocks: readonly ContentBlockParam[]): Media {
  return (blocks as readonly Viewed[]).map(inBlock).reduce(sum, NO_MEDIA);
}

function inBlock({ type, source, content }: Viewed): Media {
  const inside = Array.isArray(content) ? inBlocks(content as readonly ContentBlockParam[]) : NO_MEDIA;
  const data = source?.type === 'base64' ? (source.data?.length ?? 0) : 0;
  if (type === 'image') return sum(inside, { data, images: 1, documents: 0 });
  const isText = source?.type === 'text' || source?.type === 'content';
  if (type === 'document' && !isText) return sum(inside, { data, images: 0, documents: 1 });
  return inside;
}

interface Viewed {
  readonly type: string;
  readonly source?: { readonly type?: string; readonly data?: string };
  readonly content?: unknown;
}

function sum(one: Media, other: Media): Media {
  return {
    data: one.data + other.data,
    images: one.images + other.images,
    documents: one.documents + other.documents,
  };
}
