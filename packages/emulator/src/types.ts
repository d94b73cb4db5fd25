import type { Anthropic } from './sdk.ts';
import type { Fault } from './faults.ts';
import type { JsonObject } from './json.ts';
import type { ModelSpec } from './model-spec.ts';

/** A stop reason of the API, or any other text (to try what a client does with one it does not know), or null. */
export type StopReason = Anthropic.Beta.Messages.BetaStopReason | (string & {}) | null;

/** A text block; citations, when given, stream as `citations_delta`. */
export interface TextSpec {
  readonly kind: 'text';
  readonly text: string;
  readonly citations?: readonly JsonObject[] | undefined;
}

/** A thinking block. Without `signature` the emulator signs it when it is sent. */
export interface ThinkingSpec {
  readonly kind: 'thinking';
  readonly text: string;
  readonly signature?: string | undefined;
  /** True sends the text even where the request's display setting would leave it out. Default false. */
  readonly shown?: boolean | undefined;
}

/** A block with an input that streams as `input_json_delta`. */
export interface CallSpec {
  readonly kind: 'call';
  readonly type: 'tool_use' | 'server_tool_use' | 'mcp_tool_use';
  /** Default: a fresh id. */
  readonly id?: string | undefined;
  readonly name: string;
  /** The JSON text of the input exactly as it streams; it may be cut. */
  readonly json: string;
  /** Further members of the block, such as `caller`. */
  readonly fields?: JsonObject | undefined;
}

/** A compaction block; its content streams as one `compaction_delta`. */
export interface CompactionSpec {
  readonly kind: 'compaction';
  readonly content: string | null;
}

/** Any other block, sent whole in `content_block_start`: server tool results, redacted thinking, unknown types. */
export interface WholeSpec {
  readonly kind: 'whole';
  readonly block: JsonObject & { readonly type: string };
}

/** One block of a reply. */
export type BlockSpec = TextSpec | ThinkingSpec | CallSpec | CompactionSpec | WholeSpec;

/** How a stream is cut into deltas, events and network writes. */
export interface ChunkOptions {
  /** Characters per text, thinking or input delta. Default 40. */
  readonly size?: number | undefined;
  /** Pause before each event after the first, in milliseconds. Default 0. */
  readonly delayMs?: number | undefined;
  /** Line ending. Default `\n`. */
  readonly eol?: '\n' | '\r\n' | '\r' | undefined;
  /** Cut the byte stream into writes of this many bytes; 1 splits every character and token. Default: one write per event. */
  readonly bytes?: number | undefined;
  /** Split each event in two writes at a nasty place: inside a UTF-8 character, inside a JSON token, or inside the line ending. */
  readonly split?: 'utf8' | 'json' | 'eol' | undefined;
  /** Events per write. Default 1. */
  readonly eventsPerWrite?: number | undefined;
  /** False leaves out the `ping` after the first event. Default true. */
  readonly pings?: boolean | undefined;
  /** Number of `message_delta` events with cumulative usage; all but the last carry no stop reason. Default 1. */
  readonly messageDeltas?: number | undefined;
}

/** Token counts in the API's own field names; further members are passed on. */
export type UsageOverride = Partial<Anthropic.Beta.Messages.BetaUsage> & JsonObject;

/** What the emulated model replies. Build it with `reply()`. */
export interface ReplySpec {
  readonly kind: 'reply';
  readonly content: readonly BlockSpec[];
  /** Default: `tool_use` when a client tool is called, otherwise `end_turn`. */
  readonly stopReason?: StopReason | undefined;
  readonly stopSequence?: string | null | undefined;
  readonly stopDetails?: JsonObject | null | undefined;
  /** Replaces single fields of the computed usage. */
  readonly usage?: UsageOverride | undefined;
  /** The model named in the reply. Default: the one asked for. */
  readonly model?: string | undefined;
  readonly container?: JsonObject | null | undefined;
  /** Wait before the response headers, in milliseconds. Default 0. */
  readonly delayMs?: number | undefined;
  readonly chunk?: ChunkOptions | undefined;
  readonly fault?: Fault | undefined;
  /** Further members of the message, such as `context_management`. */
  readonly fields?: JsonObject | undefined;
  /** Further response headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** An HTTP error reply. Build it with `apiError()`. */
export interface ErrorSpec {
  readonly kind: 'error';
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly details?: JsonObject | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Wait before the response, in milliseconds. Default 0. */
  readonly delayMs?: number | undefined;
}

/** The body of `POST /v1/messages` as far as the SDK types it. */
export type RequestBody = Anthropic.Beta.Messages.MessageCreateParams;

/** A request that passed the emulator's checks, as a responder sees it. */
export interface EmulatedRequest {
  /** The `request-id` of the response. */
  readonly id: string;
  /** Counts the requests that reached a responder, from 0. */
  readonly index: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody;
  readonly bodyText: string;
  readonly stream: boolean;
}

/** What a responder gets besides the request. */
export interface ResponderContext {
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds by the emulator's clock. */
  readonly now: () => number;
  /** A seeded number from 0 up to 1. */
  readonly random: () => number;
}

/** Anything a responder may answer with. A text stands for a reply of it. */
export type Answer = ReplySpec | ErrorSpec | string;

/** Decides what the emulated model replies. `pending` lists what it still expected to be asked, for `assertDone()`. */
export interface Responder {
  (request: EmulatedRequest, context: ResponderContext): Answer | Promise<Answer>;
  pending?(): readonly string[];
}

/** How a recorded request ended. `cut` means that a fault ended it; `open` that it is still running. */
export type Ending = 'open' | 'complete' | 'aborted' | 'cut';

/** One request as the emulator saw it. */
export interface RecordedRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Lower-case names; credentials are masked. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body, or undefined when it was absent, not JSON, or dropped by the `record` option. */
  readonly body: RequestBody | undefined;
  readonly bodyText: string;
  /** Epoch milliseconds by the emulator's clock. */
  readonly at: number;
  /** 0 until the response has begun, and for ever when a fault kept it from beginning. */
  readonly status: number;
  readonly ended: Ending;
  /** What was billed, or null when nothing was. */
  readonly usage: JsonObject | null;
}

/** A 4xx that strict validation answered. */
export interface RefusedRequest {
  readonly id: string;
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** Tokens billed for one model, and their price in USD by the emulator's own table (null for a model without prices). */
export interface BillLine {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly webSearches: number;
  readonly usd: number | null;
}

/** The emulator's own sum of what it billed, independent of any client's bookkeeping. */
export interface Bill extends BillLine {
  readonly byModel: Readonly<Record<string, BillLine>>;
}

/** Token-bucket limits per minute, each per API key and model group. Absent ones are not enforced. */
export interface RateLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Input tokens, cache reads not counted. */
  readonly inputTokensPerMinute?: number | undefined;
  readonly outputTokensPerMinute?: number | undefined;
}

/**
 * Whose thinking blocks are bound to the conversation before them: `new-organisation` (default) binds every model that
 * binds for organisations created since 2026-08-31, `old-organisation` only those that bind for all, `everyone` all models.
 */
export type PreservedThinking = 'new-organisation' | 'old-organisation' | 'everyone' | 'off';

/** Options of `createEmulator` and `startEmulator`. */
export interface EmulatorOptions {
  /** Default: an answer that repeats the last user text. */
  readonly respond?: Responder | undefined;
  /** Models to add or, by id, to replace. */
  readonly models?: readonly ModelSpec[] | undefined;
  /** Epoch milliseconds for cache lifetimes, rate limits and records. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
  /** Waits; resolves early without error when the signal aborts. Default: timers. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Seed of ids and of `context.random`. Default 1. */
  readonly seed?: number | undefined;
  /** Defaults for every streamed reply. */
  readonly chunk?: ChunkOptions | undefined;
  /** `off` answers whatever it can read without checking it. Default `strict`. */
  readonly validate?: 'strict' | 'off' | undefined;
  /** False keeps no requests, `max` only the newest so many. Default: all. */
  readonly record?: boolean | { readonly max: number } | undefined;
  /** False switches the prompt-cache simulation off. Default true. */
  readonly cache?: boolean | undefined;
  /** True cuts replies at `max_tokens` with that stop reason. Default false: a script is sent as written. */
  readonly enforceMaxTokens?: boolean | undefined;
  /** Default: limits are told in headers and not enforced. */
  readonly rateLimits?: RateLimits | undefined;
  readonly preservedThinking?: PreservedThinking | undefined;
  /** Further accepted `anthropic-beta` values. */
  readonly betas?: readonly string[] | undefined;
  /** API keys that are accepted. Default: any. */
  readonly apiKeys?: readonly string[] | undefined;
}

/** The Messages API in memory. */
export interface Emulator {
  /** A `fetch` that answers for any host: give it to the SDK as its `fetch` option. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  readonly requests: readonly RecordedRequest[];
  readonly refusals: readonly RefusedRequest[];
  readonly bill: Bill;
  /** Throws an error that lists unexpected requests and script steps nobody asked for. */
  assertDone(): void;
}
