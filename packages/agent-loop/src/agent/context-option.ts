import type { RequestParams } from '../api.ts';
import { type CacheOption, toCacheSettings } from '../cache/cache-option.ts';
import { ConfigError } from '../errors.ts';
import { type AutoCompaction, isCompacted, latestCompaction } from '../money/compaction-plan.ts';
import { checkCount, checkCountOrZero, refuseUnknown, shown } from '../option-checks.ts';

/**
 * What the API does with a conversation that grows long. It happens on the server: the transcript stays whole, and what
 * was sent is sent again. Both are betas, which are added.
 */
export interface ContextOption {
  /**
   * Prompt size in tokens from which the API writes a summary and goes on with it in place of what came before. At least
   * 50,000. `'auto'`: from where it pays, and in any case before the context window is full. Default: never.
   * See https://platform.claude.com/docs/en/build-with-claude/compaction
   */
  readonly compactAt?: number | 'auto';
  /** What the summary is to keep. Default: the API's own instructions. */
  readonly instructions?: string;
  /**
   * Prompt size in tokens from which the API leaves out the oldest results of tools. Default: never.
   * See https://platform.claude.com/docs/en/build-with-claude/context-editing
   */
  readonly clearToolUsesAt?: number;
  /** How many of the latest calls keep their results. Default 3. */
  readonly keepToolUses?: number;
  /**
   * Prompt size in tokens, by the most that it can be, from which a request is counted before it is sent, where that
   * decides something: whether it fits, nearly fills the context window, or is in a dearer price band. Counting is free and
   * takes a round trip. `false`: never. Default: half of the context window, or the band.
   * See https://platform.claude.com/docs/en/build-with-claude/token-counting
   */
  readonly countFrom?: number | false;
}

interface Given {
  readonly model?: string;
  readonly cache?: CacheOption;
  readonly context?: ContextOption;
  readonly request?: Readonly<Record<string, unknown>>;
}

const FIELDS: readonly (keyof ContextOption)[] = [
  'compactAt',
  'instructions',
  'clearToolUsesAt',
  'keepToolUses',
  'countFrom',
];
/** Fields of a request that say the same, or do not go with it. */
const RIVALS = ['context_management', 'compaction', 'thread'];
const COMPACT = { type: 'compact_20260112', beta: 'compact-2026-01-12' };
const CLEAR = { type: 'clear_tool_uses_20250919', beta: 'context-management-2025-06-27' };
const LEAST_COMPACT_AT = 50_000;
const KEPT_TOOL_USES = 3;

/** Throws a ConfigError for what the API would refuse, and for what would be without effect. */
export function checkContext({ model = '', context, request = {} }: Given): void {
  if (context === undefined) return;
  if (typeof context !== 'object' || context === null || Array.isArray(context))
    throw new ConfigError('context', `must be an object, got ${shown(context)}.`);
  refuseUnknown('context', context, FIELDS);
  const { compactAt, instructions, clearToolUsesAt, keepToolUses, countFrom } = context;
  if (countFrom !== false) checkCount('context.countFrom', countFrom);
  if (compactAt === undefined && clearToolUsesAt === undefined && countFrom === undefined)
    throw new ConfigError(
      'context',
      'does nothing: give compactAt, clearToolUsesAt or countFrom, in prompt tokens.',
    );
  checkCount('context.clearToolUsesAt', clearToolUsesAt);
  checkCountOrZero('context.keepToolUses', keepToolUses);
  if (compactAt === 'auto') checkAuto(model);
  else checkCount('context.compactAt', compactAt);
  if (typeof compactAt === 'number' && compactAt < LEAST_COMPACT_AT)
    throw new ConfigError('context.compactAt', `must be at least 50,000 tokens, got ${compactAt}.`);
  checkInstructions(instructions, compactAt);
  if (keepToolUses !== undefined && clearToolUsesAt === undefined)
    throw new ConfigError('context.keepToolUses', 'does nothing without clearToolUsesAt.');
  if (typeof compactAt === 'number' && clearToolUsesAt !== undefined && clearToolUsesAt >= compactAt)
    throw new ConfigError(
      'context.clearToolUsesAt',
      `must be below compactAt (${compactAt}), or nothing is left to clear; got ${clearToolUsesAt}.`,
    );
  const rival = RIVALS.find((field) => request?.[field] !== undefined);
  if (rival !== undefined)
    throw new ConfigError('context', `does not go together with request.${rival}. Give one of them.`);
}

function checkAuto(model: string): void {
  if (!isCompacted(model))
    throw new ConfigError('context.compactAt', `is nothing that the API has for the model "${model}".`);
}

function checkInstructions(instructions: unknown, compactAt: number | 'auto' | undefined): void {
  if (instructions === undefined) return;
  if (typeof instructions !== 'string' || instructions.trim() === '')
    throw new ConfigError('context.instructions', `must be a text, got ${shown(instructions)}.`);
  if (compactAt === undefined)
    throw new ConfigError('context.instructions', 'are for a summary: they do nothing without compactAt.');
}

/** The field of a request that the option is sent as. Tool results are cleared first: that is the cheaper of the two. */
export function contextParams(given: Given, maxTokens: number): Partial<RequestParams> {
  const { model = '', context } = given;
  if (context === undefined) return {};
  const { compactAt, instructions, clearToolUsesAt, keepToolUses = KEPT_TOOL_USES } = context;
  const edits: object[] = [];
  if (clearToolUsesAt !== undefined)
    edits.push({
      type: CLEAR.type,
      trigger: { type: 'input_tokens', value: clearToolUsesAt },
      keep: { type: 'tool_uses', value: keepToolUses },
    });
  if (compactAt !== undefined)
    edits.push({
      type: COMPACT.type,
      trigger: {
        type: 'input_tokens',
        value: compactAt === 'auto' ? latestCompaction(model, maxTokens, leastOf(context)) : compactAt,
      },
      ...(instructions !== undefined && { instructions }),
    });
  return edits.length === 0 ? {} : ({ context_management: { edits } } as Partial<RequestParams>);
}

/** The lowest threshold: tool results are cleared before. */
function leastOf({ clearToolUsesAt = 0 }: ContextOption): number {
  return Math.max(LEAST_COMPACT_AT, clearToolUsesAt + 1);
}

/** What `'auto'` decides by; null where it was not asked for. */
export function autoCompaction({ context, cache }: Given): AutoCompaction | null {
  if (context?.compactAt !== 'auto') return null;
  const { places } = toCacheSettings(cache);
  const ttl = places?.messages;
  return { least: leastOf(context), cache: !places || ttl === false ? 'off' : (ttl ?? '5m') };
}

/** The betas that it needs. */
export function contextBetas({ context }: Given): readonly string[] {
  return [
    ...(context?.clearToolUsesAt === undefined ? [] : [CLEAR.beta]),
    ...(context?.compactAt === undefined ? [] : [COMPACT.beta]),
  ];
}
