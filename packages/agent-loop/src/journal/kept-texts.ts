/**
 * Texts of one `EntryEncoder`, from its first on, in UTF-8, where they lie in memory. A session may have tens of thousands,
 * so there is no object for each.
 */
export interface KeptTexts {
  /** The file, or another name for the place. */
  readonly where: string;
  /** Position of the first entry. */
  readonly seq: number;
  readonly buffers: readonly Uint8Array[];
  /**
   * Five numbers for each entry: the index of its buffer; where in it the text begins and ends; where the value of the
   * last field `content` begins, or -1 where the text has none; and how many of `calls` belong to entries before it.
   */
  readonly places: readonly number[];
  /** Where tool calls begin, as `EncodedEntry.callsAt` told. */
  readonly calls: readonly number[];
  /** The contents that were taken out of their texts, as JSON, by the index of the entry. */
  readonly contents: ReadonlyMap<number, Uint8Array>;
}

/** How many numbers an entry has in `places`. */
export const PLACES = 5;
