import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { JournalError } from '@pawl/agent-loop';
import type { Entry } from '@pawl/agent-loop';
import { reply, startEmulator, text, thinking, toolUse } from '@pawl/emulator';
import type { EmulatedRequest, Emulator } from '@pawl/emulator';
import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import type { Random } from '../../../packages/stores/test/support/random.ts';
import { live } from './life.ts';
import type { End } from './life.ts';
import { BARRIERS } from './protocol.ts';
import type { Barrier, Control, Done, LedgerLine, Orders } from './protocol.ts';
import { openStore } from './stores.ts';
import type { StoreName } from './stores.ts';

/** What was broken, by kind. All are to be 0. */
export interface Violations {
  /** Entries that were acknowledged and are gone or changed, or effects without a result. */
  lost: string[];
  /** Calls of `once` tools that happened twice. */
  doubled: string[];
  /** Processes that neither died nor ended, or ended with an error. */
  stuck: string[];
  /** Calls that were repeated with another input or key. */
  diverged: string[];
  /** Sessions whose bill is not the server's. */
  bill: string[];
  /** Requests that the server refused. */
  refused: string[];
}

/** What a session went through. */
export interface KillReport {
  readonly violations: Violations;
  readonly kills: Partial<Record<Barrier, number>>;
  /** Calls that were repeated, or asked about, or told as unknown: the kills that mattered. */
  readonly repeated: number;
  readonly unknown: number;
}

const TURNS = 5;
const ID = 'killed';

/** Three calls a turn, for five turns, then an answer. Every other turn sends in a way that can be reconciled. */
function model({ body }: EmulatedRequest) {
  const turn = body.messages.filter(({ role }) => role === 'assistant').length;
  if (turn >= TURNS) return reply(text('Done.'));
  const input = { turn, text: `Zeile ${turn}: „ü“ \u{1f600} ${'.'.repeat(turn * 100)}` };
  const calls = callsOf(turn).map((id) => toolUse(id.split('_')[1] ?? '', input, { id }));
  return reply([thinking(`Turn ${turn}.`), ...calls]);
}

function callsOf(turn: number): string[] {
  return ['look', 'put', turn % 2 === 0 ? 'send' : 'sure'].map((tool) => `toolu_${tool}_${turn}`);
}

/** One session, killed again and again, until it is whole. */
export async function killTrial(options: {
  readonly seed: number;
  readonly kills: number;
  readonly control: Control | null;
  readonly store?: StoreName;
  readonly conditions: readonly string[];
}): Promise<KillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-kill-'));
  const server = await startEmulator({ respond: model });
  try {
    await mkdir(join(folder, 'sessions'));
    const trial = new Trial(folder, server.url, options);
    const random = randomFrom(options.seed);
    for (let kill = 0; kill < options.kills; kill += 1) {
      if (await trial.life(random, options.conditions)) break;
    }
    await trial.finish(options.conditions, server.emulator);
    return trial.report();
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class Trial {
  readonly violations: Violations = { lost: [], doubled: [], stuck: [], diverged: [], bill: [], refused: [] };
  readonly #kills: Partial<Record<Barrier, number>> = {};
  readonly #orders: Omit<Orders, 'barrier'>;
  #entries: Entry[] = [];
  #repeated = 0;
  #unknown = 0;

  constructor(
    folder: string,
    url: string,
    { control, store = 'file' }: { readonly control: Control | null; readonly store?: StoreName },
  ) {
    this.#orders = {
      store,
      url,
      sessions: join(folder, 'sessions'),
      id: ID,
      ledger: join(folder, 'ledger'),
      control,
    };
  }

  /** One process, killed at a barrier of a call to come. True where the session was done before. */
  async life(random: Random, conditions: readonly string[]): Promise<boolean> {
    const name = BARRIERS[random.below(BARRIERS.length)] ?? 'anytime';
    // Of the turn that is under way, or of one of the next two.
    const turn = Math.min(TURNS - 1, Math.max(0, this.#turn() - 1) + random.below(3));
    const callId = callsOf(turn)[random.below(3)] ?? '';
    const killAfterMs = name === 'anytime' ? 150 + random.below(400) : undefined;
    const end = await live({ ...this.#orders, barrier: { name, callId } }, conditions, killAfterMs);
    if (end.how === 'killed') this.#kills[name] = (this.#kills[name] ?? 0) + 1;
    this.#note(end);
    await this.#look();
    return end.how !== 'killed';
  }

  /** The last process, which nobody kills; then everything is compared. */
  async finish(conditions: readonly string[], emulator: Emulator): Promise<void> {
    const end = await live({ ...this.#orders, barrier: null }, conditions);
    this.#note(end);
    await this.#look();
    await this.#checkEffects();
    for (const { message } of emulator.refusals) this.violations.refused.push(message);
    if (end.how === 'done') this.#checkBill(end.done, emulator);
    const last = this.#entries.at(-1);
    if (last?.type !== 'run-end' || last.outcome !== 'completed')
      this.violations.lost.push('the session has no end');
  }

  report(): KillReport {
    return {
      violations: this.violations,
      kills: this.#kills,
      repeated: this.#repeated,
      unknown: this.#unknown,
    };
  }

  #note(end: End): void {
    if (end.how === 'stuck' || end.how === 'failed') this.violations.stuck.push(`${end.how}: ${end.told}`);
  }

  #turn(): number {
    return this.#entries.filter(({ type }) => type === 'reply').length;
  }

  /** What the killed process left: all that it was told is kept, and nothing that was there before has changed. */
  async #look(): Promise<void> {
    const entries = await this.#read();
    const before = this.#entries;
    if (!isDeepStrictEqual(entries.slice(0, before.length), before))
      this.violations.lost.push(`of ${before.length} entries some are gone or changed`);
    const kept = (await this.#ledger()).findLast((line) => line.what === 'kept')?.entries ?? 0;
    if (entries.length < kept)
      this.violations.lost.push(`${kept} entries were kept, ${entries.length} are left`);
    this.#entries = entries;
  }

  async #read(): Promise<Entry[]> {
    const { store, close } = await openStore(this.#orders.store, this.#orders.sessions);
    try {
      const journal = await store.open(ID, { readonly: true });
      const entries: Entry[] = [];
      for await (const entry of journal.read()) entries.push(entry);
      await journal.close();
      return entries;
    } catch (error) {
      if (error instanceof JournalError && error.code === 'not-found') return [];
      throw error;
    } finally {
      await close();
    }
  }

  async #ledger(): Promise<LedgerLine[]> {
    if (!existsSync(this.#orders.ledger)) return [];
    const lines = (await readFile(this.#orders.ledger, 'utf8')).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as LedgerLine);
  }

  async #checkEffects(): Promise<void> {
    const effects = (await this.#ledger()).filter((line) => line.what === 'effect');
    for (const callId of Array.from({ length: TURNS }, (_, turn) => callsOf(turn)).flat()) {
      const own = effects.filter((effect) => effect.callId === callId);
      const isOnce = callId.includes('_send_') || callId.includes('_sure_');
      this.#repeated += Math.max(0, own.length - 1);
      if (isOnce && own.length > 1) this.violations.doubled.push(`${callId} happened ${own.length} times`);
      if (new Set(own.map(({ input, key }) => `${key} ${input}`)).size > 1)
        this.violations.diverged.push(`${callId} was repeated with another input or key`);
      const ends = this.#entries.filter((entry) => entry.type === 'tool-end' && entry.callId === callId);
      const results = ends.flatMap((entry) => (entry.type === 'tool-end' ? [entry.outcome] : []));
      // A read tool of a reply that was lost has an end that counts for nothing, and is called again.
      const last = results.at(-1);
      if (last === 'unknown') this.#unknown += 1;
      const isTold = last === 'ok' ? own.length > 0 : last === 'unknown' && callId.includes('_send_');
      if (!isTold)
        this.violations.lost.push(`${callId} happened ${own.length} times and is told as ${results.join()}`);
    }
  }

  /** The session's usage is what the server billed for the replies it holds; what else was billed is recorded as lost. */
  #checkBill(done: Done, emulator: Emulator): void {
    const kept = new Set(this.#entries.flatMap((entry) => (entry.type === 'reply' ? [entry.requestId] : [])));
    const losses = this.#entries.filter(({ type }) => type === 'reply-lost').length;
    const sum = { input: 0, output: 0 };
    const lost = { input: 0, output: 0, replies: 0 };
    for (const { id, usage } of emulator.requests) {
      if (!usage) continue;
      const to = kept.has(id) ? sum : lost;
      const number = (name: string): number => Number(usage[name] ?? 0);
      to.input +=
        number('input_tokens') + number('cache_creation_input_tokens') + number('cache_read_input_tokens');
      to.output += number('output_tokens');
      if (to === lost) lost.replies += 1;
    }
    const { bill } = emulator;
    const billed =
      bill.inputTokens + bill.cacheReadTokens + bill.cacheWrite5mTokens + bill.cacheWrite1hTokens;
    if (!isDeepStrictEqual(done.usage, sum))
      this.violations.bill.push(
        `the session counts ${JSON.stringify(done.usage)}, the server ${JSON.stringify(sum)}`,
      );
    if (billed !== sum.input + lost.input || bill.outputTokens !== sum.output + lost.output)
      this.violations.bill.push(
        `the server billed ${billed} + ${bill.outputTokens}, its requests say otherwise`,
      );
    if (lost.replies > losses)
      this.violations.bill.push(
        `${lost.replies} replies were billed and never kept, ${losses} are recorded as lost`,
      );
  }
}
