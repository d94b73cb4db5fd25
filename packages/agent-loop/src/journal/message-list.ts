import type { MessageParam } from '../api.ts';
import { type AnyMessage, isPlain, KeptMessage, messageOf, parseRow } from './kept-message.ts';
import type { KeptRow, MessageSource, RowWriter, SavedContent } from './message-row.ts';

/** Messages as a checkpoint has them, but for their bytes. */
export interface SavedMessages {
  readonly sources: readonly MessageSource[];
  /** Where they end, see `RowWriter`. */
  readonly ends: readonly number[];
  /** The places of those that hold more than text: images and breakpoints are looked for, so they are parsed at once. */
  readonly looks: readonly number[];
}

/** Messages, of which some are as their journal has them, and the entries they were made of. */
export class MessageList {
  #messages: AnyMessage[] = [];
  #sources: MessageSource[] = [];
  /** Whether some of them may not have been parsed. */
  #unread = false;

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
    if (this.#unread) this.#parseRows();
    this.#unread = false;
    return this.#messages as readonly MessageParam[];
  }

  /** The messages from there on, parsed. */
  from(start: number): readonly MessageParam[] {
    for (let index = start; index < this.#messages.length; index += 1) this.#parse(index);
    return this.#messages.slice(start) as MessageParam[];
  }

  /** Adds a message: that of an entry, or of the results in several. Null for one that they do not have as it is. */
  push(message: MessageParam, source: SavedContent | null): void {
    this.#messages.push(message);
    this.#sources.push(source ?? { role: message.role });
  }

  /** Other messages in place of those from there on. */
  replace(start: number, messages: readonly MessageParam[]): void {
    const before = new Map(this.#messages.slice(start).map((message, index) => [message, start + index]));
    const sources = messages.map(
      (message) => this.#sources[before.get(message) ?? -1] ?? { role: message.role },
    );
    this.#messages.splice(start, Infinity, ...messages);
    this.#sources.splice(start, Infinity, ...sources);
  }

  /** For a checkpoint, whose bytes hold the messages themselves. */
  save(row: RowWriter): SavedMessages {
    const looks: number[] = [];
    for (const [index, message] of this.#messages.entries()) {
      const source = this.#sources[index] ?? { role: message.role };
      if (typeof source === 'object' && 'role' in source) row.addWhole(messageOf(message));
      else row.add(source);
      if (!(message instanceof KeptMessage) && !isPlain(message)) looks.push(index);
    }
    row.finish();
    return { sources: this.#sources, ends: row.ends, looks };
  }

  /** Takes the messages that a checkpoint has, as they were laid out. */
  restore({ sources, looks }: SavedMessages, { messages }: KeptRow): void {
    this.#messages = [...messages];
    this.#sources = [...sources];
    this.#unread = true;
    for (const index of looks) this.#parse(index);
  }

  #parse(index: number): void {
    const message = this.#messages[index];
    if (message instanceof KeptMessage) this.#messages[index] = message.message;
  }

  /** Stretches of messages that nobody has parsed, each in one go. */
  #parseRows(): void {
    const messages = this.#messages;
    for (let next = 0; next < messages.length; next += 1) {
      const start = next;
      while (messages[next] instanceof KeptMessage) next += 1;
      let at = start;
      parseRow(messages.slice(start, next) as KeptMessage[], (message) => {
        messages[at] = message;
        at += 1;
      });
    }
  }
}
