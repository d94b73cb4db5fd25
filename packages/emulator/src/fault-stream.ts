import type { StreamEvent } from './events.ts';
import type { Fault } from './faults.ts';
import type { Frame } from './frames.ts';
import { toFrame } from './frames.ts';
import type { JsonObject } from './json.ts';
import { asObject, asString } from './json.ts';

/** What breaks a stream in one place: it gets the event it happens before, and tells whether the rest follows. */
type Break = (
  next: StreamEvent,
  fault: Fault,
  requestId: string,
) => { readonly frames: Iterable<Frame>; readonly goesOn: boolean };

const pingFrame: Frame = { kind: 'event', name: 'ping', data: '{"type":"ping"}', outputTokens: 0 };

const breaks: { readonly [id in Fault['id']]?: Break } = {
  stall: (_next, { ms = Infinity }) => ({ frames: [{ kind: 'wait', ms }], goesOn: true }),
  'ping-stall': (_next, fault) => ({ frames: pings(fault), goesOn: true }),
  cut: () => ({ frames: [{ kind: 'cut' }], goesOn: false }),
  'early-end': () => ({ frames: [{ kind: 'end' }], goesOn: false }),
  'error-event': (next, fault, requestId) => ({
    frames: [errorFrame(next, fault, requestId)],
    goesOn: false,
  }),
  'malformed-json': (next) => ({
    frames: [
      {
        kind: 'event',
        name: next.name,
        data: JSON.stringify(next.data).slice(0, -2),
        outputTokens: next.outputTokens,
      },
    ],
    goesOn: true,
  }),
  'truncated-json': (next) => ({
    frames: [{ kind: 'raw', text: `event: ${next.name}\ndata: ${JSON.stringify(next.data).slice(0, 20)}` }],
    goesOn: false,
  }),
  'duplicate-message-start': (next) => ({ frames: [secondStart(next)], goesOn: true }),
  'unknown-delta': (next) => ({
    frames: [
      frame(
        'content_block_delta',
        { index: next.data['index'] ?? 0, delta: { type: 'hologram_delta', light: 'green' } },
        next,
      ),
    ],
    goesOn: true,
  }),
  'unknown-event': (next) => ({ frames: [frame('constellation', { stars: 7 }, next)], goesOn: true }),
};

/** The frames of a stream with its fault worked in. */
export function* faultyFrames(
  events: Iterable<StreamEvent>,
  fault: Fault | undefined,
  requestId: string,
): Generator<Frame> {
  if (!fault) {
    for (const event of events) yield toFrame(event);
    return;
  }
  const changed = rewrite(events, fault);
  const inject = breaks[fault.id];
  // A cut counted in bytes is made where bytes are counted.
  if (!inject || (fault.id === 'cut' && fault.bytes !== undefined)) {
    yield* dataOnly(changed, fault);
    return;
  }
  yield* injectOnce(changed, fault, inject, requestId);
}

function* injectOnce(
  events: Iterable<StreamEvent>,
  fault: Fault,
  inject: Break,
  requestId: string,
): Generator<Frame> {
  let counted = 0;
  let done = false;
  for (const event of events) {
    if (!done && isPlace(event, counted, fault)) {
      done = true;
      const { frames, goesOn } = inject(event, fault, requestId);
      yield* frames;
      if (!goesOn) return;
      // The malformed frame stands in for the event it was made of.
      if (fault.id === 'malformed-json') continue;
    }
    if (event.name !== 'ping') counted++;
    yield toFrame(event);
  }
}

function isPlace(event: StreamEvent, counted: number, fault: Fault): boolean {
  if (event.name === 'message_stop') return true;
  if (event.name === 'ping' || counted < (fault.afterEvents ?? 3)) return false;
  // An unknown delta is only meaningful while a block is open.
  return (
    fault.id !== 'unknown-delta' ||
    event.name === 'content_block_delta' ||
    event.name === 'content_block_stop'
  );
}

function* dataOnly(events: Iterable<StreamEvent>, fault: Fault): Generator<Frame> {
  let counted = 0;
  for (const event of events) {
    const bare = fault.id === 'data-only' && counted >= (fault.afterEvents ?? 0);
    const made = toFrame(event);
    yield bare && made.kind === 'event' ? { ...made, name: null } : made;
    if (event.name !== 'ping') counted++;
  }
  if (fault.id === 'cut-tool-input' && fault.ending === 'cut') yield { kind: 'cut' };
}

function frame(name: string, data: JsonObject, { outputTokens }: StreamEvent): Frame {
  return toFrame({ name, data: { type: name, ...data }, outputTokens });
}

function* pings({ ms = Infinity, everyMs = 20 }: Fault): Generator<Frame> {
  for (let waited = 0; waited < ms; waited += everyMs) {
    yield { kind: 'wait', ms: everyMs };
    yield pingFrame;
  }
}

function errorFrame(
  next: StreamEvent,
  { type = 'overloaded_error', message = 'Overloaded' }: Fault,
  requestId: string,
): Frame {
  return frame('error', { error: { type, message }, request_id: requestId }, next);
}

function secondStart(next: StreamEvent): Frame {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = {
    id: 'msg_second',
    type: 'message',
    role: 'assistant',
    model: 'claude-other',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  return frame('message_start', { message }, next);
}

/** Changes of single events all along the stream. */
function* rewrite(events: Iterable<StreamEvent>, fault: Fault): Generator<StreamEvent> {
  switch (fault.id) {
    case 'cut-tool-input':
      return yield* cutToolInput(events, fault);
    case 'missing-block-stop':
      return yield* withoutLastStop(events);
    case 'out-of-order-index':
      return yield* map(events, (event) =>
        'index' in event.data
          ? { ...event, data: { ...event.data, index: Number(event.data['index']) * 2 + 1 } }
          : event,
      );
    case 'unknown-stop-reason':
      return yield* map(events, (event) => withStopReason(event, fault.stopReason ?? 'cosmic_ray'));
    case 'null-stop-reason':
      return yield* map(events, (event) => withStopReason(event, null));
    case 'missing-usage':
      return yield* map(events, (event) => withoutMember(event, 'usage'));
    case 'wrong-shape':
      return yield* map(events, (event) => wrongShape(event, fault));
    default:
      return yield* events;
  }
}

function* map(
  events: Iterable<StreamEvent>,
  change: (event: StreamEvent) => StreamEvent,
): Generator<StreamEvent> {
  for (const event of events) yield change(event);
}

function withStopReason(event: StreamEvent, stopReason: string | null): StreamEvent {
  if (event.name !== 'message_delta') return event;
  return {
    ...event,
    data: { ...event.data, delta: { ...asObject(event.data['delta']), stop_reason: stopReason } },
  };
}

function withoutMember(event: StreamEvent, member: string): StreamEvent {
  const { message, ...data } = event.data;
  const trimmed = Object.fromEntries(Object.entries(data).filter(([key]) => key !== member));
  if (message === undefined) return { ...event, data: trimmed };
  const inner = Object.fromEntries(Object.entries(asObject(message)).filter(([key]) => key !== member));
  return { ...event, data: { ...trimmed, message: inner } };
}

function wrongShape(event: StreamEvent, { missing = 'everything' }: Fault): StreamEvent {
  if (missing !== 'everything') return withoutMember(event, missing);
  return event.name === 'message_start' ? { ...event, data: { type: 'message_start' } } : event;
}

function* withoutLastStop(events: Iterable<StreamEvent>): Generator<StreamEvent> {
  let held: StreamEvent | undefined;
  for (const event of events) {
    if (held && event.name === 'content_block_start') yield held;
    if (event.name !== 'content_block_stop') yield event;
    held = event.name === 'content_block_stop' ? event : undefined;
  }
}

/** Ends the stream in the middle of the first tool input: sends half of its deltas. */
function* cutToolInput(
  events: Iterable<StreamEvent>,
  { ending = 'max_tokens' }: Fault,
): Generator<StreamEvent> {
  const list = [...events];
  const inputs = list.flatMap((event, position) => (isInputDelta(event) ? [position] : []));
  const last = inputs.at(-1);
  const cutIndex = last === undefined ? undefined : list[last]?.data['index'];
  const own = inputs.filter((position) => list[position]?.data['index'] === cutIndex);
  const from = own[Math.floor(own.length / 2)];
  for (const [position, event] of list.entries()) {
    if (from !== undefined && position === from) yield halfDelta(event);
    if (from !== undefined && position >= from && ending !== 'max_tokens') return;
    if (from !== undefined && position >= from && isInputDelta(event)) continue;
    yield withStopReason(event, 'max_tokens');
  }
}

function isInputDelta({ data }: StreamEvent): boolean {
  return asObject(data['delta'])['type'] === 'input_json_delta';
}

function halfDelta(event: StreamEvent): StreamEvent {
  const delta = asObject(event.data['delta']);
  const json = asString(delta['partial_json']) ?? '';
  return {
    ...event,
    data: { ...event.data, delta: { ...delta, partial_json: json.slice(0, Math.ceil(json.length / 2)) } },
  };
}
