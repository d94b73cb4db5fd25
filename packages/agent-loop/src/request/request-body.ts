import type { MessageParam, RequestParams } from '../api.ts';
import { type AnyMessage, KeptMessage, type Slice } from '../journal/kept-message.ts';
import type { KeptRow } from '../journal/kept-row.ts';
import { forgetJson, jsonOf } from './json-cache.ts';

const encoder = new TextEncoder();
const FIRST_CAPACITY = 1024;
/** So much longer the fields before the messages may get before the messages have to move. */
const ROOM = 192;
const END = encoder.encode(']}');
const COMMA = 44;

/**
 * The JSON body of the next request, kept as bytes. Every message is serialised once, when it joins, and never copied
 * for a request. So the CPU cost of a request does not grow with the history but for sending it, and successive bodies
 * share a byte-identical prefix, which is what the prompt cache reads back.
 */
export class RequestBody {
  #buffer: Uint8Array;
  /** Where in the buffer the body begins, its messages, and what comes behind them. */
  #start: number;
  #messagesAt: number;
  #end: number;
  /** For each message where it ends, counted from the beginning of the first. */
  readonly #ends: number[];
  #params: object;

  /**
   * `params` are the fields that stay the same; they stand before the messages. Where the first of these are `kept` as they
   * are sent, the body is put around them.
   */
  constructor(params: Omit<RequestParams, 'container'>, kept: KeptRow | null = null) {
    const head = encoder.encode(headOf(params));
    this.#ends = kept?.ends.map((end) => end - kept.from) ?? [];
    this.#messagesAt = kept?.from ?? ROOM + head.length;
    this.#end = this.#messagesAt + (this.#ends.at(-1) ?? 0);
    this.#buffer = kept?.bytes ?? new Uint8Array(Math.max(FIRST_CAPACITY, this.#messagesAt));
    this.#params = params;
    this.#start = this.#lead(head);
  }

  /** Size of the body in bytes, but for what follows the messages. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Puts other fields before the messages from here on: moves the messages where there is no room for the new ones. */
  lead(params: Omit<RequestParams, 'container'>): void {
    if (params === this.#params) return;
    this.#params = params;
    this.#start = this.#lead(encoder.encode(headOf(params)));
  }

  /** Returns where the body begins. */
  #lead(head: Uint8Array): number {
    const lacking = head.length - this.#messagesAt;
    if (lacking > 0) this.#moveBy(lacking + ROOM);
    const start = this.#messagesAt - head.length;
    this.#buffer.set(head, start);
    return start;
  }

  /** To another array: whoever reads a message that was kept reads it where it was. */
  #moveBy(bytes: number): void {
    const moved = new Uint8Array(this.#buffer.length + bytes);
    moved.set(this.#buffer.subarray(this.#messagesAt, this.#end), this.#messagesAt + bytes);
    this.#buffer = moved;
    this.#messagesAt += bytes;
    this.#end += bytes;
  }

  /** Adds a message at the end. */
  append(message: AnyMessage): void {
    const isFirst = this.#ends.length === 0;
    if (message instanceof KeptMessage) this.#copyIn(message, isFirst);
    else this.#write((isFirst ? '' : ',') + jsonOfMessage(message));
    this.#ends.push(this.#end - this.#messagesAt);
  }

  #copyIn({ bytes, from, to }: Slice, isFirst: boolean): void {
    this.#reserve(to - from + 1);
    if (!isFirst) this.#buffer[this.#end++] = COMMA;
    this.#buffer.set(bytes.subarray(from, to), this.#end);
    this.#end += to - from;
  }

  /**
   * The whole body, as a view: its end is overwritten by the next message. A request is over by then, for the next
   * message is its reply. The container can change from request to request, so it stands last.
   */
  bytes(container?: RequestParams['container']): Uint8Array {
    const end = container === undefined ? END : encoder.encode(`],"container":${JSON.stringify(container)}}`);
    this.#reserve(end.length);
    this.#buffer.set(end, this.#end);
    return this.#buffer.subarray(this.#start, this.#end + end.length);
  }

  /** The whole body with other fields before the messages, or with other messages at some places, as a copy: for the rare request that differs. */
  copy({ params, messages = NONE }: BodyChanges, container?: RequestParams['container']): Uint8Array {
    const parts: Uint8Array[] = [];
    if (params) parts.push(encoder.encode(headOf(params)));
    const whole = this.bytes(container);
    const messagesAt = this.#messagesAt - this.#start;
    let from = params ? messagesAt : 0;
    for (const [place, message] of [...messages].toSorted(([one], [other]) => one - other)) {
      const before = this.#ends[place - 1];
      const start = messagesAt + (before === undefined ? 0 : before + 1);
      parts.push(whole.subarray(from, start), encoder.encode(JSON.stringify(message)));
      from = messagesAt + (this.#ends[place] ?? 0);
    }
    parts.push(whole.subarray(from));
    return joined(parts);
  }

  #write(text: string): void {
    // Most text is ASCII, a byte a character. The rest needs at most three bytes for a UTF-16 code unit.
    this.#reserve(text.length);
    const { read, written } = encoder.encodeInto(text, this.#buffer.subarray(this.#end));
    this.#end += written;
    if (read === text.length) return;
    this.#reserve((text.length - read) * 3);
    this.#end += encoder.encodeInto(text.slice(read), this.#buffer.subarray(this.#end)).written;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.ceil(this.#buffer.length * 1.5)));
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
  }
}

/** What a copy of a body has otherwise. */
export interface BodyChanges {
  readonly params?: Omit<RequestParams, 'container'> | undefined;
  /** Instead of those at these places. */
  readonly messages?: ReadonlyMap<number, MessageParam> | undefined;
}

const NONE: ReadonlyMap<number, MessageParam> = new Map();

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How many bytes the fields before the messages will need, breakpoints and all. */
export function headRoom(params: object): number {
  return encoder.encode(headOf(params)).length + 4 * ROOM;
}

function headOf(params: object): string {
  return `${JSON.stringify(params).slice(0, -1)},"messages":[`;
}

/** The content of a reply has been written to the journal before it gets here: its JSON is used once more, then let go. */
function jsonOfMessage(message: MessageParam): string {
  const { content } = message;
  const [first, second, ...others] = Object.keys(message);
  if (typeof content === 'string' || first !== 'role' || second !== 'content' || others.length > 0) {
    return JSON.stringify(message);
  }
  const text = `{"role":"${message.role}","content":${jsonOf(content)}}`;
  forgetJson(content);
  return text;
}
