import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';

/** The client an agent uses where it was given none: the SDK's own defaults (key, base URL, timeouts, retries). */
export function createDefaultClient(options: ClientOptions = {}): Anthropic {
  return new Anthropic(options);
}
