import type { ContentBlock, Message, ReplyUsage, StreamEvent, ToolUseBlock } from '../api.ts';

/** A stream that does not follow the protocol. */
export class BadStream extends Error {
  override readonly name = 'BadStream';
}

/** What a builder reports while the reply arrives. */
export interface ReplyListener {
  text(text: string): void;
  thinking(text: string): void;
  toolInput(callId: string, tool: string, partialJson: string): void;
  /** A client tool call whose block is complete. `broken` says why its input could not be read. */
  call(block: ToolUseBlock, broken: string | undefined): void;
}

/** Blocks whose deltas are all known here. */
const KNOWN_BLOCKS: ReadonlySet<string> = new Set([
  'text',
  'thinking',
  'redacted_thinking',
  'tool_use',
  'server_tool_use',
  'mcp_tool_use',
]);

type OpenBlock = Record<string, unknown> & { type: string };

/** Blocks that may stay open for long without a delta. */
const QUIET: ReadonlySet<string> = new Set([
  'thinking',
  'compaction',
  'tool_use',
  'server_tool_use',
  'mcp_tool_use',
]);

/**
 * Puts a reply together from the raw events of the stream. Inputs of tool calls are collected as text and parsed
 * strictly when their block ends, so that a cut input is never taken for a whole one. Unknown blocks, deltas and events
 * are kept or passed over, never an error: the API adds some without a version change.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export class ReplyBuilder {
  readonly #listener: ReplyListener;
  #message: Message | undefined;
  /** Whether message_delta has come, which has the stop reason and the bill. */
  #amended = false;
  #stopped = false;
  #open: OpenBlock | undefined;
  /** Pieces of the open block's text, thinking or input: joined once, so that long blocks stay linear. */
  #pieces: string[] = [];
  #json = false;
  /** Ids of the calls so far. */
  readonly #calls = new Set<unknown>();
  readonly #broken: string[] = [];
  #text = '';

  constructor(listener: ReplyListener) {
    this.#listener = listener;
  }

  /** The reply as far as it has come. */
  get partial(): { model: string | undefined; usage: ReplyUsage | undefined; text: string } {
    const open = this.#open?.type === 'text' ? this.#pieces.join('') : '';
    return { model: this.#message?.model, usage: this.#message?.usage, text: this.#text + open };
  }

  /**
   * Whether content may be a long time coming, so that only pings show that the reply goes on: thinking and summaries
   * may be withheld until they are complete, the input of a call comes a whole value at a time, and a tool of the server
   * may be at work.
   */
  get mayBeQuiet(): boolean {
    if (this.#open) return QUIET.has(this.#open.type);
    const last = this.#message?.content.at(-1)?.type as string | undefined;
    return last === 'server_tool_use' || last === 'mcp_tool_use';
  }

  /** Takes the next event. Returns whether it carried content. Throws BadStream where the protocol is broken. */
  accept(event: StreamEvent): boolean {
    switch (event.type) {
      case 'content_block_delta':
        this.#delta(event.index, event.delta as unknown as Record<string, unknown>);
        return true;
      case 'content_block_start':
        this.#startBlock(event.index, event.content_block as unknown as OpenBlock);
        return true;
      case 'content_block_stop':
        this.#endBlock(event.index);
        return true;
      case 'message_start':
        this.#start(event.message);
        return true;
      case 'message_delta':
        this.#amend(event);
        return true;
      case 'message_stop':
        this.#started();
        this.#stopped = true;
        return true;
      default:
        event satisfies never;
        return false;
    }
  }

  /** The whole reply. Throws BadStream where it is not whole. */
  finish(): { message: Message; brokenCalls: readonly string[] } {
    if (!this.#message) throw new BadStream('The response held no message_start event.');
    if (!this.#stopped) throw new BadStream('The stream ended without message_stop.');
    if (this.#open) throw new BadStream('The stream ended inside a content block.');
    if (!this.#amended) throw new BadStream('The stream ended without message_delta.');
    return { message: this.#message, brokenCalls: this.#broken };
  }

  #start(message: Message): void {
    if (this.#message) throw new BadStream('The stream started a second message.');
    if (message?.role !== 'assistant' || !Array.isArray(message.content)) {
      throw new BadStream('message_start held no assistant message.');
    }
    this.#message = { ...message, content: [], usage: { ...message.usage } };
  }

  #started(): Message {
    if (!this.#message) throw new BadStream('The stream held content before message_start.');
    return this.#message;
  }

  #startBlock(index: number, block: OpenBlock): void {
    const message = this.#started();
    if (this.#open || index !== message.content.length) {
      throw new BadStream(`Content block ${index} started out of order.`);
    }
    if (block.type === 'tool_use') this.#checkCall(block);
    this.#open = { ...block };
    this.#pieces = [];
    this.#json = false;
    const { text, thinking } = block;
    if (block.type === 'text' && typeof text === 'string' && text !== '') {
      this.#pieces.push(text);
      this.#listener.text(text);
    }
    if (block.type === 'thinking' && typeof thinking === 'string' && thinking !== '')
      this.#listener.thinking(thinking);
  }

  /** A call is answered by its id: without one, or with that of another call, no answer could be sent. */
  #checkCall({ id, name }: OpenBlock): void {
    if (typeof id !== 'string' || id === '' || typeof name !== 'string' || name === '')
      throw new BadStream('A tool call came without an id or a name.');
    if (this.#calls.has(id)) throw new BadStream(`Two tool calls came with the id ${JSON.stringify(id)}.`);
    this.#calls.add(id);
  }

  #delta(index: number, delta: Record<string, unknown>): void {
    const block = this.#open;
    if (!block || index !== this.#message?.content.length) {
      throw new BadStream(`A delta arrived for content block ${index}, which is not open.`);
    }
    switch (delta['type']) {
      case 'text_delta':
        this.#pieces.push(delta['text'] as string);
        this.#listener.text(delta['text'] as string);
        break;
      case 'input_json_delta': {
        const piece = delta['partial_json'] as string;
        this.#json = true;
        this.#pieces.push(piece);
        if (block.type === 'tool_use')
          this.#listener.toolInput(block['id'] as string, block['name'] as string, piece);
        break;
      }
      case 'thinking_delta':
        this.#pieces.push(delta['thinking'] as string);
        this.#listener.thinking(delta['thinking'] as string);
        break;
      case 'citations_delta':
        block['citations'] = [
          ...((block['citations'] as unknown[] | null | undefined) ?? []),
          delta['citation'],
        ];
        break;
      case 'signature_delta':
      case 'compaction_delta':
        mergeFields(block, delta);
        break;
      default:
        // A block that is known may hold only what the API takes back; one that is not is kept as well as can be.
        if (!KNOWN_BLOCKS.has(block.type)) mergeFields(block, delta);
    }
  }

  #endBlock(index: number): void {
    const block = this.#open;
    const message = this.#started();
    if (!block || index !== message.content.length)
      throw new BadStream(`Content block ${index} ended, but is not open.`);
    const joined = this.#pieces.join('');
    if (block.type === 'text') {
      block['text'] = joined;
      this.#text += joined;
    } else if (block.type === 'thinking') {
      block['thinking'] = `${(block['thinking'] as string | undefined) ?? ''}${joined}`;
    }
    const broken = this.#json || block.type === 'tool_use' ? parseInput(block, joined) : undefined;
    this.#open = undefined;
    this.#pieces = [];
    message.content.push(block as unknown as ContentBlock);
    if (block.type !== 'tool_use') return;
    const call = block as unknown as ToolUseBlock;
    if (broken !== undefined) this.#broken.push(call.id);
    this.#listener.call(call, broken);
  }

  /** The numbers of message_delta are cumulative: they replace, they do not add. */
  #amend(event: Extract<StreamEvent, { type: 'message_delta' }>): void {
    const message = this.#started();
    this.#amended = true;
    const { type: _type, delta, usage: _usage, ...others } = event;
    Object.assign(message, others, delta);
    for (const [key, value] of Object.entries(event.usage ?? {})) {
      if (value !== null && value !== undefined)
        (message.usage as unknown as Record<string, unknown>)[key] = value;
    }
  }
}

/** Strict parse of a call's input. Returns what is wrong with it, or undefined. */
function parseInput(block: OpenBlock, json: string): string | undefined {
  if (json === '') {
    block['input'] ??= {};
    return undefined;
  }
  try {
    const input: unknown = JSON.parse(json);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
      block['input'] = input;
      return undefined;
    }
    block['input'] = {};
    return 'it is not a JSON object';
  } catch (error) {
    block['input'] = {};
    return error instanceof Error ? error.message : 'it does not parse';
  }
}

/** Deltas that carry fields of their block: text goes to the end of the field of that name, anything else replaces it. */
function mergeFields(block: OpenBlock, delta: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'type') continue;
    const before = block[key];
    block[key] = typeof value === 'string' && typeof before === 'string' ? before + value : value;
  }
}
