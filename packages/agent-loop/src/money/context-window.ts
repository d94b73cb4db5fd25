/** No context window of the API is larger, in tokens: https://platform.claude.com/docs/en/about-claude/models/overview */
export const WINDOW_TOKENS = 1_000_000;

const SMALL_WINDOW = { models: /-4-5(-\d{8})?$/, tokens: 200_000 };

/** The context window of a model, in tokens. Of one that is not known here, the largest there is. */
export function windowOf(model: string): number {
  return SMALL_WINDOW.models.test(model) ? SMALL_WINDOW.tokens : WINDOW_TOKENS;
}
