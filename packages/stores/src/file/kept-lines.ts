import type { Blob, Line } from './line.ts';

/** A line as far as a reader needs it. */
export type KeptLine = Pick<Line, 'bytes' | 'textAt' | 'textEnd' | 'blob'>;

/** Buffer, beginning and end of the text. */
const PLACES = 3;

/** The lines of a segment that were checked, and the bytes they are in: numbers, for there may be very many. */
export class KeptLines {
  readonly #buffers: Buffer[] = [];
  readonly #places: number[] = [];
  /** Contents that are kept apart, by the index of the line. */
  readonly #blobs = new Map<number, Blob>();

  /** Adds the next line. */
  add({ bytes, textAt, textEnd, blob }: Line): void {
    if (this.#buffers.at(-1) !== bytes) this.#buffers.push(bytes);
    if (blob) this.#blobs.set(this.#places.length / PLACES, blob);
    this.#places.push(this.#buffers.length - 1, textAt, textEnd);
  }

  /** The line with this index. */
  line(index: number): KeptLine | undefined {
    const [buffer = 0, textAt, textEnd] = this.#places.slice(index * PLACES, index * PLACES + PLACES);
    const bytes = this.#buffers[buffer];
    if (!bytes || textAt === undefined || textEnd === undefined) return undefined;
    return { bytes, textAt, textEnd, blob: this.#blobs.get(index) ?? null };
  }
}
