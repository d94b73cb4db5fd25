import type Anthropic from '@anthropic-ai/sdk';
import { clientOf } from './stage.ts';

/** An event of a stream, whatever it holds. */
export type RawEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The first event of a reply. Without `usage`, or with another one, where that is given. */
export function startOf(message: object = {}): RawEvent {
  const usage = { input_tokens: 10, output_tokens: 1 };
  const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', usage };
  return {
    type: 'message_start',
    message: { ...head, content: [], stop_reason: null, stop_sequence: null, ...message },
  };
}

/** Events of one whole block after the other, as far as they are given whole. */
export function blocks(...given: readonly object[]): RawEvent[] {
  return given.flatMap((block, index) => [
    { type: 'content_block_start', index, content_block: block },
    { type: 'content_block_stop', index },
  ]);
}

/** The events at the end of a reply. */
export function endOf(stopReason: string, usage: object = { output_tokens: 5 }): RawEvent[] {
  return [
    { type: 'message_delta', delta: { stop_reason: stopReason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ];
}

/** A server that answers one request after the other with these events, the last ones again and again. */
export function serverOf(
  replies: readonly (readonly RawEvent[])[],
  contentType = 'text/event-stream',
): { readonly client: Anthropic; readonly bodies: readonly string[] } {
  const bodies: string[] = [];
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const events = replies[bodies.length] ?? replies.at(-1) ?? [];
    bodies.push(new TextDecoder().decode(init?.body as Uint8Array));
    const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
    return new Response(text, { headers: { 'content-type': contentType } });
  };
  return { client: clientOf(fetch), bodies };
}
