import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator, type Emulator, type EmulatorOptions, script, type Step } from '@pawl/emulator';
import { fileStore, type FileStoreOptions } from '@pawl/stores/file';
import { expect } from 'vitest';
import { z } from 'zod';
import {
  type Agent,
  type AgentOptions,
  createAgent,
  defineTool,
  type Entry,
  type JournalStore,
  openSession,
  type Session,
  type SessionOptions,
} from '../../src/index.ts';
import { costOf } from '../../src/money/ledger.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf, withoutMarkers } from '../loop/stage.ts';

/** A store and where its files are. */
export interface StoreHere extends AsyncDisposable {
  readonly store: JournalStore;
  readonly folder: string;
}

/** A store in memory, with a folder beside it. */
export const inMemory = (): Promise<StoreHere> => inFolder(() => memoryStore());
/** A store in the folder `sessions` of a new folder. */
export const inFiles = (options?: FileStoreOptions): Promise<StoreHere> =>
  inFolder((folder) => fileStore(join(folder, 'sessions'), options));

/** A store whose journals have what the contract asks for, and nothing more. */
export const minimal = (): Promise<StoreHere> => inFolder(() => withoutExtras(memoryStore()));

function withoutExtras(store: JournalStore): JournalStore {
  return {
    async open(id, options) {
      const journal = await store.open(id, options);
      return {
        append: (entries, expectedSeq) => journal.append(entries, expectedSeq),
        read: (fromSeq) => journal.read(fromSeq),
        close: () => journal.close(),
      };
    },
    list: () => store.list(),
    delete: (id) => store.delete(id),
  };
}

/** The stores that every test of a session runs on. */
export const stores: readonly (readonly [name: string, make: () => Promise<StoreHere>])[] = [
  ['in memory', inMemory],
  ['in memory, with no more than a store has to have', minimal],
  ['in files', () => inFiles()],
  ['in files, with a checkpoint whenever there could be one', () => inFiles({ checkpointBytes: 1 })],
];

async function inFolder(make: (folder: string) => JournalStore): Promise<StoreHere> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-session-'));
  return {
    store: make(folder),
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

type Options = Partial<AgentOptions> & {
  readonly store: JournalStore;
  readonly folder?: string;
  readonly steps?: readonly Step[];
  readonly world?: EmulatorOptions;
};

/** A model that follows a script, and as many processes as a test opens sessions in. */
export interface World {
  readonly emulator: Emulator;
  readonly store: JournalStore;
  /** An agent, made anew as in another process. */
  agent(options?: Partial<AgentOptions>): Agent;
  open(options?: Partial<AgentOptions>, session?: Partial<SessionOptions>): Promise<Session>;
  entries(id?: string): Promise<Entry[]>;
}

export const ID = 'review';

export function world({ store, folder: _, steps = [], world: made, ...common }: Options): World {
  const emulator = createEmulator({
    respond: script(steps),
    ...made,
  });
  const agent: World['agent'] = (options = {}) =>
    createAgent({
      model: 'claude-sonnet-5-5',
      client: clientOf(emulator.fetch, { maxRetries: 0 }),
      ...common,
      ...options,
    });
  return {
    emulator,
    store,
    agent,
    open: (options, session) => openSession({ agent: agent(options), store, id: ID, ...session }),
    entries: (id = ID) => entriesIn(store, id),
  };
}

/** All entries of a session. */
export async function entriesIn(store: JournalStore, id: string): Promise<Entry[]> {
  const journal = await store.open(id, { readonly: true });
  try {
    const entries: Entry[] = [];
    for await (const entry of journal.read()) entries.push(entry);
    return entries;
  } finally {
    await journal.close();
  }
}

/** The types of entries, those of tools with their outcome. */
export function types(entries: readonly Entry[]): string[] {
  return entries.map((entry) => {
    if (entry.type === 'tool-end') return `tool-end ${entry.tool} ${entry.outcome}`;
    if (entry.type === 'tool-start') return `tool-start ${entry.tool} ${entry.attempt}`;
    if (entry.type === 'run-end') return `run-end ${entry.outcome}`;
    return entry.type;
  });
}

/** Nothing was refused, everything scripted was asked for, and each request begins with the one before it. */
export function expectSound({ emulator }: Pick<World, 'emulator'>): void {
  expect(emulator.refusals).toEqual([]);
  emulator.assertDone();
  const texts = emulator.requests.map(({ bodyText }) => withoutMarkers(bodyText));
  for (const [index, text] of texts.entries()) {
    const before = texts[index - 1];
    if (before !== undefined) expect(text.slice(0, before.length - 2)).toBe(before.slice(0, -2));
  }
}

/** What the session used, and what it cost to the last digit, is what the server billed. */
export function expectBilled(
  session: Pick<Session, 'usage' | 'steps'>,
  { emulator }: Pick<World, 'emulator'>,
): void {
  const { usage, steps } = session;
  const { bill } = emulator;
  // What a lost reply cost is an estimate.
  if (!steps.some(({ lost }) => lost)) expect(costOf(steps, 0).usd).toBe(bill.usd);
  expect({
    input: usage.input_tokens,
    output: usage.output_tokens,
    read: usage.cache_read_input_tokens,
    written: usage.cache_creation_input_tokens,
  }).toEqual({
    input: bill.inputTokens,
    output: bill.outputTokens,
    read: bill.cacheReadTokens,
    written: bill.cacheWrite5mTokens + bill.cacheWrite1hTokens,
  });
}

/** A tool that notes what it was run with. */
export function noting(
  name: string,
  options: Partial<Parameters<typeof defineTool>[0]> = {},
): { readonly tool: ReturnType<typeof defineTool>; readonly ran: unknown[] } {
  const ran: unknown[] = [];
  const tool = defineTool({
    name,
    description: `Does ${name}.`,
    input: z.object({ what: z.string().default('it') }),
    run({ what }: { what: string }) {
      ran.push(what);
      return `${name} ${what}`;
    },
    ...(options as object),
  });
  return { tool, ran };
}

/** The content of the last message of the n-th request, counted from 0. */
export function lastOf({ emulator }: Pick<World, 'emulator'>, index: number): unknown {
  return emulator.requests[index]?.body?.messages.at(-1)?.content;
}
