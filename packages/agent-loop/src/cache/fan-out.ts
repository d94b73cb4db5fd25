import { type Candidate, type Gate, PASS, type Permit } from '../loop/admission.ts';
import type { RequestParams } from '../api.ts';
import { lifetimeMs } from './cache-log.ts';
import { ownMarks } from './cache-marks.ts';
import type { CacheTtl } from './cache-option.ts';
import type { RunState } from '../loop/run-state.ts';

/** Longest wait for the reply of another request to begin, in milliseconds. What is saved is money, never worth a run. */
const PATIENCE_MS = 15_000;
/** A prefix counts as cached for so much less than it is, because requests are on their way for a while. */
const MARGIN_MS = 10_000;
/** Prefixes that are remembered, of one client. */
const MOST_PREFIXES = 1000;

/** What is known of a prefix that requests of one client share: model, tools and system prompt. */
interface Prefix {
  /** By the monotonic clock, until when it is cached at least. */
  warmUntil: number;
  /** The request that writes it, while nothing of its reply has come. */
  writing: PromiseWithResolvers<void> | null;
  /** When that was let go. */
  writingSince: number;
  /** Whether the server did not cache it. */
  uncached: boolean;
}

/** From a request to the beginning of its reply, before any has begun. */
const FIRST_LEAD_MS = 2000;

/** What is known of a client. */
interface Client {
  readonly prefixes: Map<string, Prefix>;
  /** How long writing a prefix took of late. */
  leadMs: number;
}

const clients = new WeakMap<object, Client>();

/**
 * Has the first of several requests with one prefix write it to the cache, and the others wait until its reply begins:
 * from then on it can be read. All at once would pay for writing it once each. Waiting holds nothing that another could
 * need, ends after 15 seconds at the latest, and is left out where the prefix is not cached or surely is already.
 *
 * One for all agents. It stands before all other gates: who waits has not reserved anything yet.
 * See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export const fanOut: Gate = {
  admit(run, candidate) {
    // A later turn has read the prefix itself a moment ago.
    const ttl = candidate.turn > 1 ? null : headTtl(run, candidate);
    if (ttl === null) return PASS;
    const prefix = prefixOf(run);
    const isOpen = prefix.uncached || prefix.warmUntil > run.seams.monotonic();
    if (isOpen) return { ...PASS, begun: () => keepWarm(run, prefix, ttl) };
    return prefix.writing ? follow(run, prefix, ttl) : lead(run, prefix, ttl);
  },
};

/** How long tools and system prompt are cached by this request; null where they are not. */
function headTtl({ spec, params }: RunState, { request }: Candidate): CacheTtl | null {
  if (!spec.cache.places) return null;
  const own = ownMarks(params);
  return request.marks.system ?? request.marks.tools ?? own.system[0] ?? own.tools[0] ?? null;
}

function lead(run: RunState, prefix: Prefix, ttl: CacheTtl): Permit {
  const writing = Promise.withResolvers<void>();
  prefix.writing = writing;
  prefix.writingSince = run.seams.monotonic();
  const stop = (): void => {
    if (prefix.writing === writing) prefix.writing = null;
    writing.resolve();
  };
  const begun = (): void => {
    if (prefix.writing === writing) {
      const client = clientOf(run);
      client.leadMs += (run.seams.monotonic() - prefix.writingSince - client.leadMs) / 4;
      keepWarm(run, prefix, ttl);
    }
    stop();
  };
  return {
    begun,
    settle({ usage }) {
      begun();
      const cached = (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
      prefix.uncached = cached === 0;
    },
    lose: stop,
    release: stop,
  };
}

/** Waits for the one that writes. Where that fails, the first that notices writes instead. */
async function follow(run: RunState, prefix: Prefix, ttl: CacheTtl): Promise<Permit> {
  const now = run.seams.monotonic();
  const until = now + PATIENCE_MS;
  const left = clientOf(run).leadMs - (now - prefix.writingSince);
  run.tell({ type: 'wait', reason: 'cache', delayMs: Math.ceil(Math.max(0, Math.min(left, PATIENCE_MS))) });
  while (prefix.writing) {
    const left = until - run.seams.monotonic();
    if (left <= 0 || run.halt.reason) return PASS;
    await first(run, prefix.writing.promise, left);
  }
  const isWarm = prefix.warmUntil > run.seams.monotonic();
  return isWarm || run.halt.reason ? PASS : lead(run, prefix, ttl);
}

async function first(run: RunState, written: Promise<void>, ms: number): Promise<void> {
  let cancel = (): void => {};
  const patience = new Promise<void>((resolve) => {
    cancel = run.seams.timer(ms, resolve);
  });
  await run.halt.race(Promise.race([written, patience]));
  cancel();
}

function keepWarm(run: RunState, prefix: Prefix, ttl: CacheTtl): void {
  prefix.warmUntil = Math.max(prefix.warmUntil, run.seams.monotonic() + lifetimeMs(ttl) - MARGIN_MS);
}

function clientOf({ spec }: RunState): Client {
  let client = clients.get(spec.account);
  if (!client) clients.set(spec.account, (client = { prefixes: new Map(), leadMs: FIRST_LEAD_MS }));
  return client;
}

function prefixOf(run: RunState): Prefix {
  const { prefixes } = clientOf(run);
  const key = keyOf(run.params);
  let prefix = prefixes.get(key);
  if (!prefix) {
    prefix = { warmUntil: -Infinity, writing: null, writingSince: 0, uncached: false };
    prefixes.set(key, prefix);
    const [oldest] = prefixes.keys();
    if (prefixes.size > MOST_PREFIXES && oldest !== undefined) prefixes.delete(oldest);
  }
  return prefix;
}

const keys = new WeakMap<RequestParams, string>();

/** By content: agents that are made anew for each run share what they send. */
function keyOf(params: RequestParams): string {
  let key = keys.get(params);
  if (key === undefined) {
    const { model, speed, tools, system } = params;
    key = hashOf(JSON.stringify([model, speed, tools, system]));
    keys.set(params, key);
  }
  return key;
}

/** 64 bits: who has the same by chance waits in vain for a moment. */
function hashOf(text: string): string {
  let one = 0x811c9dc5;
  let other = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    one = Math.imul(one ^ unit, 0x01000193);
    other = Math.imul(other ^ unit, 0x5bd1e995) ^ (other >>> 15);
  }
  return `${one >>> 0}.${other >>> 0}`;
}
