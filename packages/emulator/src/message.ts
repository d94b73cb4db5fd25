import type { JsonObject } from './json.ts';
import { asObject } from './json.ts';
import type { Random } from './random.ts';
import { tokensOf } from './tokens.ts';
import type { BlockSpec, CallSpec, ReplySpec, StopReason, TextSpec, ThinkingSpec } from './types.ts';

/** One block of a reply, ready to be sent streamed or whole. */
export interface BuiltBlock {
  /** As in `content_block_start`. */
  readonly start: JsonObject;
  /** What the deltas spell, and how each piece becomes a delta; absent for blocks that arrive whole. */
  readonly body: { readonly text: string; readonly delta: (piece: string) => JsonObject } | undefined;
  /** Deltas that follow the pieces: citations, signature, compaction. */
  readonly extras: readonly JsonObject[];
  /** As in a reply that is not streamed. */
  readonly final: JsonObject;
  readonly tokens: number;
  readonly isThinking: boolean;
}

/** A reply with ids, signatures and token counts. */
export interface BuiltMessage {
  readonly id: string;
  readonly model: string;
  readonly blocks: readonly BuiltBlock[];
  readonly stopReason: StopReason;
  readonly spec: ReplySpec;
  readonly outputTokens: number;
  readonly thinkingTokens: number;
}

/** What building a reply needs to know about its request. */
export interface MessageContext {
  readonly random: Random;
  readonly model: string;
  /** Tokens per four characters. */
  readonly tokenFactor: number;
  readonly showThinking: boolean;
  readonly sign: (thinkingText: string) => string;
}

/** Gives a scripted reply its ids, signatures, stop reason and token counts. */
export function buildMessage(spec: ReplySpec, context: MessageContext): BuiltMessage {
  const blocks = spec.content.map((block) => buildBlock(block, context));
  const thinkingTokens = sum(blocks.filter((block) => block.isThinking));
  return {
    id: context.random.id('msg'),
    model: spec.model ?? context.model,
    blocks,
    stopReason: spec.stopReason === undefined ? inferStopReason(spec.content) : spec.stopReason,
    spec,
    // The API bills a few tokens for the turn's own markers, so even an empty reply is not free.
    outputTokens: sum(blocks) + 3,
    thinkingTokens,
  };
}

function sum(blocks: readonly BuiltBlock[]): number {
  return blocks.reduce((total, block) => total + block.tokens, 0);
}

function inferStopReason(content: readonly BlockSpec[]): StopReason {
  return content.some((block) => block.kind === 'call' && block.type === 'tool_use')
    ? 'tool_use'
    : 'end_turn';
}

function buildBlock(block: BlockSpec, context: MessageContext): BuiltBlock {
  switch (block.kind) {
    case 'text':
      return buildText(block, context);
    case 'thinking':
      return buildThinking(block, context);
    case 'call':
      return buildCall(block, context);
    case 'compaction': {
      const tokens = tokensOf(block.content?.length ?? 0, context.tokenFactor);
      const start = { type: 'compaction', content: null };
      const delta = { type: 'compaction_delta', content: block.content };
      return {
        start,
        body: undefined,
        extras: [delta],
        final: { type: 'compaction', content: block.content },
        tokens,
        isThinking: false,
      };
    }
    case 'whole': {
      const tokens = tokensOf(JSON.stringify(block.block).length, context.tokenFactor);
      const isThinking = block.block.type === 'redacted_thinking';
      return { start: block.block, body: undefined, extras: [], final: block.block, tokens, isThinking };
    }
  }
}

function buildText({ text, citations = [] }: TextSpec, { tokenFactor }: MessageContext): BuiltBlock {
  return {
    start: { type: 'text', text: '', ...(citations.length > 0 && { citations: [] }) },
    body: { text, delta: (piece) => ({ type: 'text_delta', text: piece }) },
    extras: citations.map((citation) => ({ type: 'citations_delta', citation })),
    final: { type: 'text', text, ...(citations.length > 0 && { citations }) },
    tokens: tokensOf(text.length, tokenFactor),
    isThinking: false,
  };
}

function buildThinking(block: ThinkingSpec, context: MessageContext): BuiltBlock {
  const shown = context.showThinking || block.shown === true ? block.text : '';
  const signature = block.signature ?? context.sign(shown);
  return {
    start: { type: 'thinking', thinking: '', signature: '' },
    body: { text: shown, delta: (piece) => ({ type: 'thinking_delta', thinking: piece }) },
    extras: [{ type: 'signature_delta', signature }],
    final: { type: 'thinking', thinking: shown, signature },
    tokens: tokensOf(block.text.length, context.tokenFactor),
    isThinking: true,
  };
}

const idPrefixes = { tool_use: 'toolu', server_tool_use: 'srvtoolu', mcp_tool_use: 'mcptoolu' } as const;

function buildCall(block: CallSpec, { random, tokenFactor }: MessageContext): BuiltBlock {
  const { type, name, json } = block;
  const head = { type, id: block.id ?? random.id(idPrefixes[type]), name };
  return {
    start: { ...head, input: {}, ...block.fields },
    body: { text: json, delta: (piece) => ({ type: 'input_json_delta', partial_json: piece }) },
    extras: [],
    final: { ...head, input: parseInput(json), ...block.fields },
    tokens: tokensOf(name.length + json.length + 20, tokenFactor),
    isThinking: false,
  };
}

/** A cut input cannot be sent as JSON in a whole reply: it becomes an empty object there. */
function parseInput(json: string): JsonObject {
  try {
    return asObject(JSON.parse(json));
  } catch {
    return {};
  }
}
