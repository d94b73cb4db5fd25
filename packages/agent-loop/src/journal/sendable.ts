import type { ContentBlockParam, Message, MessageParam } from '../api.ts';

/** Stop reasons of replies that are whole. Any other may have cut the reply anywhere. */
const WHOLE: ReadonlySet<string | null> = new Set([
  'end_turn',
  'tool_use',
  'stop_sequence',
  'pause_turn',
  'compaction',
]);

/** The blocks of a reply that may be sent back: all of them, but for what the API refuses to read again. */
export function sendable(message: Message, broken: ReadonlySet<string>): ContentBlockParam[] {
  const content = servedBlocks(message.content).filter(
    (block) => block.type !== 'text' || block.text.trim() !== '',
  );
  // The very list of the reply where nothing is left out: its JSON, made for the journal, then serves the request too.
  if (WHOLE.has(message.stop_reason))
    return content.length === message.content.length ? message.content : content;
  const uncut = content.filter((block) => {
    if (block.type === 'thinking') return Boolean(block.signature);
    return !(block.type === 'tool_use' && broken.has(block.id));
  }) as ContentBlockParam[];
  return withoutTrailingThinking(withoutCalls(uncut, openServerCalls(uncut)));
}

/**
 * The blocks of a reply that count. Where a model declined and another one went on in its place, a `fallback` block stands
 * between them: calls before it are taken back, those of the server's tools too where they have no result. They are not
 * run, answered or sent back; all else stays, for the turn is signed in the order that it has.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
 */
export function servedBlocks(content: Message['content']): Message['content'] {
  const boundary = content.findLastIndex(({ type }) => (type as string) === 'fallback');
  if (boundary < 0) return content;
  const open = openServerCalls(content.slice(0, boundary));
  return content.filter((block, index) => {
    if (index > boundary) return true;
    return block.type !== 'tool_use' && !('id' in block && open.has(block.id));
  });
}

/**
 * A turn that the server paused, or that waits for calls made from code, leaves server calls without result: the API
 * takes no user text after them. Where such a turn is not gone on with, these calls are taken out of it, and with them
 * the client calls they made and their results. Returns the messages from that turn on and where it begins, or null
 * where nothing is open.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
export function settleLastTurn(
  messages: readonly MessageParam[],
): { readonly from: number; readonly settled: readonly MessageParam[] } | null {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  let from = last;
  while (messages[from - 1]?.role === 'assistant') from -= 1;
  if (last < 0) return null;
  const turn = messages.slice(from, last + 1);
  const open = openServerCalls(turn.flatMap(blocksOf));
  if (open.size === 0) return null;
  const kept = turn.map((message) => withContent(message, withoutCalls(blocksOf(message), open)));
  for (let end = kept.at(-1); end && isEmpty(trimmed(end)); end = kept.at(-1)) kept.pop();
  const calls = new Set(kept.flatMap(blocksOf).map((block) => (block.type === 'tool_use' ? block.id : '')));
  const after = messages.slice(last + 1).map((message) =>
    withContent(
      message,
      blocksOf(message).filter((block) => block.type !== 'tool_result' || calls.has(block.tool_use_id)),
    ),
  );
  return { from, settled: [...kept, ...after].filter((message) => !isEmpty(message)) };
}

/** Whether a block is thinking, shown or redacted. */
export function isThinking(block: ContentBlockParam | undefined): boolean {
  return block?.type === 'thinking' || block?.type === 'redacted_thinking';
}

/** The ids of the calls of the server's tools that have no result. */
function openServerCalls(content: readonly ContentBlockParam[]): ReadonlySet<string> {
  const open = new Set<string>();
  for (const block of content) {
    if (isServerCall(block)) open.add(block.id);
    else if ('tool_use_id' in block) open.delete(block.tool_use_id);
  }
  return open;
}

/** Without these server calls, and without the client calls that they made. */
function withoutCalls(content: readonly ContentBlockParam[], open: ReadonlySet<string>): ContentBlockParam[] {
  return content.filter((block) => {
    if (isServerCall(block)) return !open.has(block.id);
    const caller = block.type === 'tool_use' ? block.caller : undefined;
    return !(caller && 'tool_id' in caller && open.has(caller.tool_id));
  });
}

function isServerCall(block: ContentBlockParam): block is Extract<typeof block, { type: 'server_tool_use' }> {
  return block.type === 'server_tool_use' || (block.type as string) === 'mcp_tool_use';
}

/** A turn must not end in thinking. */
function withoutTrailingThinking(content: ContentBlockParam[]): ContentBlockParam[] {
  while (isThinking(content.at(-1))) content.pop();
  return content;
}

function trimmed(message: MessageParam): MessageParam {
  if (typeof message.content !== 'string') withoutTrailingThinking(message.content);
  return message;
}

function isEmpty({ content }: MessageParam): boolean {
  return content.length === 0;
}

function blocksOf({ content }: MessageParam): readonly ContentBlockParam[] {
  return typeof content === 'string' ? [] : content;
}

/** A copy with other blocks; a message that is a text stays as it is. */
function withContent(message: MessageParam, content: ContentBlockParam[]): MessageParam {
  return typeof message.content === 'string' ? message : ({ role: message.role, content } as MessageParam);
}
