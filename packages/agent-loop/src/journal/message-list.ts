import type { MessageParam } from '../api.ts';
import { type AnyMessage, isPlain, KeptMessage, messageOf } from './kept-message.ts';
import { type MessageSource, roleOf, type RowWriter, type SavedContent } from './message-row.ts';
import { type KeptRow, messageIn, parsedMessages } from './kept-row.ts';

/** Messages as a checkpoint has them, but for their bytes. */
export interface SavedMessages {
  readonly sources: readonly MessageSource[];
  /** Where they end, see `RowWriter`. */
  readonly ends: readonly number[];
  /** The places of those that hold more than text: images and breakpoints are looked for, so they are parsed at once. */
  readonly looks: readonly number[];
}

/** Messages, and the entries they were made of. The first of them may be bytes that nobody has looked at. */
export class MessageList {
  /** The bytes, and how many of the messages in them are still to be taken out. */
  #row: KeptRow | null = null;
  #inRow = 0;
  /** Those behind the row. */
  #messages: AnyMessage[] = [];
  #sources: MessageSource[] = [];
  /** Whether some of `#messages` may not have been parsed. */
  #unread = false;

  /** The messages, as far as they are parsed. */
  get all(): readonly AnyMessage[] {
    this.#takeOut(0);
    return this.#messages;
  }

  get length(): number {
    return this.#sources.length;
  }

  /** Whose message is the last; undefined where there is none. */
  get lastRole(): MessageParam['role'] | undefined {
    return this.roleAt(this.length - 1);
  }

  /** Whose message that is; undefined where there is none. */
  roleAt(index: number): MessageParam['role'] | undefined {
    const source = this.#sources[index];
    return this.#messages[index - this.#inRow]?.role ?? (source === undefined ? undefined : roleOf(source));
  }

  /** The messages. Parses them all. */
  get parsed(): readonly MessageParam[] {
    if (this.#row) this.#messages = [...parsedMessages(this.#row, this.#inRow), ...this.#messages];
    this.#row = null;
    this.#inRow = 0;
    if (this.#unread) this.from(0);
    this.#unread = false;
    return this.#messages as readonly MessageParam[];
  }

  /** The messages from there on, parsed. */
  from(start: number): readonly MessageParam[] {
    this.#takeOut(start);
    const messages = this.#messages;
    for (let index = start - this.#inRow; index < messages.length; index += 1) {
      const message = messages[index];
      if (message instanceof KeptMessage) messages[index] = message.message;
    }
    return messages.slice(start - this.#inRow) as MessageParam[];
  }

  /** The messages from there on, as far as they are parsed. */
  since(start: number): readonly AnyMessage[] {
    this.#takeOut(start);
    return this.#messages.slice(start - this.#inRow);
  }

  /** Adds a message: that of an entry, or of the results in several. Null for one that they do not have as it is. */
  push(message: MessageParam, source: SavedContent | null): void {
    this.#messages.push(message);
    this.#sources.push(source ?? { role: message.role });
  }

  /** Other messages in place of those from there on. */
  replace(start: number, messages: readonly MessageParam[]): void {
    const before = new Map(this.from(start).map((message, index) => [message, start + index]));
    const sources = messages.map(
      (message) => this.#sources[before.get(message) ?? -1] ?? { role: message.role },
    );
    this.#messages.splice(start - this.#inRow, Infinity, ...messages);
    this.#sources.splice(start, Infinity, ...sources);
  }

  /** For a checkpoint, whose bytes hold the messages themselves. */
  save(row: RowWriter): SavedMessages {
    const looks: number[] = [];
    for (const [index, message] of this.all.entries()) {
      const source = this.#sources[index] ?? { role: message.role };
      if (typeof source === 'object' && 'role' in source) row.addWhole(messageOf(message));
      else row.add(source);
      if (!(message instanceof KeptMessage) && !isPlain(message)) looks.push(index);
    }
    row.finish();
    return { sources: this.#sources, ends: row.ends, looks };
  }

  /** Takes the messages that a checkpoint has. */
  restore({ sources, looks }: SavedMessages, row: KeptRow): void {
    this.#row = row;
    this.#inRow = sources.length;
    this.#sources = [...sources];
    for (const index of looks) {
      const message = this.all[index];
      if (message) this.#messages[index] = messageOf(message);
    }
  }

  /** Takes the messages from there on out of the row. */
  #takeOut(start: number): void {
    const row = this.#row;
    if (!row || start >= this.#inRow) return;
    const taken: KeptMessage[] = [];
    for (let index = start; index < this.#inRow; index += 1)
      taken.push(messageIn(row, index, roleOf(this.#sources[index] ?? 0)));
    this.#messages = [...taken, ...this.#messages];
    this.#unread = true;
    this.#inRow = start;
    if (start === 0) this.#row = null;
  }
}
