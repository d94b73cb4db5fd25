import { type Fields, isObject } from './entry-fields.ts';

/** Stop reasons after which a reply is sent back as it came. */
const WHOLE: ReadonlySet<unknown> = new Set(['end_turn', 'tool_use', 'stop_sequence']);
const SOURCES: ReadonlySet<unknown> = new Set(['user', 'output-check']);
/** Ends after which an input may have to be taken back, or a decision is waited for. */
const OTHER_ENDS: ReadonlySet<unknown> = new Set(['failed', 'context-full', 'awaiting-approval']);
/** Needs no escapes in JSON. */
const SIMPLE = /^[\w-]+$/;
const CALL_KEYS = 'type,id,name,input';

/** Where the id of a call stands behind the beginning of its block, quotes included. */
export const CALL_HEAD = '{"type":"tool_use","id":';

/**
 * Whether the next request can be put together without parsing an entry: its content then goes into a message as it
 * stands, and has nothing in it that anything else depends on, such as an image or a breakpoint. `failed` is a result
 * that is marked as an error.
 */
export function plainness(entry: Fields): 'plain' | 'failed' | null {
  switch (entry['type']) {
    case 'run-start':
      return entry['resumed'] === undefined ? 'plain' : null;
    case 'input':
      return SOURCES.has(entry['source']) && !entry['children'] && isText(entry['content']) ? 'plain' : null;
    case 'request':
      return entry['attempt'] === 1 ? 'plain' : null;
    case 'reply':
      return isPlainReply(entry) ? 'plain' : null;
    case 'tool-start':
      return 'plain';
    case 'tool-end':
      if (!isText(entry['content'])) return null;
      return entry['outcome'] === 'ok' ? 'plain' : 'failed';
    case 'run-end':
      return OTHER_ENDS.has(entry['outcome']) ? null : 'plain';
    default:
      return null;
  }
}

function isText(content: unknown): boolean {
  if (typeof content === 'string') return true;
  return Array.isArray(content) && content.every((block: unknown) => isObject(block) && isTextBlock(block));
}

function isTextBlock({ type, text, cache_control }: Fields): boolean {
  return type === 'text' && typeof text === 'string' && cache_control === undefined;
}

function isPlainReply({ message, brokenCalls }: Fields): boolean {
  if (!isObject(message) || !Array.isArray(brokenCalls) || brokenCalls.length > 0) return false;
  const { content, container, stop_reason, role } = message;
  if (!WHOLE.has(stop_reason) || role !== 'assistant' || (container ?? null) !== null) return false;
  return Array.isArray(content) && content.length > 0 && content.every(isPlainBlock);
}

function isPlainBlock(block: unknown): boolean {
  if (!isObject(block)) return false;
  const { type, text, signature } = block;
  if (type === 'text') return isTextBlock(block) && (text as string).trim() !== '';
  if (type === 'thinking') return typeof signature === 'string' && signature !== '';
  return type === 'redacted_thinking' || (type === 'tool_use' && isPlainCall(block));
}

function isPlainCall({ caller, ...block }: Fields): boolean {
  const { id, name } = block;
  return (
    Object.keys(block).join() === CALL_KEYS &&
    typeof id === 'string' &&
    SIMPLE.test(id) &&
    typeof name === 'string' &&
    !(isObject(caller) && 'tool_id' in caller)
  );
}

/** Where the blocks of a plain reply's calls begin in its text. Null where that cannot be told. */
export function callsIn(text: string, contentAt: number, content: unknown): readonly number[] | null {
  const found: number[] = [];
  let from = contentAt;
  for (const block of content as readonly Fields[]) {
    if (block['type'] !== 'tool_use') continue;
    const at = text.indexOf(`${CALL_HEAD}"${String(block['id'])}"`, from);
    if (at < 0) return null;
    found.push(at);
    from = at + 1;
  }
  return found;
}
