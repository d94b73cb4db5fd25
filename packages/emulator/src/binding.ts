import { chain, hash, hashOf } from './hash.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, asString, canonicalJson } from './json.ts';
import { memo } from './memo.ts';
import { withoutMarkers } from './message-facts.ts';
import type { ModelSpec } from './model-spec.ts';
import type { PreservedThinking } from './types.ts';
import { pathOf } from './validate-conversation.ts';
import type { Turn } from './validate-conversation.ts';

/** Signs thinking blocks of the next reply and checks those of earlier ones. */
export interface Binding {
  /** Of everything before the reply to come. */
  readonly prefix: string;
  readonly sign: (thinkingText: string) => string;
  /** The first block that was edited or stands in a conversation it was not made in, or undefined. */
  readonly check: () => string | undefined;
}

/** What a binding depends on besides the conversation. */
export interface BindingOptions {
  readonly model: ModelSpec;
  readonly mode: PreservedThinking;
  /** Blocks in another conversation are ignored instead of refused. */
  readonly drops: boolean;
}

/**
 * Binds thinking blocks to everything before the assistant turn they stand in: the system prompt, the tools in any order,
 * and the earlier turns, cache markers left out. A compaction block takes the place of what comes before it.
 */
export function bindThinking(body: JsonObject, turns: readonly Turn[], options: BindingOptions): Binding {
  const prefixes = prefixHashes(body, turns);
  const last = turns.at(-1)?.role === 'assistant' ? turns.length - 1 : turns.length;
  return {
    prefix: nameOf(prefixes[last]),
    sign: (text) => encode([options.model.id, nameOf(prefixes[last]), hash(text)]),
    check: () => checkTurns(turns, prefixes, options),
  };
}

/** For each turn, and for the one to come, the hash of what is before it. */
function prefixHashes(body: JsonObject, turns: readonly Turn[]): readonly number[] {
  const base = hashOf(`${systemText(body['system'])}|${toolHashes(body['tools'])}`);
  const prefixes: number[] = [];
  let prefix = base;
  for (const turn of turns) {
    prefixes.push(prefix);
    prefix = chain(prefix, roleHash(turn.role));
    for (const { facts } of turn.blocks)
      prefix = chain(facts.type === 'compaction' ? base : prefix, facts.hash);
  }
  prefixes.push(prefix);
  return prefixes;
}

const roleHash = memo(hashOf);

function nameOf(prefix: number | undefined): string {
  return (prefix ?? 0).toString(36);
}

function systemText(system: unknown): string {
  if (typeof system === 'string') return canonicalJson([system]);
  return canonicalJson(asArray(system).map((block) => asString(asObject(block)['text']) ?? ''));
}

function toolHashes(tools: unknown): string {
  return asArray(tools)
    .map((tool) => toolHash(JSON.stringify(tool)))
    .toSorted()
    .join();
}

const toolHash = memo((json) => hash(canonicalJson(withoutMarkers(asObject(JSON.parse(json))))));

function checkTurns(
  turns: readonly Turn[],
  prefixes: readonly number[],
  options: BindingOptions,
): string | undefined {
  if (options.mode === 'off') return undefined;
  const binds = isBound(options.model, options.mode);
  const latest = turns.findLastIndex(({ role }) => role === 'assistant');
  // Blocks before the last summary are not read any more.
  const from = Math.max(
    0,
    turns.findLastIndex(({ blocks }) => blocks.some(({ facts }) => facts.type === 'compaction')),
  );
  for (let index = from; index < turns.length; index++) {
    const turn = turns[index];
    if (turn?.role !== 'assistant') continue;
    const isSummary = turn.blocks.some(({ facts }) => facts.type === 'compaction');
    const expected = isSummary ? undefined : prefixes[index];
    const problem = checkTurn(turn, { expected, isLatest: index === latest, binds }, options);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

interface Place {
  /** Undefined where the prefix is not checked. */
  readonly expected: number | undefined;
  readonly isLatest: boolean;
  readonly binds: boolean;
}

function checkTurn(
  turn: Turn,
  { expected, isLatest, binds }: Place,
  { model, drops }: BindingOptions,
): string | undefined {
  for (const block of turn.blocks) {
    const { thinking } = block.facts;
    if (!thinking) continue;
    const path = pathOf(block);
    const parts = decode(thinking.signature);
    if (!parts) return `${path}: Invalid \`signature\` in \`thinking\` block`;
    const [signer, prefix, content] = parts;
    // Blocks of another model are dropped silently.
    if (signer !== model.id) continue;
    if (content !== hash(thinking.text)) {
      if (isLatest) {
        return `${path}: \`thinking\` or \`redacted_thinking\` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.`;
      }
      if (binds) return `${path}: Invalid \`signature\` in \`thinking\` block`;
    }
    if (binds && !drops && expected !== undefined && prefix !== nameOf(expected)) {
      return `${path}: Invalid \`signature\` in \`thinking\` block: the block is bound to a different conversation. The system prompt, the tools or an earlier message changed since it was made.`;
    }
  }
  return undefined;
}

function isBound({ binding }: ModelSpec, mode: PreservedThinking): boolean {
  if (mode === 'everyone') return true;
  return binding === 'everyone' || (binding === 'new' && mode === 'new-organisation');
}

function encode(parts: readonly [model: string, prefix: string, content: string]): string {
  return btoa(`pawl1|${parts.join('|')}`);
}

function decode(signature: string): readonly [model: string, prefix: string, content: string] | undefined {
  try {
    const [version, model, prefix, content] = atob(signature).split('|');
    return version === 'pawl1' && model !== undefined && prefix !== undefined && content !== undefined
      ? [model, prefix, content]
      : undefined;
  } catch {
    return undefined;
  }
}
