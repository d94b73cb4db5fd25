import type { ToolResultBlock } from '../api.ts';
import { type Base64Source, imageProblem, pdfProblem } from './result-media.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFilled: Check = (value) => typeof value === 'string' && value !== '';
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const anyOf =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** An object of these fields and no others: the API permits no extra ones. */
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) &&
    Object.keys(value).every((key) => Object.hasOwn(fields, key)) &&
    Object.entries(fields).every(([key, check]) => check(value[key]));
/** A content block of these fields. A marker of the cache may stand in any: `sendable` takes it out. */
const block = (type: string, fields: Readonly<Record<string, Check>>): Check =>
  object({ type: oneOf(type), cache_control: () => true, ...fields });

const bytes = (problem: (source: Base64Source) => string | undefined): Check => {
  const isBytes = object({ type: oneOf('base64'), media_type: isText, data: isText });
  return (value) => isBytes(value) && problem(value as Base64Source) === undefined;
};
const url = object({ type: oneOf('url'), url: isFilled });
const file = object({ type: oneOf('file'), file_id: isFilled });

const citations = optional(object({ enabled: optional(oneOf(true, false)) }));
/** Citing is for the model: the API takes no text of a user that cites. */
const uncited = optional((value) => Array.isArray(value) && value.length === 0);
const text = block('text', { text: isText, citations: uncited });
const innerText = block('text', { text: isFilled, citations: uncited });
const image = block('image', {
  source: anyOf(bytes(imageProblem), url, file),
  transformations: optional(object({ oversized_image: optional(oneOf('downsize', 'error')) })),
});
const document = block('document', {
  source: anyOf(
    bytes(pdfProblem),
    url,
    file,
    object({ type: oneOf('text'), media_type: oneOf('text/plain'), data: isFilled }),
    object({ type: oneOf('content'), content: anyOf(isFilled, listOf(anyOf(innerText, image))) }),
  ),
  title: optional(isText),
  context: optional(isText),
  citations,
});
const searchResult = block('search_result', {
  source: isText,
  title: isText,
  content: listOf(innerText),
  citations,
});
const toolReference = block('tool_reference', { tool_name: isFilled });
/** As https://platform.claude.com/docs/en/api/messages has them. A `browser_state` answers a browser toolset, which does not run here. */
const isBlock = anyOf(text, image, document, searchResult, toolReference);

/**
 * The content blocks that a value is, or undefined for data that only looks like some. A block that the API refuses must
 * not get into a transcript: every later request of the session would be refused with it.
 *
 * Throws a TypeError for an image or a PDF that the API would refuse: as text it would tell nobody anything.
 */
export function contentBlocks(value: unknown): readonly ToolResultBlock[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  if (value.every(isBlock)) return value as ToolResultBlock[];
  for (const item of value) if (holdsBytes(item) && !isBlock(item)) throw new TypeError(refusal(item));
  return undefined;
}

type WithBytes = { readonly type: 'image' | 'document'; readonly source: Base64Source };

function holdsBytes(value: unknown): value is WithBytes {
  if (!isObject(value) || !oneOf('image', 'document')(value['type'])) return false;
  const { source } = value;
  return isObject(source) && source['type'] === 'base64' && isText(source['data']);
}

function refusal({ type, source }: WithBytes): string {
  const isImage = type === 'image';
  const problem = (isImage ? imageProblem : pdfProblem)(source) ?? 'it has fields that the API does not know';
  const instead = isImage
    ? 'a JPEG, PNG, GIF or WebP in base64 with its own media_type, of at most 10 MiB and 8,000 pixels a side'
    : 'a PDF in base64 with the media_type application/pdf';
  return `The tool returned ${isImage ? 'an image' : 'a document'} that the API refuses: ${problem}. Return ${instead}, or text.`;
}

/**
 * A block as the API takes it, or undefined for an empty text, which it refuses. Markers of the cache are left out: with
 * one in every result a conversation soon had more than the four that are allowed.
 */
export function sendable({ cache_control: _, ...given }: ToolResultBlock): ToolResultBlock | undefined {
  return given.type === 'text' && given.text === '' ? undefined : wellFormed(given);
}

/** Half of a surrogate pair has no UTF-8 form, and the API refuses a request that holds one. */
function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return (value.isWellFormed() ? value : value.toWellFormed()) as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, wellFormed(part)])) as T;
}
