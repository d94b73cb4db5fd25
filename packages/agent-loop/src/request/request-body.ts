import type { MessageParam, RequestParams } from '../api.ts';
import { forgetJson, jsonOf } from './json-cache.ts';

const encoder = new TextEncoder();
const FIRST_CAPACITY = 1024;
const END = encoder.encode(']}');

/**
 * The JSON body of the next request, kept as bytes. Every message is serialised once, when it joins, and never copied
 * for a request. So the CPU cost of a request does not grow with the history but for sending it, and successive bodies
 * share a byte-identical prefix, which is what the prompt cache reads back.
 */
export class RequestBody {
  #buffer = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  /** For each message where it ends, counted from the end of the head. */
  readonly #ends: number[] = [];
  #headLength: number;
  #params: object;

  /** `params` are the fields that stay the same; they stand before the messages. */
  constructor(params: Omit<RequestParams, 'container'>) {
    this.#write(headOf(params));
    this.#headLength = this.#length;
    this.#params = params;
  }

  /** Size of the body in bytes, but for what follows the messages. */
  get length(): number {
    return this.#length;
  }

  /** Puts other fields before the messages from here on: moves the messages where the new ones differ in length. */
  lead(params: Omit<RequestParams, 'container'>): void {
    if (params === this.#params) return;
    this.#params = params;
    const head = encoder.encode(headOf(params));
    const shift = head.length - this.#headLength;
    if (shift > 0) this.#reserve(shift);
    if (shift !== 0) this.#buffer.copyWithin(head.length, this.#headLength, this.#length);
    this.#buffer.set(head);
    this.#headLength = head.length;
    this.#length += shift;
  }

  /** Adds a message at the end. */
  append(message: MessageParam): void {
    this.#write((this.#ends.length === 0 ? '' : ',') + jsonOfMessage(message));
    this.#ends.push(this.#length - this.#headLength);
  }

  /**
   * The whole body, as a view: its end is overwritten by the next message. A request is over by then, for the next
   * message is its reply. The container can change from request to request, so it stands last.
   */
  bytes(container?: RequestParams['container']): Uint8Array {
    const end = container === undefined ? END : encoder.encode(`],"container":${JSON.stringify(container)}}`);
    this.#reserve(end.length);
    this.#buffer.set(end, this.#length);
    return this.#buffer.subarray(0, this.#length + end.length);
  }

  /** The whole body with other fields before the messages, or with other messages at some places, as a copy: for the rare request that differs. */
  copy({ params, messages = NONE }: BodyChanges, container?: RequestParams['container']): Uint8Array {
    const parts: Uint8Array[] = [];
    if (params) parts.push(encoder.encode(headOf(params)));
    const whole = this.bytes(container);
    let from = params ? this.#headLength : 0;
    for (const [place, message] of [...messages].toSorted(([one], [other]) => one - other)) {
      const before = this.#ends[place - 1];
      const start = this.#headLength + (before === undefined ? 0 : before + 1);
      parts.push(whole.subarray(from, start), encoder.encode(JSON.stringify(message)));
      from = this.#headLength + (this.#ends[place] ?? 0);
    }
    parts.push(whole.subarray(from));
    return joined(parts);
  }

  #write(text: string): void {
    // Most text is ASCII, a byte a character. The rest needs at most three bytes for a UTF-16 code unit.
    this.#reserve(text.length);
    const { read, written } = encoder.encodeInto(text, this.#buffer.subarray(this.#length));
    this.#length += written;
    if (read === text.length) return;
    this.#reserve((text.length - read) * 3);
    this.#length += encoder.encodeInto(text.slice(read), this.#buffer.subarray(this.#length)).written;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.ceil(this.#buffer.length * 1.5)));
    grown.set(this.#buffer.subarray(0, this.#length));
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

function headOf(params: Omit<RequestParams, 'container'>): string {
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
