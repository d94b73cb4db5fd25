import type { Blob } from './line.ts';

/** Where the JSON of a content is: bytes of the segment, or a file of its own. */
export type ContentPlace = { readonly from: number; readonly to: number } | { readonly blob: Blob };

/** Where the contents of a segment's entries are. There may be very many, so most are numbers and not objects. */
export class ContentPlaces {
  /** Entries in their order, and for each the first byte and the one behind the last. */
  readonly #seqs: number[] = [];
  readonly #ends: number[] = [];
  /** Those that have files of their own, by their entries. */
  readonly blobs = new Map<number, Blob>();
  /** Those before all that were added here, where they are told only when somebody asks. */
  readonly #earlier: (() => ContentPlaces) | undefined;

  constructor(earlier?: () => ContentPlaces) {
    this.#earlier = earlier;
  }

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
    if (this.#seqs[index] !== seq) return this.#earlier?.().of(seq);
    return { from: this.#ends[2 * index] ?? 0, to: this.#ends[2 * index + 1] ?? 0 };
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
