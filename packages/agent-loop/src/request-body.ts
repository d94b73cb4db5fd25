import type { MessageParam, RequestParams } from './api.ts';

const encoder = new TextEncoder();
const FIRST_CAPACITY = 4096;

/**
 * The JSON body of the next request, kept as bytes. Every message is serialised once, when it joins; building a
 * request copies bytes. So its CPU cost does not grow with the history beyond copying, and successive bodies share a
 * byte-identical prefix, which is what the prompt cache reads back.
 */
export class RequestBody {
  #buffer = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  #messages = 0;

  /** `params` are the fields that stay the same; they stand before the messages. */
  constructor(params: Omit<RequestParams, 'container'>) {
    this.#write(`${JSON.stringify(params).slice(0, -1)},"messages":[`);
  }

  /** Adds a message at the end. */
  append(message: MessageParam): void {
    this.#write((this.#messages === 0 ? '' : ',') + JSON.stringify(message));
    this.#messages += 1;
  }

  /** The whole body, in memory of its own. The container can change from request to request, so it stands last. */
  bytes(container?: RequestParams['container']): Uint8Array {
    const tail = encoder.encode(
      container === undefined ? ']}' : `],"container":${JSON.stringify(container)}}`,
    );
    const body = new Uint8Array(this.#length + tail.length);
    body.set(this.#buffer.subarray(0, this.#length));
    body.set(tail, this.#length);
    return body;
  }

  #write(text: string): void {
    // UTF-8 needs at most three bytes for a UTF-16 code unit.
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#buffer.subarray(this.#length)).written;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
