import type { ContentBlockParam, Message, MessageParam, ToolUseBlock } from '../api.ts';
import type { Entry, ToolEndEvent } from './events.ts';
import {
  type AnyMessage,
  type KeptCall,
  KeptMessage,
  messageOf,
  type Slice,
  sliceText,
} from './kept-message.ts';
import { isThinking, sendable, settleLastTurn } from './sendable.ts';

type ResultParam = Extract<ContentBlockParam, { type: 'tool_result' }>;

const NO_CALLS: readonly KeptCall[] = [];

/** Who follows a transcript. */
export interface TranscriptReader {
  /** A message joined at the end. */
  append(message: AnyMessage): void;
  /** The last turn was changed: read everything again. */
  rewrite(): void;
  /** All messages are about to be parsed. */
  parsing(): void;
}

/**
 * The messages of a run, folded from its entries. It only grows: thinking blocks are signed over everything before
 * them, so what was sent once is never changed. The one exception is a paused turn that is not resumed.
 *
 * A reply's tool calls are open until each has its end; then one user message with all results, in call order, joins.
 * See https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export class Transcript {
  readonly #messages: AnyMessage[] = [];
  /** How many of them have not been parsed, at most. */
  #unread = 0;
  readonly #reader: TranscriptReader | undefined;
  #open: ToolUseBlock[] = [];
  #container: { readonly id: string; readonly expires_at?: string } | null = null;
  /** Ends of calls of the reply that is being asked for; those of `read` tools may come before the reply. */
  readonly #ended = new Map<string, Pick<ToolEndEvent, 'outcome' | 'content'>>();
  /** The calls of a last reply that nobody has parsed. */
  #keptCalls: readonly KeptCall[] = NO_CALLS;

  constructor(reader?: TranscriptReader) {
    this.#reader = reader;
  }

  /** The messages so far. The last reply's calls may still be open. Parses them all. */
  get messages(): readonly MessageParam[] {
    this.#parseAll();
    return this.#messages as readonly MessageParam[];
  }

  #parseAll(): void {
    if (this.#unread === 0) return;
    this.#reader?.parsing();
    this.#parseFrom(0);
    this.#unread = 0;
  }

  /** Takes the messages of another transcript of the same journal, which has parsed them. */
  adopt({ messages }: Transcript): void {
    if (messages.length !== this.#messages.length) return;
    for (const [index, message] of messages.entries()) {
      const own = this.#messages[index];
      if (!(own instanceof KeptMessage)) continue;
      own.adopt(message);
      this.#messages[index] = own.message;
    }
    this.#unread = 0;
  }

  /** The same, as far as they are parsed. */
  get all(): readonly AnyMessage[] {
    return this.#messages;
  }

  /** How many there are. */
  get length(): number {
    return this.#messages.length;
  }

  /** Whose message is the last; undefined where there is none. */
  get lastRole(): MessageParam['role'] | undefined {
    return this.#messages.at(-1)?.role;
  }

  /** Parses the messages from there on. */
  #parseFrom(from: number): void {
    for (let index = from; index < this.#messages.length; index += 1) {
      const message = this.#messages[index];
      if (message instanceof KeptMessage) this.#messages[index] = message.message;
    }
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
    if (last?.role !== 'assistant') return;
    this.#open = callsOf(last);
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
    if (this.lastRole !== 'user') return;
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
    return this.closing()();
  }

  /** The same, for whoever may not look at them: parses what is not parsed when it is called. */
  closing(): () => readonly MessageParam[] {
    const messages = this.#open.length === 0 ? [...this.#messages] : [...this.#messages, this.#results()];
    let parsed: readonly MessageParam[] | undefined;
    return () => {
      this.#parseAll();
      return (parsed ??= messages.map(messageOf));
    };
  }

  /** A reply joined that nobody has parsed. `calls` are its tool calls, of which some may have their results. */
  keepReply(content: Slice, calls: readonly KeptCall[], where: string): void {
    this.#push(new KeptMessage('assistant', content, where));
    this.#keptCalls = calls;
    this.keepResults(where);
  }

  /** Adds the results of the last reply, if it has them all. */
  keepResults(where: string): void {
    if (this.#keptCalls.length === 0) return;
    for (const { result } of this.#keptCalls) if (!result) return;
    this.#push(new KeptMessage('user', this.#keptCalls, where));
    this.#keptCalls = NO_CALLS;
  }

  /** The call with this id, as JSON, of the last reply, where nobody has parsed it. */
  keptCall(id: string): KeptCall | undefined {
    return this.#keptCalls.find((call) => sliceText(call.id) === id);
  }

  /** An input joined that nobody has parsed. */
  keepInput(content: Slice, where: string): void {
    this.parseOpen();
    this.#closeOpenCalls();
    this.#settleLastTurn();
    this.#push(new KeptMessage('user', content, where));
  }

  /** A request was sent. */
  keepRequest(): void {
    this.#ended.clear();
  }

  /** Whether the last reply was parsed and has open calls. */
  get hasOpenCalls(): boolean {
    return this.#open.length > 0;
  }

  /** Parses what is open, so that entries can be applied, and `early` results of calls that are to come. */
  parseOpen(early: Iterable<KeptCall> = []): void {
    for (const call of [...this.#keptCalls, ...early]) this.#parseEnd(call);
    if (this.#keptCalls.length === 0) return;
    this.#open = this.latest(1).flatMap(callsOf);
    this.#keptCalls = NO_CALLS;
  }

  #parseEnd({ id, result, failed }: KeptCall): void {
    if (!result) return;
    const content = JSON.parse(sliceText(result)) as ToolEndEvent['content'];
    this.#ended.set(JSON.parse(sliceText(id)) as string, { outcome: failed ? 'error' : 'ok', content });
  }

  /** The last so many messages, parsed. */
  latest(count: number): readonly MessageParam[] {
    const from = Math.max(this.#messages.length - count, 0);
    this.#parseFrom(from);
    return this.#messages.slice(from) as MessageParam[];
  }

  #applyReply(message: Message, brokenCalls: readonly string[]): void {
    if (message.stop_reason === 'refusal') return;
    this.#container = message.container ?? this.#container;
    const content = sendable(message, new Set(brokenCalls));
    if (content.length === 0) return;
    this.#push({ role: 'assistant', content });
    this.#open = callsOf({ role: 'assistant', content });
    if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id))) this.#closeOpenCalls();
  }

  /** Thinking is signed over model, system prompt and tools: with other ones it can not be sent again. */
  #dropThinking(): void {
    const before = this.#messages.splice(0);
    for (const { role, content } of before.map(messageOf)) {
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
    for (;;) {
      const from = this.#lastTurn();
      // What is kept unparsed has no calls of the server's in it.
      if (this.#messages.slice(from).every((message) => message instanceof KeptMessage)) return;
      this.#parseFrom(from);
      const tail = settleLastTurn(this.#messages.slice(from) as MessageParam[]);
      if (!tail) return;
      this.#messages.splice(from + tail.from, Infinity, ...tail.settled);
      this.#reader?.rewrite();
    }
  }

  /** Where the last turn of the model begins. */
  #lastTurn(): number {
    let from = this.#messages.findLastIndex(({ role }) => role === 'assistant');
    while (this.#messages[from - 1]?.role === 'assistant') from -= 1;
    return Math.max(from, 0);
  }

  #push(message: AnyMessage): void {
    if (message instanceof KeptMessage) this.#unread += 1;
    this.#messages.push(message);
    this.#reader?.append(message);
  }
}

/** The tool calls of a message. */
export function callsOf({ content }: MessageParam): ToolUseBlock[] {
  if (typeof content === 'string') return [];
  return content.filter((block) => block.type === 'tool_use') as ToolUseBlock[];
}

function resultOf(
  call: ToolUseBlock,
  end: Pick<ToolEndEvent, 'outcome' | 'content'> | undefined,
): ResultParam {
  const result: ResultParam = {
    type: 'tool_result',
    tool_use_id: call.id,
    content: end?.content ?? 'This call has no result: the run ended before it was carried out or decided.',
  };
  if (end?.outcome !== 'ok') result.is_error = true;
  const toolset = (call as { toolset_name?: string }).toolset_name;
  return toolset === undefined ? result : { ...result, toolset_name: toolset };
}
