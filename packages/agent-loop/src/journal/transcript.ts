import type { ContentBlockParam, Message, MessageParam, ToolUseBlock } from '../api.ts';
import type { Entry, ToolEndEvent } from './events.ts';
import { isThinking, sendable, settleLastTurn } from './sendable.ts';

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
    this.#settleLastTurn();
    this.#push({ role: 'user', content: content as string | ContentBlockParam[] });
  }

  /** Takes back the last user message, which the API has refused: with it nothing could ever be sent again. */
  withdraw(): void {
    if (this.#messages.at(-1)?.role !== 'user') return;
    this.#messages.pop();
    this.#reader?.rewrite();
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
      case 'settings':
      case 'fork':
      case 'run-start':
      case 'reply-lost':
      case 'tool-start':
      case 'approval-request':
      case 'approval':
      case 'compaction':
      case 'compaction-plan':
      case 'child-start':
      case 'child-end':
      case 'script-start':
      case 'step-start':
      case 'step-end':
      case 'script-end':
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

  /** Nothing of the server's may be open where a user message follows. A turn of nothing else gives way to the one before. */
  #settleLastTurn(): void {
    for (let tail = settleLastTurn(this.#messages); tail; tail = settleLastTurn(this.#messages)) {
      this.#messages.splice(tail.from, Infinity, ...tail.settled);
      this.#reader?.rewrite();
    }
  }

  #push(message: MessageParam): void {
    this.#messages.push(message);
    this.#reader?.append(message);
  }
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
