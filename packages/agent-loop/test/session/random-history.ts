import type { ContentBlockParam, Message, ToolUseBlock } from '../../src/api.ts';
import type { Entry, NewEntry } from '../../src/journal/events.ts';

/** Whole numbers below a bound, from a seed. */
export type Dice = (below: number) => number;

/** Dice that fall the same way for the same seed. */
export function diceOf(seed: number): Dice {
  let state = (seed % 2147483646) + 1;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

const TEXTS = [
  'ok',
  'Größe "7"\n',
  '天気 🧥',
  '{"type":"tool_use","id":"call_1"}',
  'x'.repeat(300),
  '\u2028\\',
];

/** A history as the loop writes it, with all that can happen on the way, cut off anywhere. */
export function randomHistory(seed: number, turns: number): Entry[] {
  const writer = new HistoryWriter(diceOf(seed));
  writer.write(turns);
  const { entries } = writer;
  return writer.dice(3) === 0 ? entries.slice(0, entries.length - writer.dice(8)) : entries;
}

class HistoryWriter {
  readonly dice: Dice;
  readonly entries: Entry[] = [];
  #at = 1_790_000_000_000;
  #run = 0;
  #calls = 0;
  /** How odd this history is: how often something other than text and tools happens. */
  readonly #odd: number;

  constructor(dice: Dice) {
    this.dice = dice;
    this.#odd = [1000, 60, 8][dice(3)] ?? 8;
  }

  write(turns: number): void {
    this.#add({ type: 'session-start', version: 1, model: 'm', fingerprint: 'f' });
    this.#add({ type: 'settings', params: { model: 'm', max_tokens: 9, stream: true }, betas: [] });
    for (let left = turns; left > 0;) left -= this.#runOf(1 + this.dice(Math.min(left, 60)));
  }

  #runOf(turns: number): number {
    this.#run += 1;
    this.#add({ type: 'run-start', model: 'm' });
    this.#add({ type: 'input', source: this.#isOdd() ? 'budget' : 'user', content: this.#content() });
    for (let turn = 1; turn <= turns; turn += 1) {
      const message = this.#turn(turn, turn === turns);
      if (!message) return turn;
      if (this.#isOdd()) this.#add({ type: 'compaction', turn, fromTokens: 9 });
      // The process ended, and the next one goes on.
      if (this.#isOdd()) this.#add({ type: 'run-start', model: 'm', resumed: true });
    }
    const outcome = this.#isOdd() ? 'stopped' : 'completed';
    this.#add({ type: 'run-end', outcome, turns, reason: null });
    return turns;
  }

  /** Null where the run ended with it. */
  #turn(turn: number, isLast: boolean): Message | null {
    const early = this.#callsOf(isLast ? 0 : this.dice(4));
    const request = {
      type: 'request',
      turn,
      model: 'm',
      maxTokens: 9,
      bytes: 100 + this.entries.length,
    } as const;
    this.#add({ ...request, attempt: 1 });
    if (this.#isOdd()) {
      const usage = { input_tokens: 4, output_tokens: 1 };
      const lost = {
        code: 'stream-broken',
        message: 'cut',
        text: 'ha',
        usage,
        model: 'm',
        durationMs: 4,
      } as const;
      this.#add({ type: 'reply-lost', turn, attempt: 1, ...lost });
      if (turn === 1 && this.dice(2) === 0) {
        this.#add({ type: 'run-end', outcome: 'failed', turns: 1, reason: 'no', code: 'invalid-request' });
        return null;
      }
      this.#add({ ...request, attempt: 2 });
    }
    const before = early.filter(() => this.dice(3) === 0);
    for (const call of before) this.#end(turn, call, true);
    const message = this.#message(early);
    this.#add({
      type: 'reply',
      turn,
      message,
      brokenCalls: message.stop_reason === 'max_tokens' ? early.slice(0, 1).map(({ id }) => id) : [],
      requestId: 'req',
      firstTokenMs: 1,
      durationMs: 2.5,
      usd: this.dice(9) === 0 ? null : this.dice(1000) / 1e6,
      savedUsd: 0,
    });
    const after = early.filter((call) => !before.includes(call));
    for (const call of after.toSorted(() => this.dice(3) - 1)) this.#end(turn, call, this.dice(4) > 0);
    return message;
  }

  #end(turn: number, { id, name, input }: ToolUseBlock, started: boolean): void {
    const call = { callId: id, tool: name };
    if (this.#isOdd()) {
      this.#add({ type: 'approval-request', ...call, input });
      this.#add({ type: 'approval', ...call, allow: true });
    }
    const idempotencyKey = `run_${this.#run}:${id}`;
    if (started)
      this.#add({ type: 'tool-start', turn, ...call, input, effect: 'read', attempt: 1, idempotencyKey });
    const outcome = (['ok', 'ok', 'ok', 'error', 'unknown'] as const)[this.dice(5)] ?? 'ok';
    const content = this.#content() as string;
    this.#add({ type: 'tool-end', turn, ...call, outcome, content, durationMs: started ? 1.25 : 0 });
  }

  #callsOf(count: number): ToolUseBlock[] {
    return Array.from({ length: count }, () => {
      this.#calls += 1;
      const name = ['look', 'find'][this.dice(2)] ?? 'look';
      const extra = this.#isOdd() ? { toolset_name: 'set' } : {};
      const input = { q: this.#text(), nested: [{ type: 'tool_use', id: `call_${this.#calls + 1}` }] };
      return {
        type: 'tool_use',
        id: `call_${this.#calls}`,
        name,
        input,
        ...extra,
      } as unknown as ToolUseBlock;
    });
  }

  #message(calls: readonly ToolUseBlock[]): Message {
    const cached = this.dice(3) * 100;
    const stop = calls.length > 0 ? 'tool_use' : 'end_turn';
    const odd = ['max_tokens', 'refusal', 'pause_turn', 'model_context_window_exceeded'][this.dice(4)];
    const thinking = { type: 'thinking', thinking: this.#text(), signature: this.#isOdd() ? '' : 'sig' };
    const content = [
      ...(this.dice(3) === 0 ? [thinking] : []),
      { type: 'text', text: this.#isOdd() ? ' ' : this.#text(), citations: null },
      ...(this.#isOdd() ? [{ type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} }] : []),
      ...calls,
    ];
    return {
      id: `msg_${this.entries.length}`,
      type: 'message',
      role: 'assistant',
      model: 'm',
      content,
      stop_reason: this.#isOdd() ? odd : stop,
      stop_sequence: null,
      ...(this.#isOdd() && { container: { id: 'box', expires_at: '2099-01-01T00:00:00Z' } }),
      usage: {
        input_tokens: 3 + this.dice(5),
        output_tokens: this.dice(50),
        cache_read_input_tokens: cached,
        cache_creation_input_tokens: this.dice(2) * 70,
      },
    } as unknown as Message;
  }

  #content(): string | ContentBlockParam[] {
    if (this.dice(2) === 0) return this.#text();
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'AAAA' },
    } as const;
    const marker = { cache_control: { type: 'ephemeral' } } as const;
    const text = { type: 'text', text: this.#text() } as const;
    return [text, ...(this.#isOdd() ? [image] : []), ...(this.#isOdd() ? [{ ...text, ...marker }] : [])];
  }

  #text(): string {
    return TEXTS[this.dice(TEXTS.length)] ?? 'ok';
  }

  #isOdd(): boolean {
    return this.dice(this.#odd) === 0;
  }

  #add(entry: NewEntry): void {
    this.#at += this.dice(20) === 0 ? 400_000 : this.dice(900);
    const stamp = { runId: `run_${this.#run}`, agent: 'a', at: this.#at, seq: this.entries.length };
    this.entries.push({ ...entry, ...stamp });
  }
}
