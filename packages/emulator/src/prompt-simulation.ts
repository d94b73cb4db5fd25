import type { CacheEntry } from './prompt-cache.ts';
import { serveFrom } from './prompt-cache.ts';
import { asObject, asArray } from './json.ts';
import type { JsonObject } from './json.ts';
import { messageFacts } from './message-facts.ts';
import { modelTable } from './models.ts';
import { lastCacheable, layOut } from './prompt.ts';
import type { Marker, Prompt } from './prompt.ts';
import type { RequestBody } from './types.ts';
import type { PromptTokens } from './usage.ts';

/** A request as the prompt cache sees it, without its own markers. Places are counted from 0 in prefix order. */
export interface CacheLayout {
  readonly model: string;
  readonly minTokens: number;
  /** The last place of the tools and of the system prompt; -1 where there are none. */
  readonly tools: number;
  readonly system: number;
  /** Where a marker on the request itself stands. */
  readonly end: number;
  /** All tokens of the prompt. */
  readonly tokens: number;
  readonly prompt: Prompt;
}

/** The prompt cache as a value. */
export type CacheState = ReadonlyMap<string, CacheEntry>;

/** Lays a request out, so that markers can be tried on it. Its own markers are left out. */
export function cacheLayout(body: RequestBody): CacheLayout {
  const { cache_control: _, ...plain } = body as unknown as JsonObject;
  const model = modelTable().get(body.model);
  if (!model) throw new Error(`There is no model ${body.model}.`);
  const messages = asArray(plain['messages']).map(messageFacts);
  const prompt = { ...layOut(plain, messages, model), markers: [] };
  const tools = asArray(plain['tools']).length - 1;
  const { system } = plain;
  const systemBlocks = typeof system === 'string' ? 1 : asArray(system).map(asObject).length;
  return {
    model: model.id,
    minTokens: model.minCacheTokens,
    tools,
    system: systemBlocks === 0 ? -1 : tools + systemBlocks,
    end: lastCacheable(prompt, messages),
    tokens: prompt.tokens,
    prompt,
  };
}

/** Serves a request with these markers, in prefix order, at a time in epoch milliseconds: how its prompt divides, and what is cached then. */
export function simulateCache(
  before: CacheState,
  layout: CacheLayout,
  markers: readonly Marker[],
  now: number,
): { readonly tokens: PromptTokens; readonly after: CacheState } {
  const prompt = { ...layout.prompt, markers };
  const served = { owner: layout.model, prompt, minTokens: layout.minTokens, now };
  const { tokens, kept } = serveFrom(before, served);
  const after = new Map<string, CacheEntry>();
  for (const [key, entry] of before) if (entry.expiresAt > now) after.set(key, entry);
  for (const [key, entry] of kept(now)) {
    const known = after.get(key);
    if (!known || known.expiresAt <= entry.expiresAt) after.set(key, entry);
  }
  return { tokens, after };
}
