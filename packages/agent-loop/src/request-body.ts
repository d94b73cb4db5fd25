import type { MessageParam, RequestParams } from './api.ts';
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
  #messages = 0;
  readonly #headLength: number;

  /** `params` are the fields that stay the same; they stand before the messages. */
  constructor(params: Omit<RequestParams, 'container'>) {
    this.#write(headOf(params));
    this.#headLength = this.#length;
  }

  /** Adds a message at the end. */
  append(message: MessageParam): void {
    this.#write((this.#messages === 0 ? '' : ',') + jsonOfMessage(message));
    this.#messages += 1;
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

  /** The whole body with other fields before the same messages, as a copy: for the rare request that differs. */
  bytesWith(params: Omit<RequestParams, 'container'>, container?: RequestParams['container']): Uint8Array {
    const head = encoder.encode(headOf(params));
    const rest = this.bytes(container).subarray(this.#headLength);
    const whole = new Uint8Array(head.length + rest.length);
    whole.set(head);
    whole.set(rest, head.length);
    return whole;
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
