import type { Marker, Prompt } from './prompt.ts';
import type { PromptTokens } from './usage.ts';

/** How a prompt is served from the cache. */
export interface CachePlan {
  readonly tokens: PromptTokens;
  /** Stores what was written and renews what was read; called when the response begins, for only then do entries exist. */
  readonly commit: () => void;
}

/** The prompt cache of one emulator. */
export interface PromptCache {
  /** `owner` separates workspaces and models. */
  plan(owner: string, prompt: Prompt, minTokens: number): CachePlan;
}

/** One prefix that is kept. */
export interface CacheEntry {
  readonly lifetimeMs: number;
  readonly expiresAt: number;
}

/** What is kept, by owner and prefix. */
export type CacheEntries = Map<string, CacheEntry>;

const lifetimes = { '5m': 300_000, '1h': 3_600_000 } as const;
const lookback = 20;
const sweepEvery = 4096;

/** An empty cache over a clock of epoch milliseconds. */
export function createPromptCache(clock: () => number): PromptCache {
  const entries: CacheEntries = new Map();
  return {
    plan: (owner, prompt, minTokens) => {
      const { tokens, kept } = serveFrom(entries, { owner, prompt, minTokens, now: clock() });
      return {
        tokens,
        commit: () => {
          for (const [key, entry] of kept(clock())) keep(entries, key, entry);
          if (entries.size % sweepEvery !== 0) return;
          for (const [old, { expiresAt }] of entries) if (expiresAt <= clock()) entries.delete(old);
        },
      };
    },
  };
}

/** A living longer entry is not shortened. */
function keep(entries: CacheEntries, key: string, entry: CacheEntry): void {
  const known = entries.get(key);
  if (known && known.expiresAt > entry.expiresAt) return;
  entries.set(key, entry);
}

/** One prompt, and when it comes. */
export interface Served {
  /** Separates workspaces and models. */
  readonly owner: string;
  readonly prompt: Prompt;
  readonly minTokens: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * How a prompt divides over what is kept, which is left as it is, and what has to be kept of it once its response has
 * begun. What was read is renewed. A marker within what was read costs nothing, so it gives nothing either: its entry
 * lives no longer than the one it was read from.
 */
export function serveFrom(
  entries: ReadonlyMap<string, CacheEntry>,
  { owner, prompt, minTokens, now }: Served,
): { readonly tokens: PromptTokens; readonly kept: (at: number) => [key: string, entry: CacheEntry][] } {
  const keyOf = (index: number): string => `${owner} ${prompt.prefixes[index] ?? 0}`;
  const living = (index: number): CacheEntry | undefined => {
    const entry = entries.get(keyOf(index));
    return entry && entry.expiresAt > now ? entry : undefined;
  };
  const markers = prompt.markers.filter(({ index }) => (prompt.totals[index] ?? 0) >= minTokens);
  const hit = highestHit(prompt, markers, (index) => living(index) !== undefined);
  const readMs = living(hit)?.lifetimeMs ?? 0;
  return {
    tokens: divide(prompt, markers, hit),
    kept: (at) => {
      const renewed = (index: number, lifetimeMs: number): [string, CacheEntry] => [
        keyOf(index),
        { lifetimeMs, expiresAt: at + lifetimeMs },
      ];
      const marked = markers.map(({ index, ttl }) => {
        const known = living(index)?.lifetimeMs;
        const asked = index > hit ? lifetimes[ttl] : (known ?? Math.min(lifetimes[ttl], readMs));
        return renewed(index, Math.max(asked, known ?? 0));
      });
      return hit < 0 ? marked : [renewed(hit, readMs), ...marked];
    },
  };
}

/** The last place whose prefix is cached, looked for from each marker backwards; -1 when there is none. */
function highestHit(
  { runs }: Prompt,
  markers: readonly Marker[],
  isCached: (index: number) => boolean,
): number {
  let best = -1;
  for (const marker of markers) {
    let seen = 0;
    for (let index = marker.index; index > best && seen < lookback; index--) {
      if (isCached(index)) {
        best = index;
        break;
      }
      const run = runs[index];
      if (run === undefined || run !== runs[index - 1]) seen++;
    }
  }
  return best;
}

/** Read up to the hit, written from there to the last marker (1h up to the last 1h marker), plain after it. */
function divide({ totals, tokens }: Prompt, markers: readonly Marker[], hit: number): PromptTokens {
  const upTo = (index: number | undefined): number => (index === undefined ? 0 : (totals[index] ?? 0));
  const read = upTo(hit);
  const long = Math.max(read, upTo(markers.findLast(({ ttl }) => ttl === '1h')?.index));
  const last = Math.max(long, upTo(markers.at(-1)?.index));
  return { input: tokens - last, read, write5m: last - long, write1h: long - read };
}

/** A prompt that is not cached at all. */
export function uncached(prompt: Prompt): CachePlan {
  return { tokens: { input: prompt.tokens, read: 0, write5m: 0, write1h: 0 }, commit: () => undefined };
}
