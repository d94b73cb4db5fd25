import { type KeptTexts, PLACES } from './kept-texts.ts';
import { type KeptCall, type Slice, sliceOf, sliceText } from './kept-message.ts';
import { CALL_HEAD } from './plain-entry.ts';
import type { SessionState } from './session-state.ts';

const [SPACE, PLUS, ZERO, NINE, BRACE, BRACE_END, QUOTE] = [32, 43, 48, 57, 123, 125, 34];
/** Letters by which hints, and the types of plain entries, are told apart. */
const [C, E, I, P, Q, R, S, T] = [99, 101, 105, 112, 113, 114, 115, 116];
const KIND_AT = '{"type":"'.length;
const TURN = sliceOf('request","turn":').bytes;
const CONTENT = ',"content":';

/** Entries of some texts, from one position to the one before another. */
export interface Stretch {
  readonly of: KeptTexts;
  readonly from: number;
  readonly to: number;
}

/** Fields of a text that are parsed after all. */
interface Header {
  readonly runId?: string;
  readonly turn?: number;
  readonly at?: number;
  readonly callId?: string;
}

/** Folds plain entries by what their hints and places say; their JSON is not parsed, but for a few small beginnings. */
export class PlainFold {
  readonly #state: SessionState;
  /** The calls of replies since the texts began to lean on each other, by their index. */
  #calls: KeptCall[] = [];
  /** Results that came before the reply which asked for them, by the id of the call. */
  readonly #early = new Map<string, KeptCall>();
  #turn = 0;

  constructor(state: SessionState) {
    this.#state = state;
  }

  /** Whether plain entries can be taken now: an open call that was parsed needs its result parsed too. */
  canTake(): boolean {
    return !this.#state.transcript.hasOpenCalls;
  }

  /** Leaves the state so that entries can be applied to it. */
  release(): void {
    this.#state.release(this.#early.values());
    this.#early.clear();
  }

  /** Folds plain entries, which lean on none before them. */
  take({ of, from, to }: Stretch): void {
    this.#calls = [];
    let at = Number.NaN;
    for (let index = from; index < to; index += 1) {
      const text = new PlainText(of, index);
      at = text.passed < 0 ? (text.header.at ?? Number.NaN) : at + text.passed;
      this.#take(text, at);
    }
  }

  #take(text: PlainText, at: number): void {
    const { bytes, kindAt } = text;
    switch (bytes[kindAt]) {
      case R:
        if (bytes[kindAt + 2] === Q) this.#request(text, at);
        else if (bytes[kindAt + 2] === P) this.#reply(text);
        else if (bytes[kindAt + 4] === S) this.#state.keepStart(text.header.runId ?? '');
        return;
      case T:
        if (bytes[kindAt + 5] === E) this.#result(text);
        return;
      case I:
        this.#state.keepInput();
        this.#state.transcript.keepInput(text.content(1), text.where);
        return;
      default:
        throw text.misplaced();
    }
  }

  #request(text: PlainText, at: number): void {
    if (this.#early.size > 0) this.#early.clear();
    // A turn that is left out is that of the request before.
    this.#turn = text.turn ?? text.header.turn ?? this.#turn;
    this.#state.keepRequest(this.#turn, at);
  }

  #reply(text: PlainText): void {
    const calls: KeptCall[] = [];
    for (let index = text.firstCall; index < text.lastCall; index += 1) {
      const id = text.idAt(index);
      const early = this.#early.size > 0 ? this.#early.get(sliceText(id)) : undefined;
      const call = early ?? { id, result: null, failed: false };
      calls.push(call);
      this.#calls.push(call);
    }
    this.#state.keepReply();
    this.#state.transcript.keepReply(text.content(2), calls, text.where);
  }

  #result(text: PlainText): void {
    const call = text.call < 0 ? this.#callNamed(text) : this.#calls[text.call];
    if (!call) throw text.misplaced();
    call.result = text.content(1);
    call.failed = text.failed;
    this.#state.transcript.keepResults(text.where);
  }

  /** The call is named where its reply had not come, or another process had kept it. */
  #callNamed(text: PlainText): KeptCall {
    const id = JSON.stringify(text.header.callId ?? '');
    const known = this.#state.transcript.keptCall(id);
    if (known) return known;
    const call: KeptCall = { id: sliceOf(id), result: null, failed: false };
    this.#early.set(id, call);
    return call;
  }
}

/** One plain entry. */
class PlainText {
  readonly where: string;
  readonly bytes: Uint8Array;
  /** Where its type begins. */
  readonly kindAt: number;
  /** Milliseconds since the entry before; -1 where it tells when it was. */
  readonly passed: number;
  /** The index of the call that it is about; -1 where it names the call, or is about none. */
  readonly call: number;
  /** Whether it is a result that is marked as an error. */
  readonly failed: boolean;
  readonly #texts: KeptTexts;
  readonly #index: number;

  constructor(texts: KeptTexts, index: number) {
    const { places, buffers } = texts;
    const first = index * PLACES;
    const bytes = buffers[places[first] ?? 0] ?? new Uint8Array(0);
    const [textAt, textEnd] = [places[first + 1] ?? 0, places[first + 2] ?? 0];
    let [passed, call, at] = [-1, -1, textAt];
    for (; at < textEnd && bytes[at] !== BRACE; at += 1) {
      const kind = bytes[at];
      let value = 0;
      for (at += 1; at < textEnd && bytes[at] !== SPACE; at += 1)
        value = value * 10 + (bytes[at] ?? 0) - ZERO;
      if (kind === PLUS) passed = value;
      else if (kind === C) call = value;
    }
    this.where = texts.where;
    this.bytes = bytes;
    this.kindAt = at + KIND_AT;
    this.passed = passed;
    this.call = call;
    this.failed = bytes[textAt] === E;
    this.#texts = texts;
    this.#index = index;
  }

  /** Which of `calls` are its own. */
  get firstCall(): number {
    return this.#place(4);
  }
  get lastCall(): number {
    return this.#texts.places[(this.#index + 1) * PLACES + 4] ?? this.#texts.calls.length;
  }

  #place(which: number): number {
    return this.#texts.places[this.#index * PLACES + which] ?? 0;
  }

  /** The turn, where it stands in the usual place. */
  get turn(): number | undefined {
    const { bytes, kindAt } = this;
    if (!startsWith(bytes, kindAt, TURN)) return undefined;
    let turn = 0;
    for (let at = kindAt + TURN.length; isDigit(bytes[at]); at += 1)
      turn = turn * 10 + (bytes[at] ?? 0) - ZERO;
    return turn;
  }

  /** The content, behind which so many braces stand. */
  content(braces: number): Slice {
    const bytes = this.#texts.contents.size > 0 ? this.#texts.contents.get(this.#index) : undefined;
    if (bytes) return { bytes, from: 0, to: bytes.length };
    const from = this.#place(3);
    if (from < 0) throw this.misplaced();
    return { bytes: this.bytes, from, to: this.#place(2) - braces };
  }

  /** The id of a call as JSON. */
  idAt(call: number): Slice {
    const { bytes } = this;
    const at = this.#texts.calls[call] ?? 0;
    const from = at + CALL_HEAD.length;
    const to = bytes.indexOf(QUOTE, from + 1);
    if (bytes[at] !== BRACE || bytes[from] !== QUOTE || to < 0) throw this.misplaced();
    return { bytes, from, to: to + 1 };
  }

  /** The fields before the content. */
  get header(): Header {
    const { bytes } = this;
    const [textEnd, contentAt] = [this.#place(2), this.#place(3)];
    const to = contentAt < 0 ? textEnd : contentAt - CONTENT.length;
    const json = sliceText({ bytes, from: this.kindAt - KIND_AT, to });
    const closing = bytes[textEnd - 2] === BRACE_END ? '}}' : '}';
    return JSON.parse(contentAt < 0 ? json : json + closing) as Header;
  }

  misplaced(): SyntaxError {
    const from = this.#place(1);
    const text = sliceText({ bytes: this.bytes, from, to: Math.min(this.#place(2), from + 80) });
    return new SyntaxError(`An entry is said to be plain and is not: ${text}`);
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function startsWith(bytes: Uint8Array, at: number, beginning: Uint8Array): boolean {
  for (let index = 0; index < beginning.length; index += 1)
    if (bytes[at + index] !== beginning[index]) return false;
  return true;
}
