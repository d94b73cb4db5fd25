import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ReplyBody } from './reply-body.ts';

type ByteStream = ReadableStream<Uint8Array>;

/** What a reply knows besides its body. */
interface ReplyHead {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly headers: Headers;
}

/** The head of the reply to a request for `url`. */
export function headOf(message: IncomingMessage, url: URL): ReplyHead {
  const raw = message.rawHeaders;
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] as string, raw[i + 1] as string);
  const { statusCode = 0, statusMessage = '' } = message;
  const href = url.hash ? url.href.slice(0, -url.hash.length) : url.href;
  return { status: statusCode, statusText: statusMessage, url: href, headers };
}

/** The reply as the `Response` that callers of fetch expect. */
export function replyOf(head: ReplyHead, body: ReplyBody | undefined): Response {
  // Here and not at import: the first mention of `Response` makes Node load the whole of its fetch.
  if (!(Reply.prototype instanceof Response)) Object.setPrototypeOf(Reply.prototype, Response.prototype);
  return new Reply(head, body);
}

const utf8 = new TextDecoder();

/**
 * A `Response` over an HTTP reply. `instanceof Response` holds, yet the native constructor never runs: text,
 * JSON and async iteration read the reply directly, and a real `ReadableStream` is there for all other readers.
 */
class Reply {
  readonly #head: ReplyHead;
  readonly #source: ReplyBody | undefined;
  #stream: ByteStream | undefined;
  /** After `clone()` the stream is one branch of a tee, and the source belongs to both. */
  #shared = false;
  #used = false;

  constructor(head: ReplyHead, source: ReplyBody | undefined, branch?: ByteStream) {
    this.#head = head;
    this.#source = source;
    this.#stream = branch;
    this.#shared = branch !== undefined;
    if (!branch) source?.cancelWhenCollected(this);
  }

  get type(): 'basic' {
    return 'basic';
  }
  get url(): string {
    return this.#head.url;
  }
  get redirected(): boolean {
    return false;
  }
  get status(): number {
    return this.#head.status;
  }
  get statusText(): string {
    return this.#head.statusText;
  }
  get ok(): boolean {
    return this.#head.status >= 200 && this.#head.status <= 299;
  }
  get headers(): Headers {
    return this.#head.headers;
  }
  get bodyUsed(): boolean {
    return this.#used || (this.#stream !== undefined && Readable.isDisturbed(this.#stream as never));
  }
  get body(): ByteStream | null {
    if (!this.#source) return null;
    if (!this.#stream) {
      this.#stream = this.#open(this.#source);
      if (this.#used) this.#stream.getReader();
    }
    return this.#stream;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#source) return new Uint8Array();
    if (this.bodyUsed || this.#stream?.locked)
      throw new TypeError('Body is unusable: Body has already been read');
    if (this.#shared) return new Uint8Array(await new Response(this.#stream as never).arrayBuffer());
    this.#used = true;
    this.#stream?.getReader();
    return this.#source.gather();
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }
  async text(): Promise<string> {
    return utf8.decode(await this.bytes());
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
  async blob(): Promise<Blob> {
    return new Response(await this.bytes(), { headers: this.headers }).blob();
  }
  async formData(): Promise<FormData> {
    // oxlint-disable-next-line typescript/no-deprecated -- a Response has it; the advice is for servers
    return new Response(await this.bytes(), { headers: this.headers }).formData();
  }

  clone(): Reply {
    const body = this.body;
    if (this.bodyUsed || body?.locked) throw new TypeError('Response.clone: Body has already been consumed.');
    const head = { ...this.#head, headers: new Headers(this.headers) };
    if (!body) return new Reply(head, undefined);
    const [mine, theirs] = body.tee();
    this.#stream = mine;
    this.#shared = true;
    return new Reply(head, this.#source, theirs);
  }

  #open(source: ReplyBody): ByteStream {
    // Both closures hold the reply: it must live as long as its stream, or its end would cancel the body.
    const use = () => {
      this.#used ||= !this.#shared;
    };
    const stream: ByteStream = new ReadableStream(
      {
        async pull(controller) {
          use();
          const bytes = await source.next();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        },
        cancel() {
          use();
          source.cancel();
        },
      },
      { highWaterMark: 0 },
    );
    const iterate = () => directIterator(stream, source, use);
    Object.defineProperty(stream, Symbol.asyncIterator, {
      value: iterate,
      configurable: true,
      writable: true,
    });
    return stream;
  }
}

/**
 * Iterates over the source without the stream's own queue. The stream is locked meanwhile, so that a second
 * reader fails as it does with any stream.
 */
function directIterator(
  stream: ByteStream,
  source: ReplyBody,
  use: () => void,
): AsyncIterableIterator<Uint8Array> {
  const reader = stream.getReader();
  return {
    async next() {
      use();
      try {
        const value = await source.next();
        if (value) return { value, done: false };
      } catch (error) {
        reader.releaseLock();
        throw error;
      }
      reader.releaseLock();
      return { value: undefined, done: true };
    },
    async return() {
      use();
      source.cancel();
      reader.releaseLock();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
