import type { Message, MessageParam, ReplyUsage, RequestParams } from '../api.ts';
import { gapOf, Habit, type SavedHabit } from './cache-habit.ts';
import type { CacheMarks } from './cache-marks.ts';
import { type CacheMiss, changedPart, whyMissed } from './cache-miss.ts';
import type { CacheTtl } from './cache-option.ts';
import { CachePlaces, type SavedPlaces } from './cache-places.ts';
import type { Entry, ReplyEvent, RequestEvent } from '../journal/events.ts';
import type { Restoring, Saving } from '../journal/saved-state.ts';
import { contextOf, promptTokensOf } from '../money/usage.ts';

/** A request as far as the cache is concerned. */
export interface CachedRequest {
  readonly at: number;
  readonly turn: number;
  readonly bytes: number;
  readonly params: RequestParams | null;
  /** The same as the journal tells them. */
  readonly settings: RequestParams | null;
  /** How it was marked, where this process sent it. */
  readonly marks: CacheMarks | null;
  /** Whether messages before its end were changed since the one before. */
  readonly rewritten: boolean;
  readonly images: boolean;
}

/** What a reply told of the cache. */
interface CachedPrompt {
  readonly request: CachedRequest;
  readonly model: string;
  /** Tokens of the prompt. */
  readonly tokens: number;
  /** Tokens of it that are cached now. */
  readonly cached: number;
  readonly ttl: CacheTtl;
}

/** The context after a reply, in tokens: what its prompt had, and what it added. `bytes` is the size of its request. */
export interface LastContext {
  readonly prompt: number;
  readonly output: number;
  readonly bytes: number;
}

/** What the cache will probably do for a request. */
export interface CacheOutlook {
  /** Tokens that were cached. */
  readonly held: number;
  /** Why they can not be read any more; null where they can. */
  readonly lost: CacheMiss | null;
}

/** How the cache served a reply. */
export interface CacheFacts {
  /** Tokens written to the cache, and read from it. */
  readonly written: number;
  readonly read: number;
  /** Why less was read than had been cached, or why nothing was; null where all was read that could be. */
  readonly miss: CacheMiss | null;
}

/** A request as a checkpoint has it: what only the process knew that sent it is left out. */
type SavedRequest = Omit<CachedRequest, 'params' | 'settings' | 'marks'> & {
  readonly settings: number | null;
};

/** A log as a checkpoint has it. */
export interface SavedCacheLog {
  readonly habit: SavedHabit;
  readonly places: SavedPlaces;
  readonly settings: number | null;
  readonly request: SavedRequest | null;
  readonly prompt: (Omit<CachedPrompt, 'request'> & { readonly request: SavedRequest }) | null;
  readonly rewritten: boolean;
  readonly images: boolean;
  readonly last: LastContext | null;
  readonly before: LastContext | null;
}

/** What a journal tells about its prompt cache: pauses between requests, what is cached, and how each reply was served. */
export class CacheLog {
  readonly habit = new Habit();
  readonly places = new CachePlaces();
  #next: Pick<CachedRequest, 'params' | 'marks'> | null = null;
  #settings: RequestParams | null = null;
  #request: CachedRequest | null = null;
  #prompt: CachedPrompt | null = null;
  #rewritten = false;
  #images = false;
  /** The context after the last reply that tells it; null before the first. */
  last: LastContext | null = null;
  /** That before it. */
  before: LastContext | null = null;

  /** The request that is sent next, as it is built. */
  asking(params: RequestParams, marks: CacheMarks): void {
    this.#next = { params, marks };
  }

  /** A message joined. */
  joined(message: MessageParam): void {
    this.places.joined(message);
    if (typeof message.content !== 'string') this.#images ||= message.content.some(hasImage);
  }

  /** Messages that were sent are others now. */
  rewrite(messages: readonly MessageParam[]): void {
    this.#rewritten = true;
    this.places.restart(messages);
  }

  /** Tokens of a prompt of so many bytes, and how many of them can be read from the cache now. */
  estimate(bytes: number, now: number): { readonly tokens: number; readonly cached: number } {
    const last = this.#prompt;
    if (!last || last.tokens === 0) return { tokens: bytes / BYTES_PER_TOKEN, cached: 0 };
    const perByte = last.tokens / last.request.bytes;
    const tokens = Math.max(last.tokens + (bytes - last.request.bytes) * perByte, 1);
    const isGone = this.#rewritten || now - last.request.at > lifetimeMs(last.ttl);
    return { tokens, cached: isGone ? 0 : Math.min(last.cached, tokens) };
  }

  /** What can be read from the cache by the request that was built last. */
  outlook(model: string, now: number): CacheOutlook {
    const before = this.#prompt;
    if (!before || before.cached === 0) return { held: 0, lost: null };
    const { params = null } = this.#next ?? {};
    const request = { params, rewritten: this.#rewritten, images: this.#images };
    const asked = before.request.params?.model ?? model;
    const changed = changedPart({ request: before.request, model: asked }, request, model);
    const isExpired = now - before.request.at > lifetimeMs(before.ttl);
    return { held: before.cached, lost: changed ?? (isExpired ? 'expired' : null) };
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'settings':
        this.#settings = entry.params;
        break;
      case 'request':
        this.#applyRequest(entry);
        break;
      case 'reply':
        this.#applyReply(entry);
        break;
      default:
    }
  }

  /** For a checkpoint. */
  save(saving: Saving): SavedCacheLog {
    const prompt = this.#prompt;
    return {
      habit: this.habit.save(),
      places: this.places.save(),
      settings: saving.ofParams(this.#settings),
      request: this.#request && savedRequest(this.#request, saving),
      prompt: prompt && { ...prompt, request: savedRequest(prompt.request, saving) },
      rewritten: this.#rewritten,
      images: this.#images,
      last: this.last,
      before: this.before,
    };
  }

  /** What a checkpoint has. */
  restore(saved: SavedCacheLog, from: Restoring): void {
    const { habit, places, settings, request, prompt, rewritten, images, last, before } = saved;
    this.habit.restore(habit);
    this.places.restore(places);
    this.#settings = from.params(settings);
    this.#request = request && restoredRequest(request, from);
    this.#prompt = prompt && { ...prompt, request: restoredRequest(prompt.request, from) };
    this.#rewritten = rewritten;
    this.#images = images;
    this.last = last;
    this.before = before;
  }

  #applyRequest(entry: RequestEvent): void {
    if (this.#request && entry.attempt === 1)
      this.habit.note(this.#request.turn, gapOf(entry.at - this.#request.at));
    const { params = this.#settings, marks = null } = this.#next ?? {};
    this.#request = {
      at: entry.at,
      turn: entry.turn,
      bytes: entry.bytes,
      params,
      settings: this.#settings,
      marks,
      rewritten: this.#rewritten,
      images: this.#images,
    };
    this.#next = null;
    this.#rewritten = false;
    this.places.sent();
  }

  /** How the cache served the reply to the last request: asked before the reply is folded. */
  factsOf(message: Message): CacheFacts {
    const { model, usage } = message;
    const { written, read } = cachedTokens(usage);
    const before = this.#prompt;
    const request = this.#request;
    if (!request || (read > 0 && read >= (before?.cached ?? 0))) return { written, read, miss: null };
    const tokens = promptTokensOf(usage);
    const last = before && { ...before, lifetimeMs: lifetimeMs(before.ttl) };
    const edited = wasEdited(message);
    return { written, read, miss: whyMissed({ before: last, request, model, tokens, written, edited }) };
  }

  #applyReply({ message }: ReplyEvent): void {
    const request = this.#request;
    if (!request) return;
    const { model, usage } = message;
    const { written, read } = cachedTokens(usage);
    const cached = written + read;
    const tokens = promptTokensOf(usage);
    const ttl = ttlOf(request, usage, this.#prompt?.ttl);
    this.#prompt = { request, model, tokens, cached, ttl };
    const context = contextOf(usage);
    this.before = this.last;
    if (context.prompt > 0) this.last = { ...context, bytes: request.bytes };
  }
}

const BYTES_PER_TOKEN = 4;

/** How long an entry lives after its last use, in milliseconds. */
export function lifetimeMs(ttl: CacheTtl): number {
  return ttl === '1h' ? 3_600_000 : 300_000;
}

/** Tokens of a prompt that were written to the cache, and read from it. */
function cachedTokens(usage: ReplyUsage): Omit<CacheFacts, 'miss'> {
  return { written: usage.cache_creation_input_tokens ?? 0, read: usage.cache_read_input_tokens ?? 0 };
}

/** Of what is cached now: what was written last has the lifetime it was written with. */
function ttlOf({ marks }: CachedRequest, usage: ReplyUsage, before: CacheTtl = '5m'): CacheTtl {
  const { written, read } = cachedTokens(usage);
  if (written === 0) return read === 0 ? '5m' : before;
  const hour = usage.cache_creation?.ephemeral_1h_input_tokens;
  if (hour !== undefined) return hour > 0 ? '1h' : '5m';
  return marks?.end ?? marks?.system ?? marks?.tools ?? '5m';
}

/** Whether the server went on with another history than it was sent: a summary, or one without old tool results. */
function wasEdited({ content, ...message }: Message): boolean {
  const { context_management } = message as {
    readonly context_management?: { readonly applied_edits?: readonly unknown[] } | null;
  };
  if ((context_management?.applied_edits?.length ?? 0) > 0) return true;
  return content.some(({ type }) => (type as string) === 'compaction');
}

function hasImage(block: Exclude<MessageParam['content'], string>[number]): boolean {
  if (block.type === 'image') return true;
  if (block.type !== 'tool_result' || typeof block.content === 'string') return false;
  return block.content?.some(({ type }) => type === 'image') ?? false;
}

function savedRequest(
  { params: _, marks: __, settings, ...request }: CachedRequest,
  saving: Saving,
): SavedRequest {
  return { ...request, settings: saving.ofParams(settings) };
}

function restoredRequest({ settings: number, ...request }: SavedRequest, from: Restoring): CachedRequest {
  const settings = from.params(number);
  return { ...request, params: settings, settings, marks: null };
}
