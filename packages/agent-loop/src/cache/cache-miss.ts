import type { RequestParams } from '../api.ts';
import type { CachedRequest } from './cache-log.ts';
import { cacheMinimum } from './cache-minimum.ts';

/**
 * Why less was read from the prompt cache than had been written to it. `...-changed` names the part of the prefix that is
 * not what it was with the request before: everything from there on is another prefix. `context-edited`: the server
 * replaced or left out a part of the history, as `context` asks. `not-marked`: no breakpoint was set, because nothing was
 * expected to be read back. `evicted`: nothing on our side explains it.
 */
export type CacheMiss =
  | 'first-request'
  | 'not-marked'
  | 'too-short'
  | 'expired'
  | 'model-changed'
  | 'tools-changed'
  | 'system-changed'
  | 'speed-changed'
  | 'tool-choice-changed'
  | 'thinking-changed'
  | 'images-added'
  | 'history-changed'
  | 'context-edited'
  | 'evicted';

interface Missed {
  readonly before: {
    readonly request: CachedRequest;
    readonly model: string;
    readonly cached: number;
    readonly lifetimeMs: number;
  } | null;
  readonly request: CachedRequest;
  readonly model: string;
  readonly tokens: number;
  readonly written: number;
  /** Whether the server edited the history before it answered. */
  readonly edited: boolean;
}

/** Names the reason for a miss, by comparing a request with the one before: the first in prefix order. */
export function whyMissed({ before, request, model, tokens, written, edited }: Missed): CacheMiss {
  if (written === 0 && tokens < cacheMinimum(model)) return 'too-short';
  const changed = before && changedPart(before, request, model);
  if (before && before.cached > 0) {
    if (changed) return changed;
    if (request.at - before.request.at > before.lifetimeMs) return 'expired';
    return edited ? 'context-edited' : 'evicted';
  }
  const { marks } = request;
  if (marks && !marks.tools && !marks.system && !marks.end && !hasMarkers(request.params))
    return 'not-marked';
  return before ? (changed ?? 'not-marked') : 'first-request';
}

/** The first part of the prefix that is not what it was with the request before. */
export function changedPart(
  {
    request: { params: old, images },
    model: oldModel,
  }: Pick<NonNullable<Missed['before']>, 'request' | 'model'>,
  request: Pick<CachedRequest, 'params' | 'rewritten' | 'images'>,
  model: string,
): CacheMiss | null {
  const { params } = request;
  if (oldModel !== model) return 'model-changed';
  if (old && params && old !== params) {
    const differs = (part: (from: RequestParams) => unknown): boolean =>
      part(old) !== part(params) && textOf(part(old)) !== textOf(part(params));
    if (differs(({ tools }) => tools)) return 'tools-changed';
    if (differs(systemText)) return 'system-changed';
    if (differs(({ speed }) => speed)) return 'speed-changed';
    if (differs(({ tool_choice }) => tool_choice)) return 'tool-choice-changed';
    if (differs(({ thinking, output_config }) => [thinking, output_config?.effort]))
      return 'thinking-changed';
  }
  if (!images && request.images) return 'images-added';
  return request.rewritten ? 'history-changed' : null;
}

/** A system prompt is the same as text and as one block of it. */
function systemText({ system }: RequestParams): unknown {
  return typeof system === 'string' ? [{ type: 'text', text: system }] : system;
}

/** As the cache compares it: markers do not count, the order of keys does. */
function textOf(part: unknown): string | undefined {
  return JSON.stringify(part, (key, value: unknown) => (key === 'cache_control' ? undefined : value));
}

function hasMarkers(params: RequestParams | null): boolean {
  return params !== null && JSON.stringify(params).includes('"cache_control"');
}
