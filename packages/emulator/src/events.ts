import type { JsonObject } from './json.ts';
import type { BuiltBlock, BuiltMessage } from './message.ts';
import type { ChunkOptions } from './types.ts';
import type { MessageUsage } from './usage.ts';

/** One event of a stream, and how many output tokens have been produced by then. */
export interface StreamEvent {
  readonly name: string;
  readonly data: JsonObject;
  readonly outputTokens: number;
}

/** The message as it is sent whole, or in `message_start` with empty content and no stop reason. */
export function messageBody(message: BuiltMessage, usage: JsonObject, whole: boolean): JsonObject {
  const { spec } = message;
  return {
    id: message.id,
    type: 'message',
    role: 'assistant',
    model: message.model,
    content: whole ? message.blocks.map((block) => block.final) : [],
    stop_reason: whole ? message.stopReason : null,
    stop_sequence: whole ? (spec.stopSequence ?? null) : null,
    stop_details: whole ? stopDetails(message) : null,
    container: whole ? (spec.container ?? null) : null,
    diagnostics: null,
    ...spec.fields,
    usage,
  };
}

function stopDetails({ spec, stopReason }: BuiltMessage): JsonObject | null {
  if (spec.stopDetails !== undefined) return spec.stopDetails;
  return stopReason === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null;
}

/** The events of a streamed reply, in order. */
export function* streamEvents(
  message: BuiltMessage,
  usage: MessageUsage,
  chunk: ChunkOptions,
): Generator<StreamEvent> {
  let produced = Math.min(1, message.outputTokens);
  yield event('message_start', { message: messageBody(message, usage.start(produced), false) }, produced);
  if (chunk.pings !== false) yield event('ping', {}, produced);
  for (const [index, block] of message.blocks.entries()) {
    yield event('content_block_start', { index, content_block: block.start }, produced);
    for (const [delta, share] of deltasOf(block, chunk.size ?? 40)) {
      yield event('content_block_delta', { index, delta }, produced + Math.ceil(block.tokens * share));
    }
    produced += block.tokens;
    yield event('content_block_stop', { index }, produced);
  }
  yield* endEvents(message, usage, chunk.messageDeltas ?? 1, produced);
}

function* endEvents(
  message: BuiltMessage,
  usage: MessageUsage,
  deltas: number,
  produced: number,
): Generator<StreamEvent> {
  for (let count = 1; count < deltas; count++) {
    const delta = { stop_reason: null, stop_sequence: null };
    yield event(
      'message_delta',
      { delta, usage: usage.delta(Math.ceil((message.outputTokens * count) / deltas)) },
      produced,
    );
  }
  const { spec, outputTokens } = message;
  const delta = {
    stop_reason: message.stopReason,
    stop_sequence: spec.stopSequence ?? null,
    stop_details: stopDetails(message),
    container: spec.container ?? null,
  };
  yield event('message_delta', { delta, usage: usage.delta(outputTokens), ...spec.fields }, outputTokens);
  yield event('message_stop', {}, outputTokens);
}

function event(name: string, data: JsonObject, outputTokens: number): StreamEvent {
  return { name, data: { type: name, ...data }, outputTokens };
}

/** The deltas of a block with the share of its text that has been sent by then. */
function* deltasOf({ body, extras }: BuiltBlock, size: number): Generator<readonly [JsonObject, number]> {
  const text = body?.text ?? '';
  for (let start = 0; body && start < text.length;) {
    const end = pieceEnd(text, start, size);
    yield [body.delta(text.slice(start, end)), end / text.length];
    start = end;
  }
  for (const extra of extras) yield [extra, 1];
}

/** The end of the next piece, moved so that it does not part the halves of a surrogate pair. */
function pieceEnd(text: string, start: number, size: number): number {
  const end = Math.min(start + Math.max(1, size), text.length);
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end + 1 : end;
}
