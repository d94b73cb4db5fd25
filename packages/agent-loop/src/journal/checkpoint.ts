/**
 * What the entries before a position fold into, kept beside them so that whoever opens the journal next need not fold them
 * again. It says nothing that they do not: a journal whose checkpoint is lost opens all the same, only later.
 */
export interface Checkpoint {
  /** Position of the first entry that is not in it. */
  readonly seq: number;
  /** JSON text. */
  readonly state: string;
  /** JSON text as well: what is seldom asked for, and read only then. */
  readonly steps: string;
  /**
   * What comes back as bytes, one piece behind the other: a string stands for itself, a number for the content of the entry
   * at that position, as JSON; of a reply it is that of its message. So contents are kept once. Of the entries before the
   * checkpoint that the journal was opened with, only those may be named that it named.
   */
  readonly pieces: readonly (string | number)[];
  /** How many bytes are left free before the first piece and behind the last, for whoever goes on with the array. */
  readonly free: { readonly before: number; readonly behind: number };
}

/** A checkpoint as a journal gives it back. */
export interface KeptCheckpoint {
  readonly seq: number;
  readonly state: string;
  /** The text is made when it is asked for. */
  steps(): string;
  /** The pieces, with the free bytes. Whoever asked for the checkpoint owns them. */
  readonly bytes: Uint8Array;
  /** For each piece the first byte behind it. */
  readonly ends: readonly number[];
}

/** Where a journal keeps checkpoints of itself. */
export interface Checkpoints {
  /** Whether so much was appended since the last one that another is worth what it costs. */
  readonly due: boolean;
  /**
   * Keeps a checkpoint of the whole journal, in place of the last one. Called while nothing is being appended. Rejects
   * where that can not be done; nothing else is lost by it.
   */
  keep(checkpoint: Checkpoint): Promise<void>;
  /** The last one; null where there is none, or where the entries it was made of are not what they were. Asked for once, before anything is read. */
  latest(): Promise<KeptCheckpoint | null>;
}
