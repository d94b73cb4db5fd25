import { ContentPlaces } from './content-places.ts';

/** How the pieces of a checkpoint are put together, as it is kept: numbers, for there may be tens of thousands. */
export interface SavedAssembly {
  readonly before: number;
  readonly behind: number;
  /** For each piece how many bytes it has; below zero, see `below`, for a content. */
  readonly pieces: readonly number[];
  /** For each covered segment its contents in the order they have there: entry, first byte, length, and where it goes. */
  readonly contents: readonly (readonly number[])[];
  /** Contents that have files of their own: entry, and where it goes. */
  readonly apart: readonly (readonly [seq: number, at: number])[];
  /** All contents of the covered segments that have files of their own: segment, entry, size and hash. */
  readonly blobs: readonly (readonly [segment: number, seq: number, size: number, hash: string])[];
}

/** Numbers of a content. */
const FIELDS = 4;
/** How much of a segment is read at once. */
const CHUNK = 1 << 20;

function below(length: number): number {
  return -1 - length;
}

/** Says how pieces are put together, of which the contents are in these places, one for each segment. */
export function saveAssembly(
  pieces: readonly (string | number)[],
  { before, behind }: { readonly before: number; readonly behind: number },
  segments: readonly { readonly seq: number; readonly contents: ContentPlaces }[],
): SavedAssembly {
  const found: { seq: number; from: number; length: number; at: number }[][] = segments.map(() => []);
  const apart: [seq: number, at: number][] = [];
  let at = before;
  const add = (seq: number): number => {
    const segment = segments.findLastIndex((each) => each.seq <= seq);
    const place = segments[segment]?.contents.of(seq);
    if (!place) throw new RangeError(`Entry ${seq} has no content.`);
    if ('blob' in place) {
      apart.push([seq, at]);
      return place.blob.size;
    }
    const length = place.to - place.from;
    found[segment]?.push({ seq, from: place.from, length, at });
    return length;
  };
  const lengths = pieces.map((piece) => {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : add(piece);
    at += length;
    return typeof piece === 'string' ? length : below(length);
  });
  const contents = found.map((ofSegment) =>
    ofSegment
      .toSorted((one, other) => one.from - other.from)
      .flatMap((content) => [content.seq, content.from, content.length, content.at]),
  );
  const blobs = segments.flatMap(({ contents: places }, segment) =>
    [...places.blobs].map(([seq, { size, hash }]) => [segment, seq, size, hash] as const),
  );
  return { before, behind, pieces: lengths, contents, apart, blobs };
}

/** Where contents are that a checkpoint says the places of, segment by segment. Few ask: whoever makes the next checkpoint. */
export function placesIn({ contents, blobs }: SavedAssembly): readonly ContentPlaces[] {
  const places = contents.map((ofSegment) => {
    let unpacked: ContentPlaces | undefined;
    return new ContentPlaces(() => (unpacked ??= unpack(ofSegment)));
  });
  for (const [segment, seq, size, hash] of blobs) places[segment]?.add(seq, { blob: { size, hash } });
  return places;
}

function unpack(contents: readonly number[]): ContentPlaces {
  const places = new ContentPlaces();
  for (let index = 0; index < contents.length; index += FIELDS) {
    const [seq = 0, from = 0, length = 0] = contents.slice(index, index + FIELDS);
    places.add(seq, { from, to: from + length });
  }
  return places;
}

/**
 * The pieces of a checkpoint, put together in one array. What comes from elsewhere is brought into the same array first, so
 * that its parts are moved without a view for each: behind the pieces there is room for that.
 */
export class Assembly {
  /** The pieces, with what is left free around them. */
  readonly bytes: Buffer;
  readonly ends: readonly number[];
  /** Where a chunk of a segment is read to. */
  readonly chunk: Buffer;
  readonly #whole: Buffer;
  readonly #contents: SavedAssembly['contents'];
  readonly #roomAt: number;

  /** `text`: the texts among the pieces, one behind the other. */
  constructor({ before, behind, pieces, contents }: SavedAssembly, text: Buffer) {
    const ends: number[] = [];
    let at = before;
    for (const length of pieces) ends.push((at += length < 0 ? below(length) : length));
    this.ends = ends;
    this.#contents = contents;
    this.#roomAt = at;
    this.#whole = Buffer.allocUnsafeSlow(at + Math.max(behind, text.length, CHUNK));
    this.bytes = this.#whole.subarray(0, at + behind);
    this.chunk = this.#whole.subarray(at, at + CHUNK);
    text.copy(this.#whole, at);
    this.#placeTexts(pieces, before);
  }

  /** Takes what it needs out of a segment, of which `chunk` holds the bytes from `start` on. To be called for each, in order. */
  taker(segment: number): (start: number, length: number) => void {
    const contents = this.#contents[segment] ?? [];
    /** The first that is not whole yet. One may be wanted in several places. */
    let next = 0;
    return (start, length) => {
      const shift = this.#roomAt - start;
      const end = start + length;
      for (let index = next; index < contents.length; index += FIELDS) {
        const first = contents[index + 1] ?? 0;
        const last = first + (contents[index + 2] ?? 0);
        if (first >= end) return;
        const from = Math.max(first, start);
        const at = (contents[index + 3] ?? 0) + from - first;
        this.#whole.copyWithin(at, from + shift, Math.min(last, end) + shift);
        if (last <= end) next = index + FIELDS;
      }
    };
  }

  #placeTexts(pieces: readonly number[], before: number): void {
    let from = this.#roomAt;
    let at = before;
    for (const length of pieces) {
      if (length < 0) at += below(length);
      else {
        this.#whole.copyWithin(at, from, from + length);
        from += length;
        at += length;
      }
    }
  }
}
