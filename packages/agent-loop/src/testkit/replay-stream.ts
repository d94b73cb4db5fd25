import type { Message, StreamEvent } from '../api.ts';
import type { ReplyEvent, ReplyLostEvent } from '../journal/events.ts';
import { LostReply } from '../request/lost-reply.ts';

/** A recorded reply as a response: read to its end it is the same message again, with the same broken calls. */
export function responseOf(entry: ReplyEvent): Response {
  return respond(eventsOf(entry), entry.requestId);
}

/** A response that breaks off as it did. `again` says whether the turn was tried again. */
export function brokenResponseOf(entry: ReplyLostEvent, again: boolean): Response {
  return respond(brokenEventsOf(entry, again), null);
}

function respond(events: Generator<StreamEvent, void>, requestId: string | null): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      try {
        const { value, done } = events.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`));
      } catch (error) {
        controller.error(error);
      }
    },
  });
  const headers = {
    'content-type': 'text/event-stream',
    ...(requestId !== null && { 'request-id': requestId }),
  };
  return new Response(body, { headers });
}

function* eventsOf({ message, brokenCalls }: ReplyEvent): Generator<StreamEvent, void> {
  const { content, stop_reason, stop_sequence, usage, ...head } = message;
  yield start({ ...head, content: [], stop_reason: null, stop_sequence: null, usage });
  for (const [index, block] of content.entries()) {
    yield { type: 'content_block_start', index, content_block: block };
    // What cannot be parsed is known for cut, as it was then.
    if (block.type === 'tool_use' && brokenCalls.includes(block.id))
      yield { type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: '{' } };
    yield { type: 'content_block_stop', index };
  }
  const delta = { stop_reason, stop_sequence };
  yield { type: 'message_delta', delta, usage } as unknown as StreamEvent;
  yield { type: 'message_stop' };
}

function* brokenEventsOf(
  { text, usage, model, code, message }: ReplyLostEvent,
  again: boolean,
): Generator<StreamEvent, void> {
  if (usage || text !== '') {
    const head = { id: 'msg_lost', type: 'message', role: 'assistant', model, container: null };
    yield start({ ...head, content: [], stop_reason: null, stop_sequence: null, usage: usage ?? {} });
  }
  if (text !== '')
    yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text, citations: null } };
  throw new LostReply(code === 'interrupted' ? 'stopped' : code, message, again);
}

function start(message: object): StreamEvent {
  return { type: 'message_start', message: message as Message };
}
