import Anthropic from '@anthropic-ai/sdk';
import {
  createEmulator,
  type Answer,
  type EmulatedRequest,
  reply,
  text,
  thinking,
  toolUse,
} from '@pawl/emulator';
import { z } from 'zod';
import {
  type Agent,
  type AgentOptions,
  createAgent,
  defineTool,
  type Entry,
  type Journal,
  type JournalStore,
  openSession,
  type Seams,
  type Session,
} from '../../src/index.ts';
import { openSessions } from '../../src/session/open-session.ts';
import { memoryStore } from '../../src/store.ts';
import { checkpointingStore } from './checkpointing-store.ts';

/** Where a process dies: at its n-th append, before or after the entries are kept. */
export interface Crash {
  readonly append: number;
  readonly when: 'before' | 'after';
}

/** What happened outside, where no crash undoes it: the effects of tools, by call. */
export class Ledger {
  readonly effects: { readonly tool: string; readonly callId: string; readonly key: string }[] = [];

  of(tool: string, callId: string): number {
    return this.effects.filter((effect) => effect.tool === tool && effect.callId === callId).length;
  }
}

/** A process that can die: then nothing of it goes on, but what it did outside stays. */
export class Life {
  dead = false;
  readonly died: Promise<void>;
  #die: () => void = () => {};
  readonly #timers = new Set<() => void>();

  constructor() {
    this.died = new Promise((resolve) => (this.#die = resolve));
  }

  die(): void {
    this.dead = true;
    this.#die();
    for (const end of this.#timers) end();
    // What it had open is gone with it: here, where many processes are one, it would be kept for a drain that never comes.
    openSessions.clear();
  }

  /** A step of this process: never comes back once it is dead. */
  async step<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.dead) return new Promise<T>(() => {});
    const done = await work();
    if (this.dead) return new Promise<T>(() => {});
    return done;
  }

  /** A fetch of this process. Its connections break when it dies: what waited for them for ever would keep timers and memory. */
  fetch(send: typeof globalThis.fetch): typeof globalThis.fetch {
    return (url, init) => {
      const broken = this.died.then(() => Promise.reject<Response>(new Error('The process is dead.')));
      return Promise.race([this.step(() => send(url, init)), broken]);
    };
  }

  /** Timers of this process, which end with it. */
  timer(set: Seams['timer']): Seams['timer'] {
    return (ms, fire) => {
      if (this.dead) return () => {};
      const end = (): void => {
        cancel();
        this.#timers.delete(end);
      };
      const cancel = set(ms, () => {
        this.#timers.delete(end);
        fire();
      });
      this.#timers.add(end);
      return end;
    };
  }
}

/** A store that kills its process at a given append. */
export function mortalStore(store: JournalStore, life: Life, crash: Crash | null): JournalStore {
  let appends = 0;
  const mortal = (journal: Journal): Journal => ({
    get length() {
      return journal.length;
    },
    damage: null,
    torn: null,
    checkpoints: journal.checkpoints ?? null,
    async append(entries, expectedSeq, options) {
      if (life.dead) return new Promise<void>(() => {});
      const now = crash?.append === appends;
      appends += 1;
      if (now && crash.when === 'before') life.die();
      else await journal.append(entries, expectedSeq, options);
      if (now) life.die();
      if (life.dead) return new Promise<void>(() => {});
    },
    read: (from) => journal.read(from),
    close: () => journal.close(),
  });
  return {
    open: async (id, options) => mortal(await store.open(id, options)),
    list: () => store.list(),
    delete: (id) => store.delete(id),
  };
}

export const TURNS = 5;

/** A model that is a function of what it is sent: three calls a turn, for five turns, then an answer. */
function model({ body }: EmulatedRequest) {
  const messages = (body?.messages ?? []) as { role: string }[];
  const turn = messages.filter(({ role }) => role === 'assistant').length;
  if (turn >= TURNS) return reply(text('Done.'));
  return reply([
    thinking(`Turn ${turn}.`),
    toolUse('look', { turn }, { id: `toolu_look_${turn}` }),
    toolUse('put', { turn }, { id: `toolu_put_${turn}` }),
    toolUse('send', { turn }, { id: `toolu_send_${turn}` }),
  ]);
}

/** A kind of run to crash: what the model answers, and what its agent is beside its tools. */
export interface Shape {
  readonly respond?: (request: EmulatedRequest) => Answer;
  readonly agent?: Partial<AgentOptions>;
  /** Tools that need approval. */
  readonly asks?: readonly string[];
}

export interface World {
  readonly emulator: ReturnType<typeof createEmulator>;
  readonly ledger: Ledger;
  readonly store: JournalStore;
  /** Starts a process: opens the session there. */
  boot(options?: { life?: Life; crash?: Crash; reconcile?: boolean }): Promise<Session>;
  entries(): Promise<Entry[]>;
  /** An agent like those of the processes. */
  agent(): Agent;
}

/** A world in which processes die and others go on with their session. */
export function crashWorld(shape: Shape = {}): World {
  const emulator = createEmulator({ respond: shape.respond ?? model });
  const ledger = new Ledger();
  const store = checkpointingStore(memoryStore());
  return {
    emulator,
    ledger,
    store,
    boot({ life = new Life(), crash, reconcile = false } = {}) {
      const agent = mortalAgent(emulator.fetch, ledger, life, reconcile, shape);
      return openSession({ agent, store: mortalStore(store, life, crash ?? null), id: 'crash' });
    },
    agent: () => mortalAgent(emulator.fetch, ledger, new Life(), false, shape),
    async entries() {
      if ((await store.list()).length === 0) return [];
      const journal = await store.open('crash', { readonly: true });
      const entries: Entry[] = [];
      for await (const entry of journal.read()) entries.push(entry);
      return entries;
    },
  };
}

/** Short waits are over at once, those for nothing before anything else happens; those that only guard never end. */
export function quick(ms: number, fire: () => void): () => void {
  if (ms > 20_000) return () => {};
  if (ms === 0) queueMicrotask(fire);
  if (ms === 0) return () => {};
  const handle = setImmediate(fire);
  return () => clearImmediate(handle);
}

function mortalAgent(
  fetch: typeof globalThis.fetch,
  ledger: Ledger,
  life: Life,
  reconcile: boolean,
  { asks = [], agent = {} }: Shape,
): Agent {
  const input = z.object({ turn: z.number() });
  const tool = (name: 'look' | 'put' | 'send', effect: 'read' | 'idempotent' | 'once') =>
    defineTool({
      name,
      description: name,
      input,
      effect,
      approve: asks.includes(name),
      ...(reconcile &&
        effect === 'once' && {
          reconcile: (_: { turn: number }, ctx: { callId: string }) =>
            ledger.of(name, ctx.callId) > 0 ? `${name} was done` : undefined,
        }),
      run: ({ turn }, ctx) =>
        life.step(async () => {
          await Promise.resolve();
          if (life.dead) return new Promise<string>(() => {});
          ledger.effects.push({ tool: name, callId: ctx.callId, key: ctx.idempotencyKey });
          return `${name} ${turn}`;
        }),
    });
  return createAgent({
    name: 'crash',
    model: 'claude-sonnet-5-5',
    ...agent,
    tools: [tool('look', 'read'), tool('put', 'idempotent'), tool('send', 'once'), ...(agent.tools ?? [])],
    seams: { timer: quick },
    client: new Anthropic({
      apiKey: 'k',
      baseURL: 'http://emulator',
      fetch: life.fetch(fetch),
      maxRetries: 0,
    }),
  });
}
