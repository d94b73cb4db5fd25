import { hash } from './hash.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, asString, shown } from './json.ts';
import type { BlockFacts, MessageFacts } from './message-facts.ts';
import { ttlOf, withoutMarkers } from './message-facts.ts';
import { memo } from './memo.ts';
import type { ModelSpec } from './model-spec.ts';
import { tokensOf } from './tokens.ts';

/** One cacheable place of a prompt, in prefix order. */
export interface Position {
  /** Of the prompt up to and including this place. */
  readonly prefix: string;
  /** Tokens of the prompt up to and including this place. */
  readonly tokens: number;
  /** Lifetime asked for by the marker here, if there is one. */
  readonly ttl: '5m' | '1h' | undefined;
  /** Neighbours of one run count as one place in the lookback. */
  readonly run: 'tool_use' | 'tool_result' | undefined;
}

/** A prompt as the cache and the token count see it. */
export interface Prompt {
  readonly positions: readonly Position[];
  readonly tokens: number;
}

/** Prompt tokens that tools of the API's own definition add. */
const definedToolTokens: readonly (readonly [type: RegExp, since47: number, before: number])[] = [
  [/^bash_/, 325, 244],
  [/^text_editor_/, 700, 700],
  [/^computer_toolset_/, 4500, 4500],
  [/^browser_toolset_/, 6600, 6600],
];

/** Tokens around each message. */
const messageOverhead = 4;

/**
 * Lays a request out as the prompt it makes: tools, then system, then messages. What invalidates a level of the cache is
 * mixed into the hash where that level begins: the model at the tools; speed and citations at the system prompt; tool
 * choice, images, thinking and effort at the messages.
 */
export function layOut(body: JsonObject, messages: readonly MessageFacts[], model: ModelSpec): Prompt {
  const tape = createTape(hash(model.id), model.tokenFactor);
  layOutTools(tape, body, model);
  const citing = messages.some(({ blocks }) => blocks.some((block) => block.citing === true));
  tape.mix(`system ${shown(body['speed'] ?? 'standard')} ${citing}`);
  layOutSystem(tape, body['system']);
  tape.mix(`messages ${messagesLevel(body, messages)}`);
  layOutMessages(tape, messages, model);
  return {
    positions: withAutomaticMarker(tape.positions, ttlOf(body), messages),
    tokens: tape.positions.at(-1)?.tokens ?? 0,
  };
}

interface Tape {
  readonly positions: Position[];
  mix(text: string): void;
  add(itemHash: string, tokens: number, ttl: Position['ttl'], run?: Position['run']): void;
  readonly factor: number;
}

function createTape(seed: string, factor: number): Tape {
  const positions: Position[] = [];
  let prefix = seed;
  let tokens = 0;
  return {
    positions,
    factor,
    mix: (text) => {
      prefix = hash(prefix + text);
    },
    add: (itemHash, added, ttl, run) => {
      prefix = hash(prefix + itemHash);
      tokens += added;
      positions.push({ prefix, tokens, ttl, run });
    },
  };
}

/** The tool as the cache sees it, by its JSON: schemas are sent again with every request. */
const toolFacts = memo((json) => {
  const text = JSON.stringify(withoutMarkers(asObject(JSON.parse(json))));
  return { exactHash: hash(text), characters: text.length };
});

function layOutTools(tape: Tape, body: JsonObject, model: ModelSpec): void {
  const choice = asObject(body['tool_choice'])['type'];
  let extra = choice === 'any' || choice === 'tool' ? model.toolTokens.forced : model.toolTokens.auto;
  for (const tool of asArray(body['tools']).map(asObject)) {
    const { exactHash, characters } = toolFacts(JSON.stringify(tool));
    const defined = definedToolTokens.find(([type]) => type.test(asString(tool['type']) ?? ''));
    const own = defined ? defined[model.tokenFactor > 1 ? 1 : 2] : 0;
    tape.add(exactHash, tokensOf(characters, tape.factor) + own + extra, ttlOf(tool));
    extra = 0;
  }
}

function layOutSystem(tape: Tape, system: unknown): void {
  const blocks =
    typeof system === 'string' ? [{ type: 'text', text: system }] : asArray(system).map(asObject);
  for (const block of blocks) {
    const text = asString(block['text']) ?? '';
    tape.add(hash(text), tokensOf(text.length, tape.factor), ttlOf(block));
  }
}

function messagesLevel(body: JsonObject, messages: readonly MessageFacts[]): string {
  const hasImages = messages.some(({ blocks }) => blocks.some(({ images }) => images > 0));
  const effort = asObject(body['output_config'])['effort'];
  return JSON.stringify([body['tool_choice'] ?? null, hasImages, body['thinking'] ?? null, effort ?? null]);
}

function layOutMessages(tape: Tape, messages: readonly MessageFacts[], model: ModelSpec): void {
  let role = '';
  for (const message of messages) {
    let overhead = messageOverhead;
    for (const block of message.blocks) {
      if (message.role !== role) tape.mix(message.role);
      role = message.role;
      const run = block.type === 'tool_use' || block.type === 'tool_result' ? block.type : undefined;
      tape.add(block.exactHash, blockTokens(block, model) + overhead, block.ttl, run);
      overhead = 0;
    }
  }
}

function blockTokens(block: BlockFacts, model: ModelSpec): number {
  const media = model.tokenFactor > 1 ? block.media.high : block.media.low;
  return tokensOf(block.characters, model.tokenFactor) + media;
}

/** A marker on the request itself stands on the last block that can be cached. */
function withAutomaticMarker(
  positions: readonly Position[],
  ttl: Position['ttl'],
  messages: readonly MessageFacts[],
): readonly Position[] {
  if (ttl === undefined) return positions;
  const blocks = messages.flatMap((message) => message.blocks);
  const uncacheable = (index: number): boolean => {
    const block = blocks[index - (positions.length - blocks.length)];
    return (
      block !== undefined &&
      (block.thinking !== undefined || block.type === 'redacted_thinking' || block.isEmptyText)
    );
  };
  let last = positions.length - 1;
  while (last > 0 && uncacheable(last)) last--;
  return positions.map((position, index) => (index === last ? { ...position, ttl } : position));
}
