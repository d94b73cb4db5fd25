import type { JsonValue, ToolResultBlock, ToolResultContent } from './api.ts';

/** What a tool may return: text, any JSON value, or content blocks (text, image, document, search_result). `undefined` is no content. */
export type ToolOutput = string | JsonValue | readonly ToolResultBlock[] | undefined | void;

const BLOCK_TYPES: ReadonlySet<unknown> = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'tool_reference',
  'browser_state',
]);

/** Turns what a tool returned into what the model reads. Throws a TypeError for a value that is not JSON. */
export function shapeOutput(output: unknown, maxBytes: number): ToolResultContent {
  if (output === undefined) return '';
  if (typeof output === 'string') return cutText(output, maxBytes);
  if (isContentBlocks(output)) return cutBlocks(output, maxBytes);
  let json: string | undefined;
  try {
    json = JSON.stringify(output);
  } catch (error) {
    throw new TypeError(
      'The tool returned a value that is not JSON. Return a string, a JSON value or content blocks.',
      { cause: error },
    );
  }
  if (json === undefined) {
    throw new TypeError(
      `The tool returned a ${typeof output}. Return a string, a JSON value or content blocks.`,
    );
  }
  return cutText(json, maxBytes);
}

function isContentBlocks(output: unknown): output is ToolResultBlock[] {
  return (
    Array.isArray(output) &&
    output.length > 0 &&
    output.every(
      (block) =>
        typeof block === 'object' && block !== null && BLOCK_TYPES.has((block as { type?: unknown }).type),
    )
  );
}

/** Cuts at a whole character and says so, so that the model can ask for less. */
function cutText(text: string, maxBytes: number): string {
  // A UTF-16 code unit takes at most three bytes: most results need no counting.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const kept = new TextDecoder().decode(bytes.subarray(0, end));
  return `${kept}\n\n[Cut: this result has ${bytes.length} bytes, only the first ${end} are shown. Ask for a smaller part.]`;
}

function cutBlocks(blocks: readonly ToolResultBlock[], maxBytes: number): ToolResultBlock[] {
  const kept: ToolResultBlock[] = [];
  let left = maxBytes;
  for (const block of blocks) {
    if (block.type === 'text') {
      const text = cutText(block.text, Math.max(left, 0));
      kept.push(text === block.text ? block : { ...block, text });
      left -= text.length;
      continue;
    }
    const size = JSON.stringify(block).length;
    const fits = size <= left;
    kept.push(
      fits
        ? block
        : {
            type: 'text',
            text: `[Cut: a block of type ${block.type} with ${size} bytes does not fit into this result.]`,
          },
    );
    if (fits) left -= size;
  }
  return kept;
}
