/** The prompt cache of one emulator. */
export interface PromptCache {
  readonly clock: () => number;
}

/** An empty cache. */
export function createPromptCache(clock: () => number): PromptCache {
  return { clock };
}
