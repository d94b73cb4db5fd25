import type { Blob } from './line.ts';

/** Where the JSON of a content is: bytes of the segment, or a file of its own. */
export type ContentPlace = { readonly from: number; readonly to: number } | { readonly blob: Blob };

/** Places as a checkpoint has them. */
export interface SavedPlaces {
  /** Entry, first byte and length, one after the other; entry and first byte as how far they are behind those before. */
  readonly bytes: readonly number[];
  /** All that have files of their own: entry, size and hash. */
  readonly blobs: readonly (readonly [seq: number, size: number, hash: string])[];
}

/** Where the contents of a segment's entries are. There may be very many, so most are numbers and not objects. */
export class ContentPlaces {
  /** Entries in their order, and for each the first byte and the one behind the last. */
  readonly #seqs: number[] = [];
  readonly #ends: number[] = [];
  /** Those that have files of their own, by their entries. */
  readonly blobs = new Map<number, Blob>();

  /** Notes that of an entry later than all before. */
  add(seq: number, place: ContentPlace): void {
    if ('blob' in place) {
      this.blobs.set(seq, place.blob);
      return;
    }
    this.#seqs.push(seq);
    this.#ends.push(place.from, place.to);
  }

  /** Where the content of an entry is; undefined for one without. */
  of(seq: number): ContentPlace | undefined {
    const blob = this.blobs.get(seq);
    if (blob) return { blob };
    const index = this.#indexOf(seq);
    if (this.#seqs[index] !== seq) return undefined;
    return { from: this.#ends[2 * index] ?? 0, to: this.#ends[2 * index + 1] ?? 0 };
  }

  /** Those of these entries, and all that have files of their own. */
  save(wanted: ReadonlySet<number>): SavedPlaces {
    const bytes: number[] = [];
    let [lastSeq, lastTo] = [0, 0];
    for (const [index, seq] of this.#seqs.entries()) {
      if (!wanted.has(seq)) continue;
      const [from, to] = [this.#ends[2 * index] ?? 0, this.#ends[2 * index + 1] ?? 0];
      bytes.push(seq - lastSeq, from - lastTo, to - from);
      [lastSeq, lastTo] = [seq, to];
    }
    return { bytes, blobs: [...this.blobs].map(([seq, { size, hash }]) => [seq, size, hash]) };
  }

  /** Those that a checkpoint has. */
  static restore({ bytes, blobs }: SavedPlaces): ContentPlaces {
    const places = new ContentPlaces();
    let [seq, to] = [0, 0];
    for (let index = 0; index < bytes.length; index += 3) {
      seq += bytes[index] ?? 0;
      const from = to + (bytes[index + 1] ?? 0);
      to = from + (bytes[index + 2] ?? 0);
      places.#seqs.push(seq);
      places.#ends.push(from, to);
    }
    for (const [at, size, hash] of blobs) places.blobs.set(at, { size, hash });
    return places;
  }

  #indexOf(seq: number): number {
    let [low, high] = [0, this.#seqs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seqs[middle] ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
