import type { Plan } from './plan.ts';

/** Bytes of a reply and the pause before them. */
export interface Piece {
  readonly bytes: Buffer;
  readonly delayMs: number;
}

const model = 'claude-sonnet-5-5';
const usage = {
  input_tokens: 100,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 20,
  service_tier: 'standard',
};
/** Characters of tool input in one delta, about what the API sends. */
const inputDeltaChars = 32;
const deltaText = 'some words ';

/** Call ids hold the turn: the server reads it back from the next request. */
function callId(turn: number, index: number): string {
  return `toolu_bench_${String(turn).padStart(6, '0')}_${String(index).padStart(3, '0')}`;
}

function inputOf(plan: Plan, turn: number, index: number): { key: string; note: string } {
  const key = `item-${turn}-${index}`;
  return { key, note: 'n'.repeat(Math.max(0, plan.inputChars - key.length)) };
}

function isLast(plan: Plan, turn: number): boolean {
  return turn >= plan.steps - 1;
}

/** The reply of `turn` as one JSON body. */
export function jsonReply(plan: Plan, turn: number): Piece[] {
  const last = isLast(plan, turn);
  const calls = Array.from({ length: plan.tools }, (_, index) => ({
    type: 'tool_use',
    id: callId(turn, index),
    name: 'lookup',
    input: inputOf(plan, turn, index),
  }));
  const body = {
    id: `msg_bench_${turn}`,
    type: 'message',
    role: 'assistant',
    model,
    content: last ? [{ type: 'text', text: deltaText.repeat(plan.deltas) }] : calls,
    stop_reason: last ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    usage,
  };
  // A reply that is not streamed is there when the stream would have ended.
  const delayMs = last ? 0 : plan.gapMs * (plan.tools - 1) + plan.tailMs;
  return [{ bytes: Buffer.from(JSON.stringify(body)), delayMs }];
}

interface Timed {
  readonly event: { readonly type: string };
  readonly delayMs: number;
}

function at(event: Timed['event'] & Record<string, unknown>, delayMs = 0): Timed {
  return { event, delayMs };
}

function textEvents(plan: Plan): Timed[] {
  const delta = { type: 'text_delta', text: deltaText };
  return [
    at({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ...Array.from({ length: plan.deltas }, () => at({ type: 'content_block_delta', index: 0, delta })),
    at({ type: 'content_block_stop', index: 0 }),
  ];
}

function callEvents(plan: Plan, turn: number, index: number): Timed[] {
  const json = JSON.stringify(inputOf(plan, turn, index));
  const block = { type: 'tool_use', id: callId(turn, index), name: 'lookup', input: {} };
  const delayMs = index === 0 ? 0 : plan.gapMs;
  const events = [at({ type: 'content_block_start', index, content_block: block }, delayMs)];
  for (let from = 0; from < json.length; from += inputDeltaChars) {
    const delta = { type: 'input_json_delta', partial_json: json.slice(from, from + inputDeltaChars) };
    events.push(at({ type: 'content_block_delta', index, delta }));
  }
  events.push(at({ type: 'content_block_stop', index }));
  return events;
}

function events(plan: Plan, turn: number): Timed[] {
  const last = isLast(plan, turn);
  const message = {
    id: `msg_bench_${turn}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  const blocks = last
    ? textEvents(plan)
    : Array.from({ length: plan.tools }, (_, index) => callEvents(plan, turn, index)).flat();
  const delta = { stop_reason: last ? 'end_turn' : 'tool_use', stop_sequence: null };
  return [
    at({ type: 'message_start', message }),
    ...blocks,
    at({ type: 'message_delta', delta, usage: { output_tokens: 20 } }, last ? 0 : plan.tailMs),
    at({ type: 'message_stop' }),
  ];
}

/** The reply of `turn` as server-sent events, in pieces of about `plan.writeBytes`, cut where a pause stands. */
export function streamReply(plan: Plan, turn: number): Piece[] {
  const pieces: Piece[] = [];
  let text = '';
  let delayMs = 0;
  const flush = (): void => {
    if (text !== '') pieces.push({ bytes: Buffer.from(text), delayMs });
    text = '';
    delayMs = 0;
  };
  for (const timed of events(plan, turn)) {
    if (timed.delayMs > 0) {
      flush();
      delayMs = timed.delayMs;
    }
    text += `event: ${timed.event.type}\ndata: ${JSON.stringify(timed.event)}\n\n`;
    if (text.length >= plan.writeBytes) flush();
  }
  flush();
  return pieces;
}
