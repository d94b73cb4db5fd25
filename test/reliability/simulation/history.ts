import assert from 'node:assert/strict';
import type { Entry, Journal, JournalStore, Session } from '@pawl/agent-loop';
import type { Ledger } from './ledger.ts';
import type { Life } from './life.ts';
import type { Model } from './model.ts';

/** Inputs and decisions are acknowledged by being told, requests and ends are acted on. */
const RELIED_ON: ReadonlySet<string> = new Set([
  'input',
  'request',
  'approval',
  'approval-request',
  'run-end',
]);

/**
 * What was promised so far, kept outside of everything that can crash: the entries that somebody was told are kept, and
 * how many of them a loss of power must not touch.
 */
export class History {
  readonly #ledger: Ledger;
  readonly #model: Model;
  /** Entries by position. */
  #known: Entry[] = [];
  /** As many entries survive a loss of power. */
  #safe = 0;

  constructor(ledger: Ledger, model: Model) {
    this.#ledger = ledger;
    this.#model = model;
  }

  /** The store, watched: what it says is kept is promised. */
  watch(store: JournalStore, life: Life, takesOver: boolean): JournalStore {
    return {
      list: () => store.list(),
      delete: (id) => store.delete(id),
      open: async (id, options) => {
        const journal = await store.open(id, options);
        if (life.dead) return journal;
        // What an earlier owner wrote, and was not told of, counts from now on.
        if (takesOver) for await (const entry of journal.read(this.#known.length)) this.#keep(entry);
        // Whoever opens a session makes safe what it finds.
        this.#safe = Math.max(this.#safe, this.#known.length);
        return this.#watched(journal, life);
      },
    };
  }

  #watched(journal: Journal, life: Life): Journal {
    const append: Journal['append'] = async (entries, expectedSeq, options) => {
      await journal.append(entries, expectedSeq, options);
      if (life.dead) return;
      for (const entry of entries) this.#keep(entry);
      if (options?.sync !== false) this.#safe = this.#known.length;
    };
    return {
      get length() {
        return journal.length;
      },
      get damage() {
        return journal.damage;
      },
      get checkpoints() {
        return journal.checkpoints ?? null;
      },
      get torn() {
        return journal.torn;
      },
      append,
      read: (from) => journal.read(from),
      close: () => journal.close(),
    };
  }

  #keep(entry: Entry): void {
    const other = this.#known[entry.seq];
    if (other) assert.deepEqual(entry, other, `two owners kept different entries at ${entry.seq}`);
    this.#known[entry.seq] = entry;
  }

  /** Somebody was told of an entry: it has to be kept by then, and safe where somebody relies on it from then on. */
  checkTold(entry: Entry): void {
    const { seq, type } = entry;
    assert.deepEqual(
      entry,
      this.#known[seq],
      `promise 2: readers were told of entry ${seq} before it was kept`,
    );
    const isReliedOn = type === 'tool-start' ? entry.effect !== 'read' : RELIED_ON.has(type);
    if (isReliedOn)
      assert.ok(
        seq < this.#safe,
        `promise 2: ${type} ${seq} was acknowledged, and a loss of power may take it`,
      );
  }

  /** The bill of a session against what the server charged for the replies that it holds. */
  checkUsage({ usage, cost }: Session): void {
    const sum = { input_tokens: 0, output_tokens: 0 };
    const kept = new Set(this.#known.flatMap((entry) => (entry.type === 'reply' ? [entry.message.id] : [])));
    let lost = 0;
    for (const entry of this.#known) if (entry.type === 'reply-lost') lost += entry.usage?.input_tokens ?? 0;
    for (const served of this.#model.served) {
      if (!kept.has(served.id)) continue;
      sum.input_tokens += served.usage.input_tokens;
      sum.output_tokens += served.usage.output_tokens;
    }
    assert.equal(lost, 0, 'no reply was lost while the process lived');
    const { input_tokens, output_tokens } = usage;
    assert.deepEqual({ input_tokens, output_tokens }, sum, 'promise 2: the session does not know its bill');
    // 2 and 10 USD per million tokens.
    const usd = (sum.input_tokens * 2 + sum.output_tokens * 10) / 1_000_000;
    assert.equal(cost.usd, usd, 'promise 5: the bill is not exact');
  }

  /** A session that was closed is safe. */
  allIsSafe(life: Life): void {
    if (!life.dead) this.#safe = this.#known.length;
  }

  /** Whether a call was started and has not ended, as far as anybody knows. */
  isStarted(callId: string): boolean {
    return this.#known.some((entry) => entry?.type === 'tool-start' && entry.callId === callId);
  }

  /** How many runs are known to have come to their end. */
  runsDone(): number {
    return this.#known.filter((entry) => entry?.type === 'run-end' && entry.outcome === 'completed').length;
  }

  /** Compares what is left with what was promised, then takes it for what is known. */
  check(entries: readonly Entry[], ending: 'kill' | 'power'): void {
    const sure = ending === 'kill' ? this.#known.length : this.#safe;
    assert.ok(
      entries.length >= sure,
      `promise 2: ${sure} entries were kept for sure, ${entries.length} are left (${ending})`,
    );
    for (const [seq, entry] of entries.entries()) {
      assert.equal(entry.seq, seq, 'promise 10: a position is missing');
      const known = this.#known[seq];
      if (known) assert.deepEqual(entry, known, `promise 2: entry ${seq} has changed`);
    }
    this.#known = [...entries];
    this.#safe = Math.min(this.#safe, this.#known.length);
    this.#checkEffects(entries);
    this.#checkBill(entries, false);
  }

  /** Checks what must hold in the end: everything answered, nothing run twice, the bill exact. */
  checkEnd(runs: number): void {
    const last = this.#known.at(-1);
    assert.ok(last?.type === 'run-end' && last.outcome === 'completed', 'the session has no end');
    assert.ok(this.runsDone() >= runs, 'a run is missing');
    const ended = new Set(this.#known.flatMap((entry) => (entry.type === 'tool-end' ? [entry.callId] : [])));
    for (const entry of this.#known) {
      if (entry.type !== 'reply') continue;
      for (const block of entry.message.content)
        if (block.type === 'tool_use')
          assert.ok(ended.has(block.id), `promise 1: call ${block.id} has no result`);
    }
    this.#checkBill(this.#known, true);
  }

  /** Promise 2, from outside: what happened, against what the journal says. */
  #checkEffects(entries: readonly Entry[]): void {
    const calls = callsOf(entries);
    for (const { tool, callId, key, input } of this.#ledger.effects) {
      const call = calls.get(callId);
      if (tool === 'look') continue;
      assert.ok(
        call?.starts.length,
        `promise 2: ${tool} ${callId} happened without an intent in the journal`,
      );
      const effects = this.#ledger.of(callId);
      assert.ok(
        effects.every((effect) => effect.key === key && effect.input === input),
        `promise 2: ${tool} ${callId} was repeated with another key or input`,
      );
      if (tool !== 'put')
        assert.equal(effects.length, 1, `promise 2: ${tool} ${callId} happened ${effects.length} times`);
      const denied = call.ends.find(({ outcome }) => outcome === 'cancelled' || outcome === 'denied');
      assert.ok(!denied, `promise 2: ${tool} ${callId} happened, and the model was told that it did not`);
    }
    for (const [callId, { starts, ends, events }] of calls) {
      assert.ok(ends.length <= 1, `promise 1: ${callId} was answered ${ends.length} times`);
      assert.ok(
        events.lastIndexOf('start') < 0 ||
          events.lastIndexOf('end') < 0 ||
          events.lastIndexOf('start') < events.lastIndexOf('end'),
        `promise 2: ${callId} had ended and was started again`,
      );
      const attempts = starts.map(({ attempt }) => attempt);
      assert.ok(
        attempts.every((attempt, index) => index === 0 || attempt > (attempts[index - 1] ?? 0)),
        `${callId}: attempts ${attempts.join()}`,
      );
      const [end] = ends;
      if (end?.outcome === 'ok' && end.tool !== 'look')
        assert.ok(
          this.#ledger.of(callId).length > 0,
          `promise 2: ${callId} is told as done, and did not happen`,
        );
    }
  }

  /** Promise 2, the bill: every reply that is kept counts once, every other one is recorded as lost. */
  #checkBill(entries: readonly Entry[], isOver: boolean): void {
    const kept = new Map<string, number>();
    let losses = 0;
    for (const entry of entries) {
      if (entry.type === 'reply') kept.set(entry.message.id, (kept.get(entry.message.id) ?? 0) + 1);
      if (entry.type === 'reply-lost') losses += 1;
    }
    const requests = entries.filter(({ type }) => type === 'request').length;
    const replies = [...kept.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(replies, kept.size, 'promise 2: a reply is counted twice');
    const unknown = this.#model.served.filter(({ id }) => !kept.has(id)).length;
    assert.ok(
      this.#model.served.length <= requests,
      'promise 2: a request was sent without an intent in the journal',
    );
    if (!isOver) return;
    assert.equal(replies + losses, requests, 'promise 2: a request has neither a reply nor a loss');
    assert.ok(
      unknown <= losses,
      `promise 2: ${unknown} replies were billed and never arrived, ${losses} are recorded as lost`,
    );
    for (const entry of entries) {
      if (entry.type !== 'reply') continue;
      const served = this.#model.served.find(({ id }) => id === entry.message.id);
      assert.equal(
        entry.message.usage.output_tokens,
        served?.usage.output_tokens,
        'the usage of a reply has changed',
      );
    }
  }
}

interface CallHistory {
  readonly starts: { readonly attempt: number }[];
  readonly ends: { readonly tool: string; readonly outcome: string }[];
  readonly events: ('start' | 'end')[];
}

function callsOf(entries: readonly Entry[]): Map<string, CallHistory> {
  const calls = new Map<string, CallHistory>();
  for (const entry of entries) {
    if (entry.type !== 'tool-start' && entry.type !== 'tool-end') continue;
    let call = calls.get(entry.callId);
    if (!call) calls.set(entry.callId, (call = { starts: [], ends: [], events: [] }));
    call.events.push(entry.type === 'tool-start' ? 'start' : 'end');
    if (entry.type === 'tool-start') call.starts.push(entry);
    else call.ends.push(entry);
  }
  return calls;
}
