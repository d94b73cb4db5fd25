import type { Message } from '../api.ts';
import type { CompactionEvent } from '../journal/events.ts';
import type { RunState } from './run-state.ts';
import { promptTokensOf } from '../money/usage.ts';

type Facts = Omit<CompactionEvent, 'type' | 'turn' | 'seq' | 'at' | 'runId' | 'agent' | 'parentRunId'>;

interface Iteration {
  readonly type?: string;
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
}

/**
 * What a reply tells of a compaction, the last one where there were several; null where there was none. The sizes are
 * those of its passes: the one that wrote the summary, and the one that went on with it.
 */
function compactionIn({ content, stop_reason, usage }: Message, before: number): Facts | null {
  const blocks = (content as readonly { readonly type: string; readonly content?: unknown }[]).filter(
    ({ type }) => type === 'compaction',
  );
  if (blocks.length === 0 && (stop_reason as string | null) !== 'compaction') return null;
  const { iterations } = usage as { readonly iterations?: unknown };
  const passes = Array.isArray(iterations) ? (iterations as readonly Iteration[]) : [];
  const at = passes.findLastIndex(({ type }) => type === 'compaction');
  const summary = passes[at];
  const next = summary && passes.slice(at + 1).find(({ type }) => type === 'message');
  return {
    ...(summary && {
      // The pass that wrote the summary may tell less than what it closed: https://platform.claude.com/docs/en/build-with-claude/compaction
      fromTokens: Math.max(before, ...passes.slice(0, at + 1).map(promptTokensOf)),
      summaryTokens: summary.output_tokens ?? 0,
    }),
    ...(next && { toTokens: promptTokensOf(next) }),
    ...(blocks.length > 0 && blocks.every((block) => block.content === null) && { failed: true as const }),
  };
}

/** Records the compaction of a reply, where there was one, and once: the reply may be that of an interrupted run. */
export async function noteCompaction(run: RunState, message: Message): Promise<void> {
  const facts = compactionIn(message, run.state.cache.before?.prompt ?? 0);
  if (facts && !run.state.run?.compacted)
    await run.record({ type: 'compaction', turn: run.tally.turns, ...facts });
}
