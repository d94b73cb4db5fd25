import { asObject, asString } from './json.ts';
import { reply } from './reply.ts';
import type { EmulatedRequest, Responder } from './types.ts';

/** A responder that repeats the last user text. */
export function echo(): Responder {
  return (request) => reply(lastUserText(request) ?? 'There was no text to repeat.');
}

/** The text of the newest user message that has any, without its tool results. */
function lastUserText(request: EmulatedRequest): string | undefined {
  for (const message of request.body.messages.toReversed()) {
    if (message.role !== 'user') continue;
    if (typeof message.content === 'string') return message.content;
    const texts = message.content.flatMap((block) =>
      block.type === 'text' ? [asString(asObject(block)['text']) ?? ''] : [],
    );
    if (texts.length > 0) return texts.join('\n');
  }
  return undefined;
}
