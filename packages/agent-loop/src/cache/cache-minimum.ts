/**
 * Shortest prefix, in tokens, that a model caches; a shorter one is silently not cached. By the beginning of the id, the
 * first that fits. See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
const MINIMUMS: readonly (readonly [model: string, tokens: number])[] = [
  ['claude-opus-4-8', 1024],
  ['claude-opus-4-7', 2048],
  ['claude-opus-4-6', 4096],
  ['claude-opus-4-5', 4096],
  ['claude-opus-4', 1024],
  ['claude-sonnet-5-5', 512],
  ['claude-sonnet', 1024],
  ['claude-haiku-5-5', 512],
  ['claude-haiku', 4096],
];
/** Of all newer models, and of those not known here. */
const SMALLEST = 512;
/** In tools and system prompts a token is more bytes than this. */
const LEAST_BYTES_PER_TOKEN = 1.5;

/** The shortest prefix, in tokens, that this model caches. */
export function cacheMinimum(model: string): number {
  return MINIMUMS.find(([start]) => model.startsWith(start))?.[1] ?? SMALLEST;
}

/** Whether a prefix of so many bytes is certainly below the minimum of the model. */
export function surelyTooShort(model: string, bytes: number): boolean {
  return bytes < cacheMinimum(model) * LEAST_BYTES_PER_TOKEN;
}
