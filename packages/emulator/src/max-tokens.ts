import { tokensOf } from './tokens.ts';
import type { BlockSpec, ReplySpec } from './types.ts';

/** The reply cut where the limit falls, with the stop reason `max_tokens`; replies that fit are left alone. */
export function cutAtMaxTokens(spec: ReplySpec, maxTokens: number, factor: number): ReplySpec {
  let left = Math.floor(((maxTokens - 3) * 4) / factor);
  const content: BlockSpec[] = [];
  for (const block of spec.content) {
    const length = lengthOf(block);
    if (length > left) {
      const cut = left > 0 ? cutBlock(block, left) : undefined;
      return { ...spec, content: cut ? [...content, cut] : content, stopReason: 'max_tokens' };
    }
    left -= tokensOf(length, factor) * (4 / factor);
    content.push(block);
  }
  return spec;
}

function lengthOf(block: BlockSpec): number {
  switch (block.kind) {
    case 'text':
    case 'thinking':
      return block.text.length;
    case 'call':
      return block.name.length + block.json.length + 20;
    case 'compaction':
      return block.content?.length ?? 0;
    case 'whole':
      return JSON.stringify(block.block).length;
  }
}

/** The first part of a block; blocks that cannot be parted are left out. */
function cutBlock(block: BlockSpec, characters: number): BlockSpec | undefined {
  if (block.kind === 'text') return { ...block, text: block.text.slice(0, characters) };
  if (block.kind === 'call')
    return { ...block, json: block.json.slice(0, Math.max(0, characters - block.name.length - 20)) };
  return undefined;
}
