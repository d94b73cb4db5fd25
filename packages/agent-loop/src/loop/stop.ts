import type { Outcome } from './result.ts';

/** What the loop does after a whole reply. */
export type Decision =
  | { readonly next: 'end'; readonly outcome: Outcome; readonly reason?: string }
  | { readonly next: 'run-tools' }
  | { readonly next: 'ask-again' }
  | { readonly next: 'fail'; readonly code: 'unknown-stop-reason' | 'bad-reply'; readonly message: string };

/** What the decision rests on. */
export interface StopFacts {
  readonly stopReason: string | null;
  /** Calls of client tools in the reply. */
  readonly calls: number;
  /** Replies in a row, this one included, that stopped with `pause_turn`. */
  readonly pauses: number;
  /** How many such replies in a row are answered. */
  readonly maxPauses: number;
}

/**
 * Decides by the stop reason what follows a reply. Tools run for `tool_use` alone (and for the client calls of a paused
 * turn, which must be answered before it can go on); a reply that was cut, refused or ended for an unknown reason runs none.
 *
 * Source: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
export function decide(facts: StopFacts): Decision {
  const { stopReason, calls } = facts;
  switch (stopReason) {
    case 'end_turn':
    case 'stop_sequence':
      return { next: 'end', outcome: 'completed' };
    case 'tool_use':
      if (calls > 0) return { next: 'run-tools' };
      return {
        next: 'fail',
        code: 'bad-reply',
        message: 'The reply stopped with "tool_use" but calls no tool.',
      };
    case 'max_tokens':
      return { next: 'end', outcome: 'truncated' };
    case 'model_context_window_exceeded':
      return { next: 'end', outcome: 'context-full' };
    case 'refusal':
      return { next: 'end', outcome: 'refused' };
    case 'pause_turn':
      if (facts.pauses > facts.maxPauses) {
        return {
          next: 'end',
          outcome: 'turn-limit',
          reason: `limits.pauses (${facts.maxPauses}) is reached: the server paused the turn again`,
        };
      }
      return calls > 0 ? { next: 'run-tools' } : { next: 'ask-again' };
    case 'compaction':
      return { next: 'ask-again' };
    default:
      return {
        next: 'fail',
        code: 'unknown-stop-reason',
        message:
          `The reply stopped with ${JSON.stringify(stopReason)}, which this version does not know. No tool of it was run. ` +
          'Update @pawl/agent-loop, or check what the server sent.',
      };
  }
}
