import { isDuration, isOneOf, isOptions, isText, refuse } from './option-checks.ts';

/** Ids of the faults a reply can carry. */
export type FaultId =
  | 'connection-refused'
  | 'connection-reset'
  | 'header-stall'
  | 'stall'
  | 'ping-stall'
  | 'cut'
  | 'early-end'
  | 'error-event'
  | 'malformed-json'
  | 'data-only'
  | 'html'
  | 'empty-body'
  | 'json-for-stream'
  | 'sse-for-json'
  | 'truncated-json'
  | 'wrong-shape'
  | 'cut-tool-input'
  | 'missing-block-stop'
  | 'duplicate-message-start'
  | 'out-of-order-index'
  | 'unknown-block'
  | 'unknown-delta'
  | 'unknown-event'
  | 'unknown-stop-reason'
  | 'null-stop-reason'
  | 'missing-usage'
  | 'slow-trickle'
  | 'huge-tool-input';

/** Where a streamed reply breaks. */
export interface Place {
  /** Number of events sent before it breaks; pings are not counted. Default 3, always before the last event. */
  readonly afterEvents?: number;
}

/** A way for a reply to go wrong. Build it with `fault.…()`. */
export interface Fault {
  readonly id: FaultId;
  readonly afterEvents?: number;
  /** How long a stall lasts, in milliseconds. Default: until the client gives up. */
  readonly ms?: number;
  /** Pause between pings or trickled pieces, in milliseconds. */
  readonly everyMs?: number;
  /** Bytes per piece of a trickle, bytes sent before a cut, or size of a huge input. */
  readonly bytes?: number;
  readonly type?: string;
  readonly message?: string;
  readonly stopReason?: string;
  /** What follows a cut tool input: a `max_tokens` stop, a cut socket, or a clean end. */
  readonly ending?: 'max_tokens' | 'cut' | 'end';
  /** What is missing from a reply of the wrong shape. */
  readonly missing?: 'content' | 'usage' | 'everything';
}

/** Builders of every fault; the README's table says what each does to a streamed and to a plain reply. */
export const fault = {
  /** Nobody listens: fetch rejects. Over HTTP the socket is destroyed before anything is sent. */
  connectionRefused: (): Fault => ({ id: 'connection-refused' }),
  /** The connection is reset before the response headers. */
  connectionReset: (): Fault => ({ id: 'connection-reset' }),
  /** The response headers come after `ms`, by default never. */
  headerStall: (options: { readonly ms?: number } = {}): Fault => ({ id: 'header-stall', ...options }),
  /** The body falls silent in the middle, for ever or for `ms`. */
  stall: (options: Place & { readonly ms?: number } = {}): Fault => ({ id: 'stall', ...options }),
  /** Nothing but pings in the middle, every `everyMs` (default 20), for ever or for `ms`. */
  pingStall: (options: Place & { readonly ms?: number; readonly everyMs?: number } = {}): Fault => ({
    id: 'ping-stall',
    ...options,
  }),
  /** The socket is cut in the middle of the body: after `afterEvents` events, or after `bytes` bytes. */
  cut: (options: Place & { readonly bytes?: number } = {}): Fault => ({ id: 'cut', ...options }),
  /** The body ends cleanly without `message_stop`. */
  earlyEnd: (options: Place = {}): Fault => ({ id: 'early-end', ...options }),
  /** An `error` event in the stream, by default `overloaded_error`; a plain reply becomes that HTTP error. */
  errorEvent: (options: Place & { readonly type?: string; readonly message?: string } = {}): Fault => ({
    id: 'error-event',
    ...options,
  }),
  /** One event's data (or the body) is not JSON. */
  malformedJson: (options: Place = {}): Fault => ({ id: 'malformed-json', ...options }),
  /** Frames without their `event:` line. */
  dataOnly: (options: Place = {}): Fault => ({ id: 'data-only', ...options }),
  /** A 200 with an HTML page, as a proxy's login page would be. */
  html: (): Fault => ({ id: 'html' }),
  /** A 200 with an empty body. */
  emptyBody: (): Fault => ({ id: 'empty-body' }),
  /** A whole JSON message where a stream was asked for. */
  jsonForStream: (): Fault => ({ id: 'json-for-stream' }),
  /** A stream where a JSON message was asked for. */
  sseForJson: (): Fault => ({ id: 'sse-for-json' }),
  /** The JSON body ends in the middle, cleanly; a stream ends in the middle of an event. */
  truncatedJson: (options: Place = {}): Fault => ({ id: 'truncated-json', ...options }),
  /** A message without content, usage, or anything. */
  wrongShape: (options: { readonly missing?: 'content' | 'usage' | 'everything' } = {}): Fault => ({
    id: 'wrong-shape',
    ...options,
  }),
  /** The last tool input stops half-way, then a `max_tokens` stop (default), a cut socket, or a clean end. */
  cutToolInput: (options: { readonly ending?: 'max_tokens' | 'cut' | 'end' } = {}): Fault => ({
    id: 'cut-tool-input',
    ...options,
  }),
  /** The last block is never stopped. */
  missingBlockStop: (): Fault => ({ id: 'missing-block-stop' }),
  /** A second `message_start` in the middle. */
  duplicateMessageStart: (options: Place = {}): Fault => ({ id: 'duplicate-message-start', ...options }),
  /** Block indexes that skip and do not match. */
  outOfOrderIndex: (): Fault => ({ id: 'out-of-order-index' }),
  /** A block of a type that does not exist yet comes first. */
  unknownBlock: (): Fault => ({ id: 'unknown-block' }),
  /** A delta of a type that does not exist yet. */
  unknownDelta: (options: Place = {}): Fault => ({ id: 'unknown-delta', ...options }),
  /** An event of a type that does not exist yet. */
  unknownEvent: (options: Place = {}): Fault => ({ id: 'unknown-event', ...options }),
  /** A stop reason that does not exist yet. */
  unknownStopReason: (options: { readonly stopReason?: string } = {}): Fault => ({
    id: 'unknown-stop-reason',
    ...options,
  }),
  /** A finished reply whose stop reason is null. */
  nullStopReason: (): Fault => ({ id: 'null-stop-reason' }),
  /** No usage in the message and in `message_delta`. */
  missingUsage: (): Fault => ({ id: 'missing-usage' }),
  /** The body comes in pieces of `bytes` (default 16) every `everyMs` (default 5). */
  slowTrickle: (options: { readonly bytes?: number; readonly everyMs?: number } = {}): Fault => ({
    id: 'slow-trickle',
    ...options,
  }),
  /** Every tool input gets a member `padding` of `bytes` (default 262,144), streamed in deltas of 64 characters. */
  hugeToolInput: (options: { readonly bytes?: number } = {}): Fault => ({
    id: 'huge-tool-input',
    ...options,
  }),
} as const;

/** One row of the fault table. `sound` replies can be used as they are; the others must not be taken for an answer. */
export interface FaultRow {
  readonly id: FaultId;
  /** The kinds of reply the fault changes. */
  readonly applies: 'both' | 'stream' | 'json';
  readonly sound: boolean;
  /** The fault with its defaults. */
  readonly make: () => Fault;
}

/** Every fault with what it applies to: iterate over it to try a client against all of them. */
export const faultTable: readonly FaultRow[] = [
  row('connection-refused', 'both', false, fault.connectionRefused),
  row('connection-reset', 'both', false, fault.connectionReset),
  row('header-stall', 'both', false, fault.headerStall),
  row('stall', 'both', false, fault.stall),
  row('ping-stall', 'stream', false, fault.pingStall),
  row('cut', 'both', false, fault.cut),
  row('early-end', 'stream', false, fault.earlyEnd),
  row('error-event', 'both', false, fault.errorEvent),
  row('malformed-json', 'both', false, fault.malformedJson),
  row('data-only', 'stream', false, fault.dataOnly),
  row('html', 'both', false, fault.html),
  row('empty-body', 'both', false, fault.emptyBody),
  row('json-for-stream', 'stream', false, fault.jsonForStream),
  row('sse-for-json', 'json', false, fault.sseForJson),
  row('truncated-json', 'both', false, fault.truncatedJson),
  row('wrong-shape', 'both', false, fault.wrongShape),
  row('cut-tool-input', 'both', false, fault.cutToolInput),
  row('missing-block-stop', 'stream', false, fault.missingBlockStop),
  row('duplicate-message-start', 'stream', false, fault.duplicateMessageStart),
  row('out-of-order-index', 'stream', false, fault.outOfOrderIndex),
  row('unknown-block', 'both', true, fault.unknownBlock),
  row('unknown-delta', 'stream', true, fault.unknownDelta),
  row('unknown-event', 'stream', true, fault.unknownEvent),
  row('unknown-stop-reason', 'both', false, fault.unknownStopReason),
  row('null-stop-reason', 'both', false, fault.nullStopReason),
  row('missing-usage', 'both', false, fault.missingUsage),
  row('slow-trickle', 'both', true, fault.slowTrickle),
  row('huge-tool-input', 'both', true, fault.hugeToolInput),
];

function row(id: FaultId, applies: FaultRow['applies'], sound: boolean, make: () => Fault): FaultRow {
  return { id, applies, sound, make };
}

const checkFaultOptions = isOptions<Fault>(
  {
    id: isOneOf(...faultTable.map(({ id }) => id)),
    afterEvents: isDuration,
    ms: isDuration,
    everyMs: isDuration,
    bytes: isDuration,
    type: isText,
    message: isText,
    stopReason: isText,
    ending: isOneOf('max_tokens', 'cut', 'end'),
    missing: isOneOf('content', 'usage', 'everything'),
  },
  ['id'],
);

/** Throws unless a value is a fault. */
export function checkFault(value: unknown, where: string): void {
  if (typeof value !== 'object' || value === null) refuse(where, 'a fault such as fault.stall()', value);
  checkFaultOptions(value, where);
}
