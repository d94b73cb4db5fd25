import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** Bytes waiting to be read above which the connection is paused. */
const HIGH_WATER_BYTES = 65_536;

/** Closes the connection of a reply that nobody read or holds any more, as the global fetch does. */
const abandoned = new FinalizationRegistry<ReplyBody>((body) => body.cancel());

/**
 * The bytes of one HTTP reply, pulled by one reader.
 *
 * Knows nothing of the `Response` in front of it, so that a `Response` nobody holds any more can be
 * collected and its connection closed, although the socket and the abort signal still hold this object.
 */
export class ReplyBody {
  /** Undefined once settled: somebody may hold this object until the next thorough garbage collection. */
  #from:
    | { readonly message: IncomingMessage; readonly readable: Readable; readonly onSettled: () => void }
    | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #failed = false;
  #error: unknown;
  #gathering = false;
  #arriving: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /**
   * `readable` is `message` itself or its decompressed form. `onSettled` is called once: when everything has
   * been read, or the body was cancelled, aborted or cut, so that an abort has nothing left to stop.
   */
  constructor(message: IncomingMessage, readable: Readable, onSettled: () => void) {
    this.#from = { message, readable, onSettled };
    readable.on('data', (chunk: Uint8Array) => this.#push(chunk));
    readable.on('end', () => this.#end());
    readable.on('error', (error) => this.fail(error));
    readable.on('close', () => this.fail(new Error('the connection closed before the body ended')));
  }

  /** Cancels the body when `holder`, the only way to read it, is garbage collected. */
  cancelWhenCollected(holder: object): void {
    if (this.#from) abandoned.register(holder, this, this);
  }

  /**
   * The next bytes, or `undefined` at the end. Bytes that waited come as one piece: parsing one network read
   * in one go costs a fraction of one step per HTTP chunk.
   * @throws TypeError `terminated` when the connection broke, or the reason the request was aborted with.
   */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#bytes === 0) {
      if (this.#failed) throw this.#error;
      if (this.#ended) return undefined;
      await this.#arrival();
    }
    return this.#take();
  }

  /** All remaining bytes; throws like `next`. */
  async gather(): Promise<Uint8Array<ArrayBuffer>> {
    this.#gathering = true;
    this.#from?.readable.resume();
    while (!this.#ended && !this.#failed) await this.#arrival();
    if (this.#failed) throw this.#error;
    return this.#take();
  }

  /** Ends the body early. The socket is destroyed unless the whole reply had arrived, when it can serve again. */
  cancel(): void {
    this.#drop();
    this.#release();
    this.#end();
  }

  /** The request was aborted: what waits is dropped and the reader gets `reason`. */
  abort(reason: unknown): void {
    if (!this.#from) return;
    this.#drop();
    this.#release();
    this.#fail(reason);
  }

  /** The connection broke: what arrived can still be read, then the reader gets the error. */
  fail(cause: unknown): void {
    if (!this.#ended && !this.#failed) this.#fail(new TypeError('terminated', { cause }));
  }

  #push(chunk: Uint8Array): void {
    if (this.#ended || this.#failed) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#gathering) return;
    if (this.#bytes > HIGH_WATER_BYTES) this.#from?.readable.pause();
    this.#notify();
  }

  /** Copies, as the global fetch does: the pieces are views of a shared buffer, and a reader may transfer what it gets. */
  #take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      taken.set(chunk, at);
      at += chunk.byteLength;
    }
    if (this.#bytes > HIGH_WATER_BYTES) this.#from?.readable.resume();
    this.#drop();
    if (this.#ended) this.#settle();
    return taken;
  }

  #drop(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** One promise for all who wait: each looks again, in the order they asked. */
  #arrival(): Promise<void> {
    this.#arriving ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#arriving;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#arriving = undefined;
    this.#wake = undefined;
    wake?.();
  }

  #end(): void {
    this.#ended = true;
    if (this.#bytes === 0) this.#settle();
    this.#notify();
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#error = error;
    this.#settle();
    this.#notify();
  }

  #settle(): void {
    const from = this.#from;
    if (!from) return;
    this.#from = undefined;
    abandoned.unregister(this);
    from.onSettled();
  }

  #release(): void {
    if (!this.#from) return;
    const { message, readable } = this.#from;
    if (readable !== message) readable.destroy();
    if (message.complete) message.resume();
    else message.destroy();
  }
}
