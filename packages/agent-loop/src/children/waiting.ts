/** How a run tells the one that started it that all it does waits for decisions. */
export interface Waiting {
  /** Nothing goes on any more. `conclude` ends the waiting: the run then ends as `awaiting-approval`. */
  begin(conclude: () => void): void;
  /** Something goes on again. */
  end(): void;
}
