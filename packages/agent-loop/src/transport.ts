import Anthropic from '@anthropic-ai/sdk';

/** The client an agent uses where it was given none: the SDK's own defaults (key, base URL, timeouts, retries). */
export function createDefaultClient(): Anthropic {
  return new Anthropic();
}
