import type { MessageParam } from '../api.ts';

/**
 * The entries that a message is made of: the position of the one whose content it has, or calls and the positions of their
 * results, one after the other. A user's message, and a failed result, has its position as `below` makes it.
 */
export type SavedContent = number | readonly (string | number)[];

/** What a message is made of; of one that the entries do not have as it is, only whose it is. */
export type MessageSource = SavedContent | { readonly role: MessageParam['role'] };

/** A number below zero for each position, and the position again for each of these. */
export function below(seq: number): number {
  return -1 - seq;
}

/** The position of an entry, however it is told. */
function positionOf(place: number): number {
  return place < 0 ? below(place) : place;
}

/** Lays messages out as they are sent, commas between them: contents, and the text between two of them in one piece. */
export class RowWriter {
  readonly pieces: (string | number)[] = [];
  /** Where messages end: for each the number of a piece, and how many bytes behind its end. */
  readonly ends: number[] = [];
  #text = '';

  /** The next message, made of entries. */
  add(source: SavedContent): void {
    if (this.ends.length > 0) this.#text += ',';
    if (typeof source === 'number') this.#addContent(source);
    else this.#addResults(source);
    this.ends.push(this.pieces.length - 1, this.#text.length);
  }

  /** The next message, in a piece of its own, for its characters may take several bytes each. */
  addWhole(message: MessageParam): void {
    if (this.ends.length > 0) this.#text += ',';
    this.finish();
    this.ends.push(this.pieces.push(JSON.stringify(message)) - 1, 0);
  }

  /** The last message was added. */
  finish(): void {
    if (this.#text !== '') this.pieces.push(this.#text);
    this.#text = '';
  }

  #addContent(place: number): void {
    this.#text += `{"role":"${place < 0 ? 'user' : 'assistant'}","content":`;
    this.#addEntry(place);
    this.#text = '}';
  }

  #addResults(results: readonly (string | number)[]): void {
    this.#text += '{"role":"user","content":[';
    for (let index = 0; index < results.length; index += 2) {
      const place = Number(results[index + 1]);
      const callId = JSON.stringify(results[index]);
      this.#text += `${index > 0 ? ',' : ''}{"type":"tool_result","tool_use_id":${callId},"content":`;
      this.#addEntry(place);
      this.#text = place < 0 ? ',"is_error":true}' : '}';
    }
    this.#text += ']}';
  }

  #addEntry(place: number): void {
    this.finish();
    this.pieces.push(positionOf(place));
  }
}

/** Whose message it is that is made of this. */
export function roleOf(source: MessageSource): MessageParam['role'] {
  if (typeof source === 'number') return source < 0 ? 'user' : 'assistant';
  return 'role' in source ? source.role : 'user';
}
