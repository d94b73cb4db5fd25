import type { ContentBlockParam, MessageParam } from '../api.ts';
import { JournalError } from './journal.ts';

/** Bytes of a text. */
export interface Slice {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** The result of a tool call. */
export interface KeptResult {
  readonly callId: string;
  readonly failed: boolean;
  /** What the model reads, as JSON. */
  readonly content: Slice;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of a text. */
export function sliceOf(text: string): Slice {
  const bytes = encoder.encode(text);
  return { bytes, from: 0, to: bytes.length };
}

/** The text of a slice. */
export function sliceText({ bytes, from, to }: Slice): string {
  return decoder.decode(bytes.subarray(from, to));
}

const HEADS = {
  assistant: sliceOf('{"role":"assistant","content":'),
  user: sliceOf('{"role":"user","content":'),
};
const END = sliceOf('}');
const RESULTS = sliceOf('{"role":"user","content":[{"type":"tool_result","tool_use_id":');
const NEXT_RESULT = sliceOf(',{"type":"tool_result","tool_use_id":');
const CONTENT = sliceOf(',"content":');
const FAILED = sliceOf(',"is_error":true}');
const RESULTS_END = sliceOf(']}');

/** A message as an object, or as it is kept. */
export type AnyMessage = MessageParam | KeptMessage;

/** The message as an object. */
export function messageOf(message: AnyMessage): MessageParam {
  return message instanceof KeptMessage ? message.message : message;
}

/**
 * A message as its journal has it, in bytes: it is parsed when somebody looks at it. It holds nothing but text, thinking,
 * tool calls and results in text: no images, no documents, no breakpoints.
 */
export class KeptMessage {
  readonly role: 'user' | 'assistant';
  /** The content; null where it consists of results. */
  readonly #content: Slice | null;
  readonly results: readonly KeptResult[];
  #message: MessageParam | undefined;

  constructor(role: KeptMessage['role'], content: Slice | readonly KeptResult[]) {
    this.role = role;
    this.#content = isSlice(content) ? content : null;
    this.results = isSlice(content) ? NO_RESULTS : content;
  }

  /** The message, parsed once. Throws a JournalError `corrupt` where that is not possible. */
  get message(): MessageParam {
    return (this.#message ??= this.#parse());
  }

  /** About its size as JSON, in bytes. */
  get size(): number {
    if (this.#content) return HEADS.assistant.to + lengthOf(this.#content) + END.to;
    let size = RESULTS.to + RESULTS_END.to;
    for (const { callId, content } of this.results)
      size += NEXT_RESULT.to + callId.length + 2 + CONTENT.to + lengthOf(content) + FAILED.to;
    return size;
  }

  /** Its JSON, piece by piece. */
  write(add: (piece: Slice | string) => void): void {
    if (!this.#content) return writeResults(this.results, add);
    add(HEADS[this.role]);
    add(this.#content);
    add(END);
  }

  #parse(): MessageParam {
    const pieces: string[] = [];
    this.write((piece) => pieces.push(typeof piece === 'string' ? piece : sliceText(piece)));
    try {
      return JSON.parse(pieces.join('')) as MessageParam;
    } catch (cause) {
      throw new JournalError('corrupt', 'A record is whole, but its content is no JSON.', { cause });
    }
  }
}

const NO_RESULTS: readonly KeptResult[] = [];

function writeResults(results: readonly KeptResult[], add: (piece: Slice | string) => void): void {
  let opening = RESULTS;
  for (const { callId, content, failed } of results) {
    add(opening);
    add(JSON.stringify(callId));
    add(CONTENT);
    add(content);
    add(failed ? FAILED : END);
    opening = NEXT_RESULT;
  }
  add(RESULTS_END);
}

function isSlice(content: Slice | readonly KeptResult[]): content is Slice {
  return !Array.isArray(content);
}

function lengthOf({ from, to }: Slice): number {
  return to - from;
}

/** Whether a message holds nothing that anybody would have to look for, so that it may be kept unparsed. */
export function isPlain({ content }: MessageParam): boolean {
  return typeof content === 'string' || content.every(isPlainBlock);
}

const PLAIN: ReadonlySet<string> = new Set(['text', 'thinking', 'redacted_thinking', 'tool_use']);

function isPlainBlock(block: ContentBlockParam): boolean {
  if ('cache_control' in block && block.cache_control) return false;
  if (block.type !== 'tool_result') return PLAIN.has(block.type);
  const { content } = block;
  return !Array.isArray(content) || content.every((part) => part.type === 'text' && !part.cache_control);
}
