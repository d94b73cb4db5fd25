import type { ContentBlockParam, Message, MessageParam, ToolUseBlock } from './api.ts';
import type { Entry, ToolEndEvent } from './events.ts';

type ResultParam = Extract<ContentBlockParam, { type: 'tool_result' }>;

/** Who follows a transcript. */
export interface TranscriptReader {
  /** A message joined at the end. */
  append(message: MessageParam): void;
  /** The last turn was changed: read everything again. */
  rewrite(): void;
}

/**
 * The messages of a run, folded from its entries. It only grows: thinking blocks are signed over everything before
 * them, so what was sent once is never changed. The one exception is a paused turn that is not resumed.
 *
 * A reply's tool calls are open until each has its end; then one user message with all results, in call order, joins.
 * See https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export class Transcript {
  readonly #messages: MessageParam[] = [];
  readonly #reader: TranscriptReader | undefined;
  #open: ToolUseBlock[] = [];
  #container: { readonly id: string; readonly expires_at?: string } | null = null;
  /** Ends of calls of the reply that is being asked for; those of `read` tools may come before the reply. */
  readonly #ended = new Map<string, ToolEndEvent>();

  constructor(reader?: TranscriptReader) {
    this.#reader = reader;
  }

  /** The messages so far. The last reply's calls may still be open. */
  get messages(): readonly MessageParam[] {
    return this.#messages;
  }

  /** The calls of the last reply that have not ended. */
  get openCalls(): readonly ToolUseBlock[] {
    return this.#open.filter((call) => !this.#ended.has(call.id));
  }

  /** The container that replies ran code in, while it lives: calls made from code can only be answered there. */
  container(now: number): string | undefined {
    const { id, expires_at = '' } = this.#container ?? {};
    return Date.parse(expires_at) <= now ? undefined : id;
  }

  /** Starts from messages that exist already. Calls they leave unanswered are answered, so that they can be continued. */
  seed(messages: readonly MessageParam[]): void {
    for (const message of messages) this.#push(message);
    const last = messages.at(-1);
    if (last?.role !== 'assistant' || typeof last.content === 'string') return;
    this.#open = last.content.filter((block): block is ToolUseBlock => block.type === 'tool_use');
    this.#closeOpenCalls();
  }

  /** Adds a user message. What is still open before it is closed first. */
  continueWith(content: string | readonly ContentBlockParam[]): void {
    this.#closeOpenCalls();
    this.#settlePausedTurn();
    this.#push({ role: 'user', content: content as string | ContentBlockParam[] });
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'input':
        this.continueWith(entry.content);
        break;
      case 'reply':
        this.#applyReply(entry.message, entry.brokenCalls);
        break;
      case 'tool-end':
        this.#ended.set(entry.callId, entry);
        if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id)))
          this.#closeOpenCalls();
        break;
      case 'request':
        this.#ended.clear();
        break;
      case 'prefix-change':
        this.#dropThinking();
        break;
      case 'session-start':
      case 'fork':
      case 'run-start':
      case 'reply-lost':
      case 'tool-start':
      case 'approval-request':
      case 'approval':
      case 'compaction':
      case 'child-start':
      case 'child-end':
      case 'run-end':
        break;
      default:
        entry satisfies never;
    }
  }

  /** The messages as the API would accept them now: open calls are answered with what is known of them. */
  closed(): readonly MessageParam[] {
    return this.#open.length === 0 ? [...this.#messages] : [...this.#messages, this.#results()];
  }

  #applyReply(message: Message, brokenCalls: readonly string[]): void {
    if (message.stop_reason === 'refusal') return;
    this.#container = message.container ?? this.#container;
    const content = sendable(message, new Set(brokenCalls));
    if (content.length === 0) return;
    this.#push({ role: 'assistant', content });
    this.#open = content.filter((block): block is ToolUseBlock => block.type === 'tool_use');
    if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id))) this.#closeOpenCalls();
  }

  /** Thinking is signed over model, system prompt and tools: with other ones it can not be sent again. */
  #dropThinking(): void {
    const before = this.#messages.splice(0);
    for (const { role, content } of before) {
      const kept = typeof content === 'string' ? content : content.filter((block) => !isThinking(block));
      if (kept.length > 0) this.#messages.push({ role, content: kept } as MessageParam);
    }
    this.#reader?.rewrite();
  }

  #closeOpenCalls(): void {
    if (this.#open.length === 0) return;
    this.#push(this.#results());
    this.#open = [];
  }

  #results(): MessageParam {
    return { role: 'user', content: this.#open.map((call) => resultOf(call, this.#ended.get(call.id))) };
  }

  /**
   * A paused turn that is not resumed leaves server calls without result, after which the API takes no user message.
   * Such calls are taken out of it, and with them the client calls they made.
   * See https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
   */
  #settlePausedTurn(): void {
    const at = this.#messages.findLastIndex(({ role }) => role === 'assistant');
    const turn = this.#messages[at];
    if (!turn || typeof turn.content === 'string') return;
    const settled = withoutOpenServerCalls(turn.content);
    if (settled.length === turn.content.length) return;
    const left = new Set(settled.map((block) => (block.type === 'tool_use' ? block.id : undefined)));
    const after = this.#messages.splice(at).slice(1);
    if (settled.length > 0) this.#messages.push({ role: 'assistant', content: settled });
    for (const { role, content } of after) {
      if (typeof content === 'string') {
        this.#messages.push({ role, content });
        continue;
      }
      const kept = content.filter((block) => block.type !== 'tool_result' || left.has(block.tool_use_id));
      if (kept.length > 0) this.#messages.push({ role, content: kept } as MessageParam);
    }
    this.#reader?.rewrite();
  }

  #push(message: MessageParam): void {
    this.#messages.push(message);
    this.#reader?.append(message);
  }
}

/** Stop reasons of replies that are whole. Any other may have cut the reply anywhere. */
const WHOLE: ReadonlySet<string | null> = new Set([
  'end_turn',
  'tool_use',
  'stop_sequence',
  'pause_turn',
  'compaction',
]);

/** The blocks of a reply that may be sent back: all of them, but for what the API refuses to read again. */
function sendable(message: Message, broken: ReadonlySet<string>): ContentBlockParam[] {
  const content = message.content.filter((block) => block.type !== 'text' || block.text.trim() !== '');
  if (WHOLE.has(message.stop_reason)) return content as ContentBlockParam[];
  const uncut = content.filter((block) => {
    if (block.type === 'thinking') return Boolean(block.signature);
    return !(block.type === 'tool_use' && broken.has(block.id));
  });
  return withoutTrailingThinking(withoutOpenServerCalls(uncut as ContentBlockParam[]));
}

/** Without calls of the server's tools that have no result, and without the client calls that these made. */
function withoutOpenServerCalls(content: readonly ContentBlockParam[]): ContentBlockParam[] {
  const answered = new Set(content.map((block) => ('tool_use_id' in block ? block.tool_use_id : undefined)));
  const open = new Set<string>();
  for (const block of content) if (isServerCall(block) && !answered.has(block.id)) open.add(block.id);
  if (open.size === 0) return [...content];
  return withoutTrailingThinking(
    content.filter((block) => {
      if (isServerCall(block)) return !open.has(block.id);
      const caller =
        block.type === 'tool_use' ? (block.caller as { tool_id?: string } | undefined) : undefined;
      return caller?.tool_id === undefined || !open.has(caller.tool_id);
    }),
  );
}

function isServerCall(block: ContentBlockParam): block is Extract<typeof block, { type: 'server_tool_use' }> {
  return block.type === 'server_tool_use' || (block.type as string) === 'mcp_tool_use';
}

/** A turn must not end in thinking. */
function withoutTrailingThinking(content: ContentBlockParam[]): ContentBlockParam[] {
  while (isThinking(content.at(-1))) content.pop();
  return content;
}

function isThinking(block: ContentBlockParam | undefined): boolean {
  return block?.type === 'thinking' || block?.type === 'redacted_thinking';
}

function resultOf(call: ToolUseBlock, end: ToolEndEvent | undefined): ResultParam {
  const result: ResultParam = {
    type: 'tool_result',
    tool_use_id: call.id,
    content: end?.content ?? 'This call has no result: the run ended before it was carried out or decided.',
  };
  if (end?.outcome !== 'ok') result.is_error = true;
  const toolset = (call as { toolset_name?: string }).toolset_name;
  return toolset === undefined ? result : { ...result, toolset_name: toolset };
}
