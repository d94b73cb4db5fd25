import { ContentPlaces } from './content-places.ts';

/** A content that goes somewhere. */
interface Move {
  /** Of the first byte in the segment, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** How the pieces of a checkpoint are put together, as it is kept: numbers, for there may be tens of thousands. */
export interface SavedAssembly {
  readonly before: number;
  readonly behind: number;
  /** For each piece the bytes of its text, or -1 for the next content. */
  readonly pieces: readonly number[];
  /** For each content its entry, the place of its segment among those covered, its first byte there, and its length. One with a file of its own has no segment (-1). */
  readonly contents: readonly number[];
  /** All contents of the covered segments that have files of their own: segment, entry, size and hash. */
  readonly blobs: readonly (readonly [segment: number, seq: number, size: number, hash: string])[];
}

/** Numbers of a content. */
const FIELDS = 4;

/** Says how pieces are put together, of which the contents are in these places, one for each segment. */
export function saveAssembly(
  pieces: readonly (string | number)[],
  { before, behind }: { readonly before: number; readonly behind: number },
  segments: readonly { readonly seq: number; readonly contents: ContentPlaces }[],
): SavedAssembly {
  const contents: number[] = [];
  const lengths = pieces.map((piece) => {
    if (typeof piece === 'string') return Buffer.byteLength(piece);
    const segment = segments.findLastIndex(({ seq }) => seq <= piece);
    const place = segments[segment]?.contents.of(piece);
    if (!place) throw new RangeError(`Entry ${piece} has no content.`);
    if ('blob' in place) contents.push(piece, -1, 0, place.blob.size);
    else contents.push(piece, segment, place.from, place.to - place.from);
    return -1;
  });
  const blobs = segments.flatMap(({ contents: places }, segment) =>
    [...places.blobs].map(([seq, { size, hash }]) => [segment, seq, size, hash] as const),
  );
  return { before, behind, pieces: lengths, contents, blobs };
}

/** Where contents are that a checkpoint says the places of, segment by segment. Few ask: whoever makes the next checkpoint. */
export function placesIn(saved: SavedAssembly, segments: number): readonly ContentPlaces[] {
  let unpacked: readonly ContentPlaces[] | undefined;
  const places = Array.from({ length: segments }, (_, segment) => {
    const none = new ContentPlaces();
    return new ContentPlaces(() => (unpacked ??= unpack(saved, segments))[segment] ?? none);
  });
  for (const [segment, seq, size, hash] of saved.blobs) places[segment]?.add(seq, { blob: { size, hash } });
  return places;
}

function unpack({ contents }: SavedAssembly, segments: number): readonly ContentPlaces[] {
  const places = Array.from({ length: segments }, () => new ContentPlaces());
  const indices = contents.flatMap((_, index) => (index % FIELDS === 0 ? [index] : []));
  for (const index of indices.toSorted((one, other) => (contents[one] ?? 0) - (contents[other] ?? 0))) {
    const [seq = 0, segment = -1, from = 0, length = 0] = contents.slice(index, index + FIELDS);
    places[segment]?.add(seq, { from, to: from + length });
  }
  return places;
}

/** The pieces of a checkpoint, while they are put together. */
export class Assembly {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
  /** By segment, in the order they have there. */
  readonly #moves: Move[][];
  readonly #blobs: { readonly seq: number; readonly at: number }[] = [];

  /** `text`: the texts among the pieces, one behind the other. */
  constructor({ before, behind, pieces, contents }: SavedAssembly, text: Buffer, segments: number) {
    this.#moves = Array.from({ length: segments }, () => []);
    const ends: number[] = [];
    const texts: number[] = [];
    let at = before;
    let next = 0;
    for (const length of pieces) {
      if (length < 0) at += this.#add(contents, FIELDS * next++, at);
      else texts.push(at, (at += length));
      ends.push(at);
    }
    this.ends = ends;
    this.bytes = Buffer.allocUnsafeSlow(at + behind);
    this.#write(text, texts);
    for (const moves of this.#moves) moves.sort((one, other) => one.from - other.from);
  }

  /** Contents that have files of their own, and where they go. */
  get blobs(): readonly { readonly seq: number; readonly at: number }[] {
    return this.#blobs;
  }

  /** Takes what it needs out of the bytes of a segment, which it is shown chunk by chunk. */
  mover(segment: number): (chunk: Buffer, start: number) => void {
    const moves = this.#moves[segment] ?? [];
    let next = 0;
    return (chunk, start) => {
      const end = start + chunk.length;
      for (let move = moves[next]; move && move.from < end; move = moves[next]) {
        const from = Math.max(move.from, start);
        chunk.copy(this.bytes, move.at + from - move.from, from - start, Math.min(move.to, end) - start);
        // The rest of it is in the next chunk.
        if (move.to > end) return;
        next += 1;
      }
    };
  }

  /** Returns how many bytes it is. */
  #add(contents: readonly number[], index: number, at: number): number {
    const segment = contents[index + 1] ?? -1;
    const from = contents[index + 2] ?? 0;
    const length = contents[index + 3] ?? 0;
    if (segment < 0) this.#blobs.push({ seq: contents[index] ?? 0, at });
    else this.#moves[segment]?.push({ from, to: from + length, at });
    return length;
  }

  #write(text: Buffer, places: readonly number[]): void {
    let from = 0;
    for (let index = 0; index < places.length; index += 2) {
      const start = places[index] ?? 0;
      const length = (places[index + 1] ?? 0) - start;
      text.copy(this.bytes, start, from, from + length);
      from += length;
    }
  }
}
