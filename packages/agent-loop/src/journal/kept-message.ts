import type { MessageParam } from '../api.ts';
import { JournalError } from './journal.ts';

/** Bytes of a text. */
export interface Slice {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** A tool call of a reply that nobody has parsed, and what came of it. */
export interface KeptCall {
  /** Its id as JSON. */
  readonly id: Slice;
  /** Its result as JSON; null while it has none. */
  result: Slice | null;
  failed: boolean;
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

const REPLY = sliceOf('{"role":"assistant","content":');
const INPUT = sliceOf('{"role":"user","content":');
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
  readonly role: MessageParam['role'];
  readonly #where: string;
  /** The content, or the calls whose results are. Let go once the message is parsed. */
  #content: Slice | readonly KeptCall[] | null;
  #message: MessageParam | undefined;

  constructor(role: MessageParam['role'], content: Slice | readonly KeptCall[], where: string) {
    this.role = role;
    this.#where = where;
    this.#content = content;
  }

  /** The message, parsed. Throws a JournalError `corrupt` where that is not possible. */
  get message(): MessageParam {
    if (!this.#message) {
      this.#message = this.#parse();
      this.#content = null;
    }
    return this.#message;
  }

  /** Takes the message from somebody who has parsed it. */
  adopt(message: MessageParam): void {
    if (this.#message) return;
    this.#message = message;
    this.#content = null;
  }

  /** About its size as JSON, in bytes. */
  get size(): number {
    const content = this.#content;
    if (!content) return 0;
    if (!isCalls(content)) return content.to - content.from + REPLY.to + END.to;
    let size = RESULTS.to + RESULTS_END.to;
    for (const { id, result } of content)
      size +=
        id.to - id.from + (result ? result.to - result.from : 0) + NEXT_RESULT.to + CONTENT.to + FAILED.to;
    return size;
  }

  /** Its JSON, piece by piece. */
  write(add: (piece: Slice) => void): void {
    const content = this.#content;
    if (!content) add(sliceOf(JSON.stringify(this.#message)));
    else if (isCalls(content)) writeResults(content, add);
    else {
      add(this.role === 'user' ? INPUT : REPLY);
      add(content);
      add(END);
    }
  }

  #parse(): MessageParam {
    const pieces: string[] = [];
    this.write((piece) => pieces.push(sliceText(piece)));
    try {
      return JSON.parse(pieces.join('')) as MessageParam;
    } catch (cause) {
      const message = `A record of ${this.#where} is whole, but its content is no JSON.`;
      throw new JournalError('corrupt', message, { cause });
    }
  }
}

function writeResults(calls: readonly KeptCall[], add: (piece: Slice) => void): void {
  let opening = RESULTS;
  for (const { id, result, failed } of calls) {
    add(opening);
    add(id);
    add(CONTENT);
    if (result) add(result);
    add(failed ? FAILED : END);
    opening = NEXT_RESULT;
  }
  add(RESULTS_END);
}

function isCalls(content: Slice | readonly KeptCall[]): content is readonly KeptCall[] {
  return Array.isArray(content);
}
