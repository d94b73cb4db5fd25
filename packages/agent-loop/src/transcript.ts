import type { ContentBlock, ContentBlockParam, Message, MessageParam, ToolUseBlock } from './api.ts';
import type { Entry, ToolEndEvent } from './events.ts';

type ResultParam = Extract<ContentBlockParam, { type: 'tool_result' }>;

/**
 * The messages of a run, folded from its entries. It only grows: thinking blocks are signed over everything before
 * them, so what was sent once is never changed.
 *
 * A reply's tool calls are open until each has its end; then one user message with all results, in call order, joins.
 * See https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export class Transcript {
  readonly #messages: MessageParam[] = [];
  readonly #onAppend: (message: MessageParam) => void;
  #open: ToolUseBlock[] = [];
  readonly #ended = new Map<string, ToolEndEvent>();

  /** `onAppend` is called with every message as it joins. */
  constructor(onAppend: (message: MessageParam) => void = () => {}) {
    this.#onAppend = onAppend;
  }

  /** The messages so far. The last reply's calls may still be open. */
  get messages(): readonly MessageParam[] {
    return this.#messages;
  }

  /** The calls of the last reply, while not all of them have ended. */
  get openCalls(): readonly ToolUseBlock[] {
    return this.#open;
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
      case 'run-start':
      case 'request':
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
    const content = sendable(message, new Set(brokenCalls));
    if (content.length === 0) return;
    this.#push({ role: 'assistant', content: content as ContentBlockParam[] });
    this.#open = content.filter((block) => block.type === 'tool_use');
    if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id))) this.#closeOpenCalls();
  }

  #closeOpenCalls(): void {
    if (this.#open.length === 0) return;
    this.#push(this.#results());
    for (const call of this.#open) this.#ended.delete(call.id);
    this.#open = [];
  }

  #results(): MessageParam {
    return { role: 'user', content: this.#open.map((call) => resultOf(call, this.#ended.get(call.id))) };
  }

  /**
   * A paused turn that is not resumed leaves server calls without result; a user message may not follow them.
   * See https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
   */
  #settlePausedTurn(): void {
    const last = this.#messages.at(-1);
    if (last?.role !== 'assistant' || typeof last.content === 'string') return;
    const answered = new Set(
      last.content.map((block) => ('tool_use_id' in block ? block.tool_use_id : undefined)),
    );
    const settled = last.content.filter(
      (block) => block.type !== 'server_tool_use' || answered.has(block.id),
    );
    if (settled.length === last.content.length) return;
    this.#messages.pop();
    if (settled.length > 0) this.#messages.push({ role: 'assistant', content: settled });
  }

  #push(message: MessageParam): void {
    this.#messages.push(message);
    this.#onAppend(message);
  }
}

/** The blocks of a reply that may be sent back: all of them, but for what the API refuses to read again. */
function sendable(message: Message, broken: ReadonlySet<string>): ContentBlock[] {
  const cut = message.stop_reason === 'max_tokens' || message.stop_reason === 'model_context_window_exceeded';
  const content = message.content.filter((block) => {
    if (block.type === 'text') return block.text.trim() !== '';
    if (cut && block.type === 'thinking') return block.signature !== '';
    return !(cut && block.type === 'tool_use' && broken.has(block.id));
  });
  while (cut && isThinking(content.at(-1))) content.pop();
  return content;
}

function isThinking(block: ContentBlock | undefined): boolean {
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
