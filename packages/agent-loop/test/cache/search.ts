import {
  cacheLayout,
  type CacheLayout,
  type CacheState,
  type Emulator,
  type Marker,
  simulateCache,
  type Ttl,
} from '@pawl/emulator';

/** Prices of a prompt's tokens, as multiples of plain input. */
export interface SearchRates {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
}

interface Asked {
  readonly layout: CacheLayout;
  readonly at: number;
  readonly choices: readonly (readonly Marker[])[];
}

interface Path {
  readonly cost: number;
  readonly state: CacheState;
}

/**
 * The least that the prompts of these requests could have cost, in tokens at the price of plain input, with breakpoints
 * chosen by somebody who knows all that is still to come: a search over the placements of each request, from the first
 * to the last, that goes on with the `width` best (by what they have cost and will cost at the next request).
 */
export function bestPrompts(requests: Emulator['requests'], rates: SearchRates, width: number): number {
  const asked = askedOf(requests);
  const last = asked.pop();
  if (!last) return 0;
  /** What a path will have cost after the next request, at least. */
  const ahead = ({ cost, state }: Path, next: Asked): number =>
    cost + Math.min(...next.choices.map((markers) => priced(state, next, markers, rates).cost));
  let paths: Path[] = [{ cost: 0, state: new Map() }];
  for (const [index, request] of asked.entries()) {
    const found = new Map<string, Path>();
    for (const path of paths) {
      for (const markers of request.choices) {
        const { cost, state } = priced(path.state, request, markers, rates);
        const key = keyOf(state);
        const known = found.get(key);
        if (!known || known.cost > path.cost + cost) found.set(key, { cost: path.cost + cost, state });
      }
    }
    paths = [...found.values()];
    if (paths.length <= width) continue;
    paths = paths
      .map((path) => ({ path, rank: ahead(path, asked[index + 1] ?? last) }))
      .toSorted((one, other) => one.rank - other.rank)
      .slice(0, width)
      .map(({ path }) => path);
  }
  return paths.reduce((least, path) => Math.min(least, ahead(path, last)), Infinity);
}

function priced(
  before: CacheState,
  { layout, at }: Asked,
  markers: readonly Marker[],
  rates: SearchRates,
): Path {
  const { tokens, after } = simulateCache(before, layout, markers, at);
  const { input, read, write5m, write1h } = tokens;
  const cost = input + read * rates.read + write5m * rates.write5m + write1h * rates.write1h;
  return { cost, state: after };
}

/** Two ways to have got here are the same where the same is cached for the same time. */
function keyOf(state: CacheState): string {
  return [...state]
    .map(([key, { expiresAt }]) => `${key}=${expiresAt}`)
    .toSorted()
    .join();
}

/**
 * The requests, one conversation after the other: what pays of a placement is seen at the next request of the same one.
 * They share no more than tools and system prompt, so their order gives nothing away that was not cheaper by it.
 */
function askedOf(requests: Emulator['requests']): Asked[] {
  const conversations: Asked[][] = [];
  for (const { body, at } of requests) {
    if (!body) continue;
    const layout = cacheLayout(body);
    const before = conversations.find((asked) => isContinued(layout, asked.at(-1)));
    const choices = choicesOf(layout, before?.at(-1)?.layout.end ?? -1);
    if (before) before.push({ layout, at, choices });
    else conversations.push([{ layout, at, choices }]);
  }
  return conversations.flat();
}

function isContinued({ prompt }: CacheLayout, last: Asked | undefined): boolean {
  return (
    last !== undefined && prompt.prefixes[last.layout.end] === last.layout.prompt.prefixes[last.layout.end]
  );
}

/** Every sensible placement: after tools, after the system prompt, where the conversation ended before, and at its end. */
function choicesOf({ tools, system, end }: CacheLayout, earlier: number): (readonly Marker[])[] {
  const ttls: readonly (Ttl | null)[] = [null, '5m', '1h'];
  const choices = new Map<string, readonly Marker[]>();
  for (const head of ttls) {
    for (const middle of ttls) {
      for (const last of ttls) {
        const places: readonly (readonly [index: number, ttl: Ttl | null])[] = [
          [tools, head],
          [system, head],
          [earlier, middle],
          [end, last],
        ];
        const markers = places.flatMap(([index, ttl]) => (index >= 0 && ttl ? [{ index, ttl }] : []));
        const short = markers.findIndex(({ ttl }) => ttl === '5m');
        if (short >= 0 && markers.slice(short).some(({ ttl }) => ttl === '1h')) continue;
        choices.set(JSON.stringify(markers), markers);
      }
    }
  }
  return [...choices.values()];
}
