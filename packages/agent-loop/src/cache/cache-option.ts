import { ConfigError } from '../errors.ts';
import { refuseUnknown, shown } from '../option-checks.ts';

/** How long what is cached lives after its last use. Writing costs 1.25 times the input price for `5m`, twice for `1h`. */
export type CacheTtl = '5m' | '1h';

/** Where the prompt cache may keep what it has read. A place that is left out is decided as `'auto'` does. */
export interface CacheBreakpoints {
  /** After the last tool. */
  readonly tools?: CacheTtl | false;
  /** After the system prompt. */
  readonly system?: CacheTtl | false;
  /** After the last message. */
  readonly messages?: CacheTtl | false;
  /**
   * How the last message is marked: by a field of the `request`, which leaves its bytes as they are, or by a marker in
   * its last `block`, for servers that do not know the field. Default: `request`, and `block` for clients of other platforms.
   */
  readonly place?: 'request' | 'block';
}

/**
 * What is cached. `auto`: what will probably be read back, for as long as pays. `1h`: everything, for an hour. `off`:
 * nothing of itself; markers in `system`, `tools` and `request` stay.
 */
export type CacheOption = 'auto' | '1h' | 'off' | CacheBreakpoints;

/** The option, checked and in one form. */
export interface CacheSettings {
  /** Null where nothing is marked. */
  readonly places: Readonly<Record<(typeof PLACES)[number], CacheTtl | false | null>> | null;
  readonly block: boolean;
}

const PLACES = ['tools', 'system', 'messages'] as const;
const DECIDED = { tools: null, system: null, messages: null };

/** Checks the `cache` option. Throws a ConfigError that says what was expected. */
export function toCacheSettings(given: CacheOption | undefined = 'auto'): CacheSettings {
  if (given === 'off') return { places: null, block: false };
  if (given === 'auto') return { places: DECIDED, block: false };
  if (given === '1h') return { places: { tools: '1h', system: '1h', messages: '1h' }, block: false };
  if (typeof given !== 'object' || given === null) {
    throw new ConfigError(
      'cache',
      `expected 'auto', '1h', 'off' or an object of breakpoints such as { system: '1h', messages: '5m' }, got ${shown(given)}.`,
    );
  }
  refuseUnknown('cache', given, [...PLACES, 'place']);
  const { place = 'request', tools = null, system = null, messages = null } = given;
  if (place !== 'request' && place !== 'block')
    throw new ConfigError('cache.place', `expected 'request' or 'block', got ${shown(place)}.`);
  const places = { tools, system, messages };
  let shorter: string | undefined;
  for (const name of PLACES) {
    const ttl: unknown = places[name];
    if (ttl !== null && ttl !== '5m' && ttl !== '1h' && ttl !== false)
      throw new ConfigError(`cache.${name}`, `expected '5m', '1h' or false, got ${shown(ttl)}.`);
    if (ttl === '1h' && shorter) {
      throw new ConfigError(
        `cache.${name}`,
        `the API refuses '1h' after '5m'. Set cache.${shorter} to '1h' or false as well.`,
      );
    }
    if (ttl === '5m') shorter ??= name;
  }
  return { places, block: place === 'block' };
}
