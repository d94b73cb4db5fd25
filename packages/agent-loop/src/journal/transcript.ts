import type { ContentBlockParam, Message, MessageParam, ToolUseBlock } from '../api.ts';
import type { Entry, ReplyEvent, ToolEndEvent } from './events.ts';
import type { KeptCheckpoint } from './checkpoint.ts';
import { type AnyMessage, messageOf, sliceText } from './kept-message.ts';
import { MessageList, type SavedMessages } from './message-list.ts';
import { type KeptRow, rowOf } from './kept-row.ts';
import { below, type RowWriter, type SavedContent } from './message-row.ts';
import { isThinking, sendable, settleLastTurn } from './sendable.ts';

type ResultParam = Extract<ContentBlockParam, { type: 'tool_result' }>;
type CallEnd = Pick<ToolEndEvent, 'outcome' | 'content' | 'seq'>;

/** Who follows a transcript. */
export interface TranscriptReader {
  /** A message joined at the end. */
  append(message: MessageParam): void;
  /** The last turn was changed: read everything again. */
  rewrite(): void;
}

/** A transcript as a checkpoint has it. */
export interface SavedTranscript {
  readonly messages: SavedMessages;
  /** Whether calls of the last reply are open. */
  readonly open: boolean;
  /** `piece`: the one that is the content. */
  readonly ended: readonly {
    readonly callId: string;
    readonly outcome: ToolEndEvent['outcome'];
    readonly seq: number;
    readonly piece: number;
  }[];
  readonly container: Message['container'];
}

/**
 * The messages of a run, folded from its entries. It only grows: thinking blocks are signed over everything before
 * them, so what was sent once is never changed. The one exception is a paused turn that is not resumed.
 *
 * A reply's tool calls are open until each has its end; then one user message with all results, in call order, joins.
 * See https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export class Transcript {
  readonly #list = new MessageList();
  readonly #reader: TranscriptReader | undefined;
  #open: ToolUseBlock[] = [];
  #container: Message['container'] = null;
  /** Ends of calls of the reply that is being asked for; those of `read` tools may come before the reply. */
  readonly #ended = new Map<string, CallEnd>();

  constructor(reader?: TranscriptReader) {
    this.#reader = reader;
  }

  /** The messages so far. The last reply's calls may still be open. Parses them all. */
  get messages(): readonly MessageParam[] {
    return this.#list.parsed;
  }

  /** The same, as far as they are parsed. */
  get all(): readonly AnyMessage[] {
    return this.#list.all;
  }

  /** Those from there on, as far as they are parsed. */
  since(start: number): readonly AnyMessage[] {
    return this.#list.since(start);
  }

  /** How many there are. */
  get length(): number {
    return this.#list.length;
  }

  /** Whose message is the last; undefined where there is none. */
  get lastRole(): MessageParam['role'] | undefined {
    return this.#list.lastRole;
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
    for (const message of messages) this.#push(message, null);
    const last = messages.at(-1);
    if (last?.role !== 'assistant') return;
    this.#open = callsOf(last);
    this.#closeOpenCalls();
  }

  /** Adds a user message: the content of entry `seq`, where it is one. What is still open before it is closed first. */
  continueWith(content: string | readonly ContentBlockParam[], seq: number | null = null): void {
    this.#closeOpenCalls();
    this.#settleLastTurn();
    const message = { role: 'user', content: content as string | ContentBlockParam[] } as const;
    this.#push(message, seq === null ? null : below(seq));
  }

  /** Takes back the last user message, which the API has refused: with it nothing could ever be sent again. */
  withdraw(): void {
    if (this.lastRole !== 'user') return;
    this.#list.replace(this.#list.length - 1, []);
    this.#reader?.rewrite();
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'input':
        this.continueWith(entry.content, entry.seq);
        break;
      case 'reply':
        this.#applyReply(entry);
        break;
      case 'tool-end':
        this.#ended.set(entry.callId, entry);
        this.#closeIfAllEnded();
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
    const { messages } = this;
    return this.#open.length === 0 ? [...messages] : [...messages, this.#results()];
  }

  /** The same, for whoever may not look at them: parses what is not parsed when it is called. */
  closing(): () => readonly MessageParam[] {
    const messages = this.#open.length === 0 ? [...this.all] : [...this.all, this.#results()];
    let parsed: readonly MessageParam[] | undefined;
    return () => (parsed ??= messages.map(messageOf));
  }

  /** For a checkpoint. */
  save(row: RowWriter): SavedTranscript {
    const messages = this.#list.save(row);
    const ended = [...this.#ended].map(([callId, { outcome, seq }]) => ({
      callId,
      outcome,
      seq,
      piece: row.pieces.push(seq) - 1,
    }));
    return { messages, open: this.#open.length > 0, ended, container: this.#container };
  }

  /** Takes what a checkpoint has. Returns the messages as bytes, the first of which is at `from`. */
  restore(saved: SavedTranscript, kept: KeptCheckpoint, from: number): KeptRow {
    const { messages, open, ended, container } = saved;
    const row = rowOf(kept, from, messages.ends);
    this.#list.restore(messages, row);
    if (open) this.#open = this.#list.from(this.length - 1).flatMap(callsOf);
    for (const { callId, outcome, seq, piece } of ended) {
      const json = { bytes: kept.bytes, from: kept.ends[piece - 1] ?? from, to: kept.ends[piece] ?? from };
      const content = JSON.parse(sliceText(json)) as ToolEndEvent['content'];
      this.#ended.set(callId, { outcome, content, seq });
    }
    this.#container = container;
    return row;
  }

  #applyReply({ message, brokenCalls, seq }: ReplyEvent): void {
    if (message.stop_reason === 'refusal') return;
    this.#container = message.container ?? this.#container;
    const content = sendable(message, new Set(brokenCalls));
    if (content.length === 0) return;
    this.#push({ role: 'assistant', content }, content === message.content ? seq : null);
    this.#open = callsOf({ role: 'assistant', content });
    this.#closeIfAllEnded();
  }

  #closeIfAllEnded(): void {
    if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id))) this.#closeOpenCalls();
  }

  /** Thinking is signed over model, system prompt and tools: with other ones it can not be sent again. */
  #dropThinking(): void {
    this.#list.replace(0, this.messages.flatMap(withoutThinking));
    this.#reader?.rewrite();
  }

  #closeOpenCalls(): void {
    if (this.#open.length === 0) return;
    this.#push(this.#results(), this.#sourceOfResults());
    this.#open = [];
    this.#ended.clear();
  }

  #results(): MessageParam {
    return { role: 'user', content: this.#open.map((call) => resultOf(call, this.#ended.get(call.id))) };
  }

  /** Null where they say more than what their calls came to, and are not told by the entries alone. */
  #sourceOfResults(): SavedContent | null {
    const source: (string | number)[] = [];
    for (const call of this.#open) {
      const end = this.#ended.get(call.id);
      if (!end || toolsetOf(call) !== undefined) return null;
      source.push(call.id, end.outcome === 'ok' ? end.seq : below(end.seq));
    }
    return source;
  }

  /** Nothing of the server's may be open where a user message follows. A turn of nothing else gives way to the one before. */
  #settleLastTurn(): void {
    for (;;) {
      const from = this.#lastTurn();
      const tail = settleLastTurn(this.#list.from(from));
      if (!tail) return;
      this.#list.replace(from + tail.from, tail.settled);
      this.#reader?.rewrite();
    }
  }

  /** Where the last turn of the model begins. */
  #lastTurn(): number {
    const roleAt = (index: number): string | undefined => this.#list.roleAt(index);
    let from = this.length - 1;
    while (from >= 0 && roleAt(from) !== 'assistant') from -= 1;
    while (roleAt(from - 1) === 'assistant') from -= 1;
    return Math.max(from, 0);
  }

  #push(message: MessageParam, source: SavedContent | null): void {
    this.#list.push(message, source);
    this.#reader?.append(message);
  }
}

/** The tool calls of a message. */
function callsOf({ content }: MessageParam): ToolUseBlock[] {
  if (typeof content === 'string') return [];
  return content.filter((block) => block.type === 'tool_use') as ToolUseBlock[];
}

function withoutThinking(message: MessageParam): MessageParam[] {
  const { role, content } = message;
  if (typeof content === 'string') return [message];
  const kept = content.filter((block) => !isThinking(block));
  if (kept.length === content.length) return [message];
  return kept.length > 0 ? [{ role, content: kept } as MessageParam] : [];
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
  const toolset = toolsetOf(call);
  return toolset === undefined ? result : { ...result, toolset_name: toolset };
}

function toolsetOf(call: ToolUseBlock): string | undefined {
  return (call as { toolset_name?: string }).toolset_name;
}
