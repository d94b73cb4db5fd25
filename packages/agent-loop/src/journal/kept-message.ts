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

function piece(text: string): Slice {
  const bytes = encoder.encode(text);
  return { bytes, from: 0, to: bytes.length };
}

const REPLY = piece('{"role":"assistant","content":');
const INPUT = piece('{"role":"user","content":');
const END = piece('}');
const RESULTS = piece('{"role":"user","content":[{"type":"tool_result","tool_use_id":');
const NEXT_RESULT = piece(',{"type":"tool_result","tool_use_id":');
const CONTENT = piece(',"content":');
const OK = piece('}');
const FAILED = piece(',"is_error":true}');
const RESULTS_END = piece(']}');

/** The text of a slice. */
export function textOf({ bytes, from, to }: Slice): string {
  return decoder.decode(bytes.subarray(from, to));
}

/**
 * A message as its journal has it, in bytes: it is parsed when somebody looks at it. It holds nothing but text, thinking,
 * tool calls and results in text: no images, no documents, no breakpoints.
 */
export class KeptMessage {
  readonly role: MessageParam['role'];
  /** Size as JSON, in bytes. */
  readonly size: number;
  readonly where: string;
  #pieces: readonly Slice[] | null;
  #message: MessageParam | undefined;

  constructor(role: MessageParam['role'], pieces: readonly Slice[], where: string) {
    this.role = role;
    this.where = where;
    this.#pieces = pieces;
    let size = 0;
    for (const { from, to } of pieces) size += to - from;
    this.size = size;
  }

  static reply(content: Slice, where: string): KeptMessage {
    return new KeptMessage('assistant', [REPLY, content, END], where);
  }

  static input(content: Slice, where: string): KeptMessage {
    return new KeptMessage('user', [INPUT, content, END], where);
  }

  /** The results of calls, in their order. */
  static results(calls: readonly KeptCall[], where: string): KeptMessage {
    const pieces: Slice[] = [];
    for (const { id, result, failed } of calls) {
      pieces.push(pieces.length === 0 ? RESULTS : NEXT_RESULT, id, CONTENT);
      if (result) pieces.push(result);
      pieces.push(failed ? FAILED : OK);
    }
    pieces.push(RESULTS_END);
    return new KeptMessage('user', pieces, where);
  }

  /** The message, parsed. Throws a JournalError `corrupt` where that is not possible. */
  get message(): MessageParam {
    if (!this.#message) {
      this.#message = parsed(this.#pieces ?? [], this.where);
      this.#pieces = null;
    }
    return this.#message;
  }

  /** Its bytes, piece by piece. */
  write(add: (piece: Slice) => void): void {
    if (this.#pieces) for (const each of this.#pieces) add(each);
    else add(piece(JSON.stringify(this.#message)));
  }
}

function parsed(pieces: readonly Slice[], where: string): MessageParam {
  const text = pieces.map(textOf).join('');
  try {
    return JSON.parse(text) as MessageParam;
  } catch (cause) {
    throw new JournalError('corrupt', `A record of ${where} is whole, but its content is no JSON.`, { cause });
  }
}
