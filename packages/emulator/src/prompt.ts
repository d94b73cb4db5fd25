import { chain, hashOf } from './hash.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, asString, shown } from './json.ts';
import { memo } from './memo.ts';
import type { BlockFacts, MessageFacts } from './message-facts.ts';
import { ttlOf, withoutMarkers } from './message-facts.ts';
import type { ModelSpec } from './model-spec.ts';
import { tokensOf } from './tokens.ts';

/** Lifetime of a cache entry. */
export type Ttl = '5m' | '1h';

/** A place where a cache entry is asked for. */
export interface Marker {
  readonly index: number;
  readonly ttl: Ttl;
}

/** A prompt as the cache and the token count see it: what can be cached, place by place in prefix order. */
export interface Prompt {
  /** For each place the hash of the prompt up to and including it. */
  readonly prefixes: readonly number[];
  /** For each place the tokens of the prompt up to and including it. */
  readonly totals: readonly number[];
  /** For each place the kind of run it is in: neighbours of one run count as one place in the lookback. */
  readonly runs: readonly ('tool_use' | 'tool_result' | undefined)[];
  readonly markers: readonly Marker[];
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
  const tape = createTape(hashOf(model.id), model.tokenFactor);
  const tools = asArray(body['tools']).map(asObject);
  layOutTools(tape, tools, body, model);
  const citing = messages.some(({ totals }) => totals.citing);
  // Web search is a switch of the system prompt, though it stands among the tools.
  const searching = JSON.stringify(tools.filter(isWebSearch).map(withoutMarkers));
  tape.mix(hashOf(`system ${shown(body['speed'] ?? 'standard')} ${citing} ${searching}`));
  layOutSystem(tape, body['system']);
  tape.mix(hashOf(`messages ${messagesLevel(body, messages)}`));
  layOutMessages(tape, messages, model);
  const automatic = ttlOf(body);
  const last = lastCacheable(tape.prompt, messages);
  if (automatic !== undefined && last >= 0) tape.prompt.markers.push({ index: last, ttl: automatic });
  return { ...tape.prompt, tokens: tape.prompt.totals.at(-1) ?? 0 };
}

interface Tape {
  readonly prompt: {
    readonly prefixes: number[];
    readonly totals: number[];
    readonly runs: ('tool_use' | 'tool_result' | undefined)[];
    readonly markers: Marker[];
  };
  readonly mix: (item: number) => void;
  /** Undefined leaves the prefix as it is. */
  readonly add: (
    item: number | undefined,
    tokens: number,
    ttl: Ttl | undefined,
    run?: 'tool_use' | 'tool_result',
  ) => void;
  readonly factor: number;
}

function createTape(seed: number, factor: number): Tape {
  const prompt: Tape['prompt'] = { prefixes: [], totals: [], runs: [], markers: [] };
  let prefix = seed;
  let tokens = 0;
  return {
    prompt,
    factor,
    mix: (item) => {
      prefix = chain(prefix, item);
    },
    add: (item, added, ttl, run) => {
      if (item !== undefined) prefix = chain(prefix, item);
      tokens += added;
      if (ttl !== undefined) prompt.markers.push({ index: prompt.prefixes.length, ttl });
      prompt.prefixes.push(prefix);
      prompt.totals.push(tokens);
      prompt.runs.push(run);
    },
  };
}

/** The tool as the cache sees it, by its JSON: schemas are sent again with every request. */
const toolFacts = memo((json) => {
  const text = JSON.stringify(withoutMarkers(asObject(JSON.parse(json))));
  return { exactHash: hashOf(text), characters: text.length };
});

function isWebSearch({ type }: JsonObject): boolean {
  return asString(type)?.startsWith('web_search_') ?? false;
}

function layOutTools(tape: Tape, tools: readonly JsonObject[], body: JsonObject, model: ModelSpec): void {
  const choice = asObject(body['tool_choice'])['type'];
  let extra = choice === 'any' || choice === 'tool' ? model.toolTokens.forced : model.toolTokens.auto;
  for (const tool of tools) {
    const { exactHash, characters } = toolFacts(JSON.stringify(tool));
    const defined = definedToolTokens.find(([type]) => type.test(asString(tool['type']) ?? ''));
    const own = defined ? defined[model.tokenFactor > 1 ? 1 : 2] : 0;
    const hash = isWebSearch(tool) ? undefined : exactHash;
    tape.add(hash, tokensOf(characters, tape.factor) + own + extra, ttlOf(tool));
    extra = 0;
  }
}

const textHash = memo(hashOf);

function layOutSystem(tape: Tape, system: unknown): void {
  const blocks =
    typeof system === 'string' ? [{ type: 'text', text: system }] : asArray(system).map(asObject);
  for (const block of blocks) {
    const text = asString(block['text']) ?? '';
    tape.add(textHash(text), tokensOf(text.length, tape.factor), ttlOf(block));
  }
}

function messagesLevel(body: JsonObject, messages: readonly MessageFacts[]): string {
  const hasImages = messages.some(({ totals }) => totals.images > 0);
  const effort = asObject(body['output_config'])['effort'];
  return JSON.stringify([body['tool_choice'] ?? null, hasImages, body['thinking'] ?? null, effort ?? null]);
}

const roleHashes: Readonly<Record<string, number>> = {
  user: hashOf('user'),
  assistant: hashOf('assistant'),
  system: hashOf('system'),
};

function layOutMessages(tape: Tape, messages: readonly MessageFacts[], model: ModelSpec): void {
  let role = '';
  for (const message of messages) {
    let overhead = messageOverhead;
    for (const block of message.blocks) {
      if (message.role !== role) tape.mix(roleHashes[message.role] ?? 0);
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

/** Where a marker on the request itself stands: the last block that can be cached; -1 where there is none. */
export function lastCacheable(
  { prefixes }: Pick<Prompt, 'prefixes'>,
  messages: readonly MessageFacts[],
): number {
  let index = prefixes.length - 1;
  for (const { blocks } of messages.toReversed()) {
    for (const block of blocks.toReversed()) {
      const isUncacheable =
        block.thinking !== undefined || block.type === 'redacted_thinking' || block.isEmptyText;
      if (!isUncacheable) return index;
      index--;
    }
  }
  return index;
}
