import Anthropic from '@anthropic-ai/sdk';
import {
  createEmulator,
  type EmulatedRequest,
  type Emulator,
  fault,
  reply,
  text,
  toolUse,
} from '@pawl/emulator';
import { expect } from 'vitest';
import { z } from 'zod';
import {
  type Agent,
  createAgent,
  defineTool,
  type Entry,
  type JournalStore,
  openSession,
  orchestrate,
  type Session,
} from '../../src/index.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { memoryStore } from '../../src/store.ts';
import { checkpointingStore } from '../session/checkpointing-store.ts';
import { type Crash, Life, mortalStore, quick } from '../session/crash-world.ts';
import { entriesIn } from '../session/world.ts';
import { perform, type Plan } from './plan.ts';

const ID = 'report';

/** A model that does what the input of the conversation says: so many calls, then an answer, or none for ever. */
function model({ body }: EmulatedRequest) {
  const first = JSON.stringify(body.messages[0]?.content);
  const calls = Number(/calls=(\d+)/.exec(first)?.[1] ?? 0);
  const turn = body.messages.filter(({ role }) => role === 'assistant').length;
  if (turn < calls) return reply([text(`Call ${turn}.`), toolUse('put', { turn })]);
  if (first.includes('hangs')) return reply('Too late.', { fault: fault.headerStall() });
  return reply(`Answer to ${first}`);
}

/** What was sure when a process died: it must not be asked for, or done, again. */
export interface Sure {
  /** Requests whose replies are kept, as texts. */
  readonly requests: ReadonlySet<string>;
  /** Steps that are done, by their idempotency keys. */
  readonly effects: ReadonlySet<string>;
}

/** What the journals of a store hold. */
export async function sureOf(store: JournalStore, { requests }: Pick<Emulator, 'requests'>): Promise<Sure> {
  const kept = new Set<string | null>();
  const effects = new Set<string>();
  for (const { id } of await store.list()) {
    const keys = new Map<string, string>();
    for (const entry of await entriesIn(store, id)) {
      if (entry.type === 'reply') kept.add(entry.requestId);
      if (entry.type === 'step-start') keys.set(entry.path, entry.idempotencyKey);
      if (entry.type === 'step-end' && entry.outcome === 'done') effects.add(keys.get(entry.path) ?? '');
    }
  }
  const texts = requests.flatMap(({ id, bodyText }) => (kept.has(id) ? [bodyText] : []));
  return { requests: new Set(texts), effects };
}

/** A world in which processes that run a script die, and others run it again. */
export class ScriptWorld {
  readonly emulator = createEmulator({ respond: model });
  readonly store: JournalStore = checkpointingStore(memoryStore());
  readonly #plan: Plan;
  readonly #concurrency: number;
  /** Effects of the script's own steps, by key, in their order. */
  readonly effects: string[] = [];
  readonly broken: string[] = [];
  #appends = 0;

  constructor(plan: Plan, concurrency = 8) {
    this.#plan = plan;
    this.#concurrency = concurrency;
  }

  /** How many appends the last life made. */
  get appends(): number {
    return this.#appends;
  }

  /** Runs the script in a process of its own: its result, or null where the process died. */
  async live(crash: Crash | null): Promise<string | null> {
    const sure = await sureOf(this.store, this.emulator);
    const asked = this.emulator.requests.length;
    const done = this.effects.length;
    const life = new Life();
    const end = await Promise.race([life.died.then(() => null), this.#run(life, crash)]);
    for (const { bodyText } of this.emulator.requests.slice(asked))
      if (sure.requests.has(bodyText)) this.broken.push(`asked again: ${bodyText}`);
    for (const key of this.effects.slice(done))
      if (sure.effects.has(key)) this.broken.push(`done again: ${key}`);
    return end;
  }

  async #run(life: Life, crash: Crash | null): Promise<string> {
    const counted = countingStore(this.store, () => (this.#appends += 1));
    this.#appends = 0;
    const worker = this.#worker(life);
    const session = await openSession({ agent: worker, store: mortalStore(counted, life, crash), id: ID });
    const effect = (key: string): Promise<void> =>
      life.step(async () => {
        await Promise.resolve();
        if (!life.dead) this.effects.push(key);
      });
    const result = await orchestrate({ session, concurrency: this.#concurrency }, (team) =>
      perform(team, this.#plan, { worker, effect }),
    );
    await session.close();
    return result;
  }

  #worker(life: Life): Agent {
    return createAgent({
      name: 'worker',
      model: 'claude-sonnet-5-5',
      client: new Anthropic({
        apiKey: 'k',
        baseURL: 'http://emulator',
        fetch: life.fetch(this.emulator.fetch),
        maxRetries: 0,
      }),
      tools: [
        defineTool({
          name: 'put',
          description: 'Puts.',
          input: z.object({ turn: z.number() }),
          effect: 'idempotent',
          run: ({ turn }) => life.step(() => `put ${turn}`),
        }),
      ],
      // A turn that a process died in counts as one.
      limits: { turns: 1000 },
      seams: { timer: quick },
    });
  }

  /** Everything that has to be true once the script is done. */
  async check(seen: string): Promise<void> {
    expect(this.broken, seen).toEqual([]);
    expect(this.emulator.refusals, seen).toEqual([]);
    const kept: (string | null)[] = [];
    for (const { id } of await this.store.list()) {
      const entries = await entriesIn(this.store, id);
      expect(
        entries.map(({ seq }) => seq),
        seen,
      ).toEqual(entries.map((_, index) => index));
      for (const entry of entries) if (entry.type === 'reply') kept.push(entry.requestId);
      expectValid(entries, seen);
    }
    expect(new Set(kept).size, seen).toBe(kept.length);
    await using session = await this.open();
    expect(tokens(session.usage), seen).toEqual(this.#billed(new Set(kept)));
  }

  /** The session as a program that comes later finds it. */
  open(): Promise<Session> {
    return openSession({ agent: this.#worker(new Life()), store: this.store, id: ID });
  }

  #billed(kept: ReadonlySet<string | null>) {
    const sum = { input: 0, output: 0 };
    for (const { id, usage } of this.emulator.requests) {
      if (!usage || !kept.has(id)) continue;
      const own = tokens(usage as unknown as Session['usage']);
      sum.input += own.input;
      sum.output += own.output;
    }
    return sum;
  }
}

function tokens(usage: Session['usage']) {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = usage;
  return {
    input: input_tokens + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0),
    output: output_tokens,
  };
}

/** Every tool use of the transcript is answered, once and in its place. */
function expectValid(entries: readonly Entry[], seen: string): void {
  const state = new SessionState();
  for (const entry of entries) state.apply(entry);
  const messages = state.transcript.closed();
  for (const [index, { role, content }] of messages.entries()) {
    if (role !== 'assistant' || typeof content === 'string') continue;
    const calls = content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    const next = messages[index + 1]?.content ?? [];
    const answers =
      typeof next === 'string'
        ? []
        : next.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : []));
    expect(answers, seen).toEqual(calls);
  }
}

function countingStore(store: JournalStore, count: () => void): JournalStore {
  return {
    ...store,
    async open(id, options) {
      const journal = await store.open(id, options);
      return {
        get length() {
          return journal.length;
        },
        damage: null,
        torn: null,
        checkpoints: journal.checkpoints ?? null,
        append(entries, seq, how) {
          count();
          return journal.append(entries, seq, how);
        },
        read: (from) => journal.read(from),
        close: () => journal.close(),
      };
    },
  };
}
