import { call, compaction, redactedThinking, text, thinking, whole } from './blocks.ts';
import type { JsonObject } from './json.ts';
import { isObject } from './json.ts';
import {
  isAnyObject,
  isListOf,
  isObjectOrNull,
  isOneOf,
  isOptions,
  isSwitch,
  isText,
  isTextOrNull,
  refuse,
} from './option-checks.ts';
import type { Check } from './option-checks.ts';
import type { Anthropic } from './sdk.ts';
import type { BlockSpec, CallSpec, CompactionSpec, TextSpec, ThinkingSpec, WholeSpec } from './types.ts';

/** What a block of a reply may be given as: a block of this package or of the API, or a text. */
export type ReplyContent =
  | string
  | BlockSpec
  | Anthropic.ContentBlock
  | Anthropic.Beta.Messages.BetaContentBlockParam;

const EXPECTED = "a block such as text('...') or toolUse('name', { ... }), a block of the API, or a text";

const isKind: Check = () => undefined;
const isCallType = isOneOf('tool_use', 'server_tool_use', 'mcp_tool_use');
const isInput: Check = (value, where) => {
  if (typeof value !== 'string' && !isObject(value)) refuse(where, 'an object, or JSON as a text', value);
};
const isApiBlock: Check = (value, where) => {
  if (!isObject(value) || typeof value['type'] !== 'string') refuse(where, 'an object with a type', value);
};
const areCitations: Check = (value, where) => {
  if (value !== null) isListOf(isAnyObject)(value, where);
};

const SPECS: Readonly<Record<string, Check>> = {
  text: isOptions<TextSpec>({ kind: isKind, text: isText, citations: isListOf(isAnyObject) }, ['text']),
  thinking: isOptions<ThinkingSpec>({ kind: isKind, text: isText, signature: isText, shown: isSwitch }, [
    'text',
  ]),
  call: isOptions<CallSpec>(
    {
      kind: isKind,
      type: isCallType,
      id: isText,
      name: isText,
      json: isText,
      fields: isAnyObject,
    },
    ['type', 'name', 'json'],
  ),
  compaction: isOptions<CompactionSpec>({ kind: isKind, content: isTextOrNull }, ['content']),
  whole: isOptions<WholeSpec>({ kind: isKind, block: isApiBlock }, ['block']),
};

type FromApi = (block: object, where: string) => BlockSpec;

/** Checks a block of the API, then turns it into one of this package. */
function from<T extends object>(
  checks: Readonly<Record<keyof T & string, Check>>,
  required: readonly (keyof T & string)[],
  make: (block: T) => BlockSpec,
): FromApi {
  const check = isOptions<T>(checks, required);
  return (block, where) => {
    check(block, where);
    return make(block as T);
  };
}

interface ApiCall {
  readonly type: CallSpec['type'];
  readonly id?: string;
  readonly name: string;
  readonly input?: JsonObject | string;
  readonly caller?: JsonObject | null;
  readonly toolset_name?: string | null;
  readonly server_name?: string;
}

const fromCall = from<ApiCall>(
  {
    type: isKind,
    id: isText,
    name: isText,
    input: isInput,
    caller: isObjectOrNull,
    toolset_name: isTextOrNull,
    server_name: isText,
  },
  ['name'],
  ({ type, id, name, input = {}, ...fields }) =>
    call(type, name, input, {
      ...(id !== undefined && { id }),
      ...(Object.keys(fields).length > 0 && { fields }),
    }),
);

/** Blocks that stream in pieces. All others are sent whole. */
const API_BLOCKS: Readonly<Record<string, FromApi>> = {
  text: from<{ readonly type: 'text'; readonly text: string; readonly citations?: JsonObject[] | null }>(
    { type: isKind, text: isText, citations: areCitations },
    ['text'],
    ({ text: value, citations }) => text(value, citations ? { citations } : {}),
  ),
  thinking: from<{ readonly type: 'thinking'; readonly thinking: string; readonly signature?: string }>(
    { type: isKind, thinking: isText, signature: isText },
    ['thinking'],
    ({ thinking: value, signature }) => thinking(value, signature === undefined ? {} : { signature }),
  ),
  redacted_thinking: from<{ readonly type: 'redacted_thinking'; readonly data?: string }>(
    { type: isKind, data: isText },
    [],
    ({ data }) => redactedThinking(data),
  ),
  tool_use: fromCall,
  server_tool_use: fromCall,
  mcp_tool_use: fromCall,
  compaction: from<{ readonly type: 'compaction'; readonly content: string | null }>(
    { type: isKind, content: isTextOrNull },
    ['content'],
    ({ content }) => compaction(content),
  ),
};

/** The blocks of a reply. Throws a TypeError that names the first that is none, and what was expected. */
export function toContent(content: unknown): readonly BlockSpec[] {
  return Array.isArray(content)
    ? content.map((item: unknown, index) => toBlock(item, `reply content[${index}]`))
    : [toBlock(content, 'reply content')];
}

function toBlock(given: unknown, where: string): BlockSpec {
  if (typeof given === 'string') return text(given);
  const { kind, type } = Object(given) as { readonly kind?: unknown; readonly type?: unknown };
  const check = typeof kind === 'string' && Object.hasOwn(SPECS, kind) ? SPECS[kind] : undefined;
  if (check) {
    check(given, where);
    return given as BlockSpec;
  }
  if (kind !== undefined || typeof type !== 'string') return refuse(where, EXPECTED, given);
  const convert = Object.hasOwn(API_BLOCKS, type) ? API_BLOCKS[type] : undefined;
  return convert ? convert(given as object, where) : whole(given as JsonObject & { readonly type: string });
}
