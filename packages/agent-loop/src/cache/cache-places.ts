import type { MessageParam } from '../api.ts';
import type { CacheTtl } from './cache-option.ts';

/** Places behind a breakpoint that the API looks for a cached prefix at, the breakpoint's own among them. */
const LOOKBACK = 20;
/** Where a server counts a little otherwise, a breakpoint too many is free and one too few costs the whole prefix. */
const SLACK = 2;

/**
 * Follows where the conversation ended when it was last asked with, and how many places have joined since: a run of
 * tool calls, or of results, is one. A breakpoint at the end finds what was cached up to twenty places before.
 * See https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export class CachePlaces {
  /** Breakpoints that users have set inside messages. */
  marked: CacheTtl[] = [];
  #messages = 0;
  #passed = 0;
  /** Messages there were when they were last sent, and the places since. */
  #sent = 0;
  #since = 0;
  #lastRun: string | undefined;

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

  /** A message joined that nobody looks into, because it was sent since, or is looked into later. */
  passed(): void {
    this.#messages += 1;
    this.#passed += 1;
  }

  /** How many messages were passed since they were last sent. */
  get passedBy(): number {
    return this.#passed;
  }

  /** Looks into those. */
  recount(messages: readonly MessageParam[]): void {
    this.#messages -= this.#passed;
    this.#passed = 0;
    for (const message of messages) this.joined(message);
  }

  /** All messages so far are being sent. */
  sent(): void {
    this.#sent = this.#messages;
    this.#passed = 0;
    this.#since = 0;
    this.#lastRun = undefined;
  }

  /** The messages are others from here on. */
  restart(messages: readonly MessageParam[]): void {
    this.marked = [];
    this.#messages = 0;
    this.#passed = 0;
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
