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

interface Entry {
  readonly lifetimeMs: number;
  expiresAt: number;
}

const lifetimes = { '5m': 300_000, '1h': 3_600_000 } as const;
const lookback = 20;
const sweepEvery = 4096;

/** An empty cache over a clock of epoch milliseconds. */
export function createPromptCache(clock: () => number): PromptCache {
  const entries = new Map<string, Entry>();
  const has = (key: string): boolean => (entries.get(key)?.expiresAt ?? 0) > clock();
  const touch = (key: string): void => {
    const entry = entries.get(key);
    if (entry) entry.expiresAt = clock() + entry.lifetimeMs;
  };
  const store = (key: string, lifetimeMs: number): void => {
    const known = entries.get(key);
    // A shorter marker on a living longer entry does not shorten it.
    if (known && has(key) && known.lifetimeMs >= lifetimeMs) return touch(key);
    entries.set(key, { lifetimeMs, expiresAt: clock() + lifetimeMs });
    if (entries.size % sweepEvery === 0) for (const [old] of entries) if (!has(old)) entries.delete(old);
  };
  return {
    plan: (owner, prompt, minTokens) => {
      const keyOf = (index: number): string => `${owner} ${prompt.prefixes[index] ?? 0}`;
      const markers = prompt.markers.filter(({ index }) => (prompt.totals[index] ?? 0) >= minTokens);
      const hit = highestHit(prompt, markers, (index) => has(keyOf(index)));
      return {
        tokens: divide(prompt, markers, hit),
        commit: () => {
          if (hit >= 0) touch(keyOf(hit));
          for (const { index, ttl } of markers) store(keyOf(index), lifetimes[ttl]);
        },
      };
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
