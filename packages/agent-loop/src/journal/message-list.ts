import type { MessageParam } from '../api.ts';
import { type AnyMessage, isPlain, KeptMessage, type KeptResult, messageOf } from './kept-message.ts';
import type { Restoring, Saving } from './saved-state.ts';

/**
 * The entry whose content is that of a message, or the entries of its results; null where neither is so, as for a message
 * that was changed since.
 */
export type Source = number | readonly number[] | null;

/**
 * A message as a checkpoint has it: by the position of the entry whose content it has, which is below zero for a user's; by
 * the calls and positions of its results, below zero where they failed; or as it is. One that holds more than text is
 * parsed again at once, for images and breakpoints are looked for.
 */
export type SavedMessage =
  | SavedContent
  | { readonly look: SavedContent }
  | { readonly message: MessageParam };
type SavedContent = number | readonly (string | number)[];

/** Messages, of which some are as their journal has them, and the entries they were made of. */
export class MessageList {
  readonly #messages: AnyMessage[] = [];
  readonly #sources: Source[] = [];
  /** How many of them have not been parsed, at most. */
  #unread = 0;

  /** The messages, as far as they are parsed. */
  get all(): readonly AnyMessage[] {
    return this.#messages;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Whose message is the last; undefined where there is none. */
  get lastRole(): MessageParam['role'] | undefined {
    return this.#messages.at(-1)?.role;
  }

  /** The messages. Parses them all. */
  get parsed(): readonly MessageParam[] {
    if (this.#unread > 0) this.from(0);
    this.#unread = 0;
    return this.#messages as readonly MessageParam[];
  }

  /** The messages from there on, parsed. */
  from(start: number): readonly MessageParam[] {
    for (let index = start; index < this.#messages.length; index += 1) {
      const message = this.#messages[index];
      if (message instanceof KeptMessage) this.#messages[index] = message.message;
    }
    return this.#messages.slice(start) as MessageParam[];
  }

  push(message: AnyMessage, source: Source): void {
    if (message instanceof KeptMessage) this.#unread += 1;
    this.#messages.push(message);
    this.#sources.push(source);
  }

  /** Other messages in place of those from there on. */
  replace(start: number, messages: readonly MessageParam[]): void {
    const before = new Map(this.#messages.slice(start).map((message, index) => [message, start + index]));
    const sources = messages.map((message) => this.#sources[before.get(message) ?? -1] ?? null);
    this.#messages.splice(start, Infinity, ...messages);
    this.#sources.splice(start, Infinity, ...sources);
  }

  /** For a checkpoint. */
  save(saving: Saving): SavedMessage[] {
    return this.#messages.map((message, index) => {
      const source = this.#sources[index] ?? null;
      if (source === null) return { message: messageOf(message) };
      const saved = savedAs(message, source, saving);
      return message instanceof KeptMessage || isPlain(message) ? saved : { look: saved };
    });
  }

  /** What a checkpoint has. */
  restore(saved: readonly SavedMessage[], from: Restoring): void {
    for (const message of saved) {
      if (typeof message === 'object' && 'message' in message) this.push(message.message, null);
      else if (typeof message === 'object' && 'look' in message) {
        const [kept, source] = keptOf(message.look, from);
        this.push(kept.message, source);
      } else this.push(...keptOf(message, from));
    }
  }
}

function savedAs(message: AnyMessage, source: number | readonly number[], saving: Saving): SavedContent {
  if (typeof source === 'number') {
    saving.contents.push(source);
    return message.role === 'assistant' ? source : below(source);
  }
  saving.contents.push(...source);
  return resultsOf(message).flatMap(({ callId, failed }, index) => {
    const seq = source[index] ?? 0;
    return [callId, failed ? below(seq) : seq];
  });
}

function resultsOf(message: AnyMessage): readonly Pick<KeptResult, 'callId' | 'failed'>[] {
  if (message instanceof KeptMessage) return message.results;
  if (typeof message.content === 'string') return [];
  return message.content.flatMap((block) =>
    block.type === 'tool_result' ? [{ callId: block.tool_use_id, failed: block.is_error === true }] : [],
  );
}

function keptOf(saved: SavedContent, from: Restoring): [KeptMessage, Source] {
  if (typeof saved === 'number') {
    const seq = saved < 0 ? below(saved) : saved;
    return [new KeptMessage(saved < 0 ? 'user' : 'assistant', from.content(seq)), seq];
  }
  const results: KeptResult[] = [];
  const source: number[] = [];
  for (let index = 0; index < saved.length; index += 2) {
    const place = Number(saved[index + 1]);
    const failed = place < 0;
    const seq = failed ? below(place) : place;
    results.push({ callId: String(saved[index]), failed, content: from.content(seq) });
    source.push(seq);
  }
  return [new KeptMessage('user', results), source];
}

/** Maps positions to numbers below zero, and back. */
function below(seq: number): number {
  return -1 - seq;
}
