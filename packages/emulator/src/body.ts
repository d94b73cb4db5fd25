import type { Frame } from './frames.ts';
import { frameText } from './frames.ts';
import type { ChunkOptions } from './types.ts';

/** Thrown out of a body to say that the socket is cut here. */
export class SocketCut extends Error {
  override readonly name = 'SocketCut';
}

/** Waits for so many milliseconds (Infinity: for ever) or until the signal aborts; never rejects. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** The bytes of a response body, write by write. */
export type Body = AsyncGenerator<Uint8Array, void, undefined>;

/** How a body is written, and who is told what has been produced. */
export interface BodyOptions {
  readonly chunk: ChunkOptions;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** Called with the output tokens produced so far, just before each event is written. */
  readonly onProgress: (outputTokens: number) => void;
  /** Cut the socket after this many bytes. */
  readonly cutAfterBytes?: number | undefined;
  /** Pause between the pieces that `chunk.bytes` makes, in milliseconds. */
  readonly pauseMs?: number | undefined;
}

const encoder = new TextEncoder();

/** Writes frames as SSE bytes with the wanted pauses and splits. */
export function writeFrames(frames: Iterable<Frame>, options: BodyOptions): Body {
  return shape(groups(frames, options), options);
}

/** Writes one text, in pieces where the options say so. */
export function writeText(text: string, options: BodyOptions): Body {
  return shape(once(encoder.encode(text)), options);
}

/** Wraps only what is asked for: each layer costs a few microtasks per write. */
function shape(body: Body, options: BodyOptions): Body {
  const cut = options.chunk.bytes === undefined ? body : pieces(body, options.chunk.bytes, options);
  return options.cutAfterBytes === undefined ? cut : limitBytes(cut, options.cutAfterBytes);
}

async function* once(bytes: Uint8Array): Body {
  yield bytes;
}

/** One write per `eventsPerWrite` events; a pause or an action flushes what is held. */
async function* groups(frames: Iterable<Frame>, { chunk, sleep, signal, onProgress }: BodyOptions): Body {
  const { eol = '\n', delayMs = 0, eventsPerWrite = 1 } = chunk;
  let held = '';
  let count = 0;
  let first = true;
  for (const frame of frames) {
    if (signal.aborted) return;
    if (frame.kind === 'event' || frame.kind === 'raw') {
      if (delayMs > 0 && !first) await sleep(delayMs, signal);
      if (signal.aborted) return;
      first = false;
      if (frame.kind === 'event') onProgress(frame.outputTokens);
      held += frameText(frame, eol);
      if (++count < eventsPerWrite) continue;
    }
    if (held) yield* splitNastily(held, chunk);
    held = '';
    count = 0;
    if (frame.kind === 'wait') await sleep(frame.ms, signal);
    if (frame.kind === 'cut') throw new SocketCut('cut');
    if (frame.kind === 'end') return;
  }
  if (held) yield* splitNastily(held, chunk);
}

function* splitNastily(text: string, { split }: ChunkOptions): Generator<Uint8Array> {
  const bytes = encoder.encode(text);
  const at = split === undefined ? -1 : splitPoint(bytes, split);
  if (at <= 0) {
    yield bytes;
    return;
  }
  yield bytes.slice(0, at);
  yield bytes.slice(at);
}

function splitPoint(bytes: Uint8Array, split: 'utf8' | 'json' | 'eol'): number {
  if (split === 'utf8') return bytes.findIndex((byte) => byte >= 0xc0) + 1;
  if (split === 'eol') return bytes.indexOf(0x0d) + 1 || bytes.indexOf(0x0a) + 1;
  return Math.floor((bytes.indexOf(0x7b) + bytes.length) / 2);
}

async function* pieces(body: Body, size: number, { sleep, signal, pauseMs = 0 }: BodyOptions): Body {
  for await (const bytes of body) {
    for (let start = 0; start < bytes.length; start += size) {
      if (signal.aborted) return;
      yield bytes.slice(start, start + size);
      if (pauseMs > 0) await sleep(pauseMs, signal);
    }
  }
}

async function* limitBytes(body: Body, limit: number): Body {
  let left = limit;
  for await (const bytes of body) {
    yield bytes.slice(0, left);
    left -= bytes.length;
    if (left <= 0) throw new SocketCut('cut');
  }
}
