/** Takes the frames of an event stream: the event's name, or null where a frame has none, and its data. */
export type OnFrame = (event: string | null, data: string) => void;

/**
 * Decodes an event stream piece by piece, and calls `onFrame` for each frame as soon as it is whole.
 *
 * The SDK's own reader hands out frames through three nested asynchronous generators, which costs more CPU than all the
 * rest of a delta's way. Here all frames of a piece are handed out at once. What is a frame is the same for both.
 * See https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseDecoder {
  readonly #onFrame: OnFrame;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Text since the last line ending, in pieces: joined once the line is whole, so that long lines stay linear. */
  #pending: string[] = [];
  /** Whether the text so far ends in CR: an LF that follows belongs to it. */
  #afterCr = false;
  #event: string | null = null;
  #data: string | null = null;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the next piece of the body. */
  feed(bytes: Uint8Array): void {
    this.#text(this.#utf8.decode(bytes, { stream: true }));
  }

  /** The body has ended. A frame without its empty line is no frame. */
  end(): void {
    this.#text(this.#utf8.decode());
  }

  #text(piece: string): void {
    const text = this.#afterCr && piece.startsWith('\n') ? piece.slice(1) : piece;
    if (piece !== '') this.#afterCr = text.endsWith('\r');
    let start = 0;
    const hasCr = text.includes('\r');
    for (let end = nextEnding(text, start, hasCr); end !== -1; end = nextEnding(text, start, hasCr)) {
      this.#pending.push(text.slice(start, end));
      this.#line(this.#pending.length === 1 ? (this.#pending[0] ?? '') : this.#pending.join(''));
      this.#pending = [];
      start = end + (text[end] === '\r' && text[end + 1] === '\n' ? 2 : 1);
    }
    if (start < text.length) this.#pending.push(text.slice(start));
  }

  #line(given: string): void {
    const line = given.charCodeAt(0) === 0xfeff ? given.slice(1) : given;
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    if (field !== 'event' && field !== 'data') return;
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    else this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
  }

  #dispatch(): void {
    const event = this.#event;
    const data = this.#data;
    this.#event = null;
    this.#data = null;
    if (event !== null || data !== null) this.#onFrame(event, data ?? '');
  }
}

function nextEnding(text: string, from: number, hasCr: boolean): number {
  const lf = text.indexOf('\n', from);
  if (!hasCr) return lf;
  const cr = text.indexOf('\r', from);
  return cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
}
