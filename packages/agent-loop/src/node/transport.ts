import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';
import { httpFetch } from './http-fetch.ts';

/** The client an agent uses on Node when it is given none: the SDK's own defaults over `httpFetch`. */
export function createDefaultClient(options: ClientOptions = {}): Anthropic {
  return new Anthropic({ fetch: httpFetch, ...options });
}
