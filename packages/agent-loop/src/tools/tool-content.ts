import type { JsonValue, ToolResultBlock, ToolResultContent } from '../api.ts';
import { lossIn } from '../json-loss.ts';
import { contentBlocks, sendable } from './content-block.ts';

/** What a tool may return: text, any JSON value, or content blocks (text, image, document, search_result). `undefined` is no content. */
export type ToolOutput = string | JsonValue | readonly ToolResultBlock[] | undefined | void;

const encoder = new TextEncoder();

/**
 * Turns what a tool returned into what the model reads. Throws a TypeError for a value that is not JSON, and for an image
 * or a PDF that the API would refuse.
 */
export function shapeOutput(output: unknown, maxBytes: number): ToolResultContent {
  if (output === undefined) return '';
  if (typeof output === 'string') return cutText(output, maxBytes);
  const blocks = contentBlocks(output);
  if (blocks) return cutBlocks(blocks, maxBytes);
  return cutText(jsonOf(output), maxBytes);
}

const INSTEAD = 'Return a string, a JSON value or content blocks.';

function jsonOf(output: unknown): string {
  const loss = lossIn(output, 'to be read');
  if (loss) {
    const where = loss.path === '' ? '' : ` as ${JSON.stringify(loss.path)}`;
    throw new TypeError(`The tool returned ${loss.what}${where}, which JSON cannot hold. ${INSTEAD}`);
  }
  return JSON.stringify(output) ?? '';
}

/** The content of an error result: the API takes text alone there. */
export function textAlone(content: ToolResultContent): ToolResultContent {
  if (typeof content === 'string') return content;
  return content.map((block) =>
    block.type === 'text' ? block : { type: 'text', text: `[A block of type ${block.type} is left out.]` },
  );
}

/** Cuts at a whole character and says so, so that the model can ask for less. */
function cutText(text: string, maxBytes: number): string {
  // Half of a surrogate pair has no UTF-8 form, and the API refuses a request that holds one.
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  const bytes = tooLong(whole, maxBytes);
  if (!bytes) return whole;
  const kept = prefix(bytes, maxBytes);
  return `${kept.text}\n\n[Cut: this result has ${bytes.length} bytes, only the first ${kept.bytes} are shown. Ask for a smaller part.]`;
}

/** The bytes of a text that has more than `maxBytes` of them. */
function tooLong(text: string, maxBytes: number): Uint8Array | undefined {
  // A UTF-16 code unit takes at most three bytes: most results need no counting.
  if (text.length * 3 <= maxBytes) return undefined;
  const bytes = encoder.encode(text);
  return bytes.length > maxBytes ? bytes : undefined;
}

function prefix(bytes: Uint8Array, maxBytes: number): { text: string; bytes: number } {
  let end = Math.floor(maxBytes);
  // A byte 10xxxxxx continues a character: the cut moves to before its first byte.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end)), bytes: end };
}

/** Keeps blocks in order while they fit; a text is cut, any other block is left out whole. One notice tells of it all. */
function cutBlocks(blocks: readonly ToolResultBlock[], maxBytes: number): ToolResultContent {
  const kept: ToolResultBlock[] = [];
  let left = maxBytes;
  let total = 0;
  let affected = 0;
  for (const given of blocks) {
    const block = sendable(given);
    if (!block) continue;
    const size = sizeOf(block);
    total += size;
    if (size <= left) {
      left -= size;
      kept.push(block);
      continue;
    }
    affected += 1;
    if (block.type !== 'text') continue;
    const { text } = prefix(encoder.encode(block.text), left);
    if (text !== '') kept.push({ ...block, text });
    left = 0;
  }
  if (affected > 0) {
    kept.push({
      type: 'text',
      text: `[Cut: this result has ${total} bytes, at most ${maxBytes} are shown. ${affected} of its ${blocks.length} blocks are cut or left out. Ask for a smaller part.]`,
    });
  }
  return kept.length > 0 ? kept : '';
}

function sizeOf(block: ToolResultBlock): number {
  return encoder.encode(block.type === 'text' ? block.text : JSON.stringify(block)).length;
}
