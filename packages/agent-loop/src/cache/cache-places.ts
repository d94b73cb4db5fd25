import type { MessageParam } from '../api.ts';
import type { CacheTtl } from './cache-option.ts';

/** Places behind a breakpoint that the API looks for a cached prefix at, the breakpoint's own among them. */
const LOOKBACK = 20;
/** Where a server counts a little otherwise, a breakpoint too many is free and one too few costs the whole prefix. */
const SLACK = 2;

/** Places as a checkpoint has them. */
export interface SavedPlaces {
  readonly marked: readonly CacheTtl[];
  readonly messages: number;
  readonly sent: number;
  readonly since: number;
  readonly lastRun?: string;
}

/**
 * Follows where the conversation ended when it was last asked with, and how many places have joined since: a run of
 * tool calls, or of results, is one. A breakpoint at the end finds what was cached up to twenty places before.
 * See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export class CachePlaces {
  /** Breakpoints that users have set inside messages. */
  marked: CacheTtl[] = [];
  #messages = 0;
  /** Messages there were when they were last sent, and the places since. */
  #sent = 0;
  #since = 0;
  #lastRun: string | undefined;

  /** For a checkpoint. */
  save(): SavedPlaces {
    return {
      marked: this.marked,
      messages: this.#messages,
      sent: this.#sent,
      since: this.#since,
      ...(this.#lastRun !== undefined && { lastRun: this.#lastRun }),
    };
  }

  /** What a checkpoint has. */
  restore({ marked, messages, sent, since, lastRun }: SavedPlaces): void {
    this.marked = [...marked];
    this.#messages = messages;
    this.#sent = sent;
    this.#since = since;
    this.#lastRun = lastRun;
  }

  /** A message joined. */
  joined({ content }: MessageParam): void {
    this.#messages += 1;
    if (typeof content === 'string') {
      this.#since += 1;
      this.#lastRun = undefined;
      return;
    }
    for (const block of content) {
      const run = block.type === 'tool_use' || block.type === 'tool_result' ? block.type : undefined;
      if (run === undefined || run !== this.#lastRun) this.#since += 1;
      this.#lastRun = run;
      if ('cache_control' in block && block.cache_control) this.marked.push(block.cache_control.ttl ?? '5m');
    }
  }

  /** All messages so far are being sent. */
  sent(): void {
    this.#sent = this.#messages;
    this.#since = 0;
    this.#lastRun = undefined;
  }

  /** The messages are others from here on. */
  restart(messages: readonly MessageParam[]): void {
    this.marked = [];
    this.#messages = 0;
    this.#sent = 0;
    this.#since = 0;
    this.#lastRun = undefined;
    for (const message of messages) this.joined(message);
  }

  /** The message that needs a breakpoint of its own, because the end is too far from it; null where none does. */
  get outOfSight(): number | null {
    return this.#sent > 0 && this.#since > LOOKBACK - 1 - SLACK ? this.#sent - 1 : null;
  }
}
