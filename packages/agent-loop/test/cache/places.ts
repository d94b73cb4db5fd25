import { createEmulator, type Emulator, type EmulatorOptions, script, type Step } from '@pawl/emulator';
import { z } from 'zod';
import { type AgentOptions, createAgent, defineTool, openSession, type Session } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf } from '../loop/stage.ts';
import { entriesIn } from '../session/world.ts';
import { words } from './words.ts';

export { words } from './words.ts';
export const SYSTEM = words(900);

export const look = defineTool({
  name: 'look',
  description: `Looks something up. ${words(700)}`,
  input: z.object({}),
  effect: 'read',
  run: () => 'found',
});

/** A model that follows a script, and time that passes when it is told to. */
export function setUp(options: Partial<AgentOptions> & { steps?: readonly Step[]; world?: EmulatorOptions }) {
  const { steps = [], world, ...given } = options;
  const START = Date.UTC(2026, 10, 20);
  let now = START;
  const emulator = createEmulator({ respond: script(steps), clock: () => now, ...world });
  const store = memoryStore();
  const agent = (more: Partial<AgentOptions> = {}) =>
    createAgent({
      model: 'claude-sonnet-5-5',
      system: SYSTEM,
      client: clientOf(emulator.fetch, { maxRetries: 0 }),
      seams: { now: () => now },
      ...given,
      ...more,
    });
  return {
    emulator,
    agent,
    session: (more: Partial<AgentOptions> = {}): Promise<Session> =>
      openSession({ agent: agent(more), store, id: 'chat', onPrefixChange: 'drop-thinking' }),
    entries: () => entriesIn(store, 'chat'),
    pass: (ms: number) => void (now += ms),
  };
}

export const MINUTE = 60_000;

interface Marked {
  readonly cache_control?: { readonly ttl?: string };
}

const ttl = (marked: unknown): string | undefined => {
  const marker = (marked as Marked | undefined)?.cache_control;
  return marker && (marker.ttl ?? '5m');
};

/** Where each request is marked, in words: `tools 5m, system 5m, end 5m`. */
export function marks({ requests }: Pick<Emulator, 'requests'>): string[] {
  return requests.map(({ body }) => {
    const { tools = [], system = [], messages = [], ...rest } = body ?? {};
    const blocks = messages.map(({ content }) => (typeof content === 'string' ? [] : (content ?? [])));
    const found: (readonly [string, string | undefined])[] = [
      ...tools.map(
        (tool, index) => [index === tools.length - 1 ? 'tools' : `tool ${index}`, ttl(tool)] as const,
      ),
      ...(typeof system === 'string' ? [] : system.map((block) => ['system', ttl(block)] as const)),
      ...blocks.flatMap((list, message) =>
        list.map((block, index) => [`message ${message}.${index}`, ttl(block)] as const),
      ),
      ['end', ttl(rest)],
    ];
    return found.flatMap(([place, lives]) => (lives ? [`${place} ${lives}`] : [])).join(', ');
  });
}

/** For each request what was read, written for five minutes, written for an hour, and neither, in tokens. */
export function divided({
  requests,
}: Pick<Emulator, 'requests'>): { read: number; written: number; hour: number; plain: number }[] {
  return requests.map(({ usage }) => {
    const of = usage as unknown as {
      input_tokens: number;
      cache_read_input_tokens: number;
      cache_creation_input_tokens: number;
      cache_creation: { ephemeral_1h_input_tokens: number };
    };
    return {
      read: of.cache_read_input_tokens,
      written: of.cache_creation_input_tokens,
      hour: of.cache_creation.ephemeral_1h_input_tokens,
      plain: of.input_tokens,
    };
  });
}
