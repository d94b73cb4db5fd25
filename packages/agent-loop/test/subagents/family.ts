import { type Answer, createEmulator, type EmulatedRequest, type Emulator } from '@pawl/emulator';
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  type AgentStream,
  createAgent,
  type Entry,
  type JournalStore,
  RunError,
  type RunResult,
} from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { clientOf } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

/** What an agent answers in its n-th turn, counted from 0. */
export type Role = (turn: number, request: EmulatedRequest) => Answer;

/** Agents whose model knows them by their system prompt, which is their name. */
export interface Family {
  readonly emulator: Emulator;
  readonly time: VirtualTime;
  agent(name: string, options?: Partial<AgentOptions>): Agent;
}

/**
 * Time as it is, for what a virtual clock would overtake: stores, and hashes, answer from outside the event loop.
 */
export function realTime(): VirtualTime {
  const after: VirtualTime['after'] = (ms, fire) => systemSeams.timer(ms, fire);
  return {
    seams: systemSeams,
    now: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const cancel = after(ms, resolve);
        signal?.addEventListener('abort', () => {
          cancel();
          resolve();
        });
      }),
    after,
    pass: (work) => work,
  };
}

/** Sets up a model that plays every agent of a tree. */
export function family(roles: Readonly<Record<string, Role>>, time = virtualTime()): Family {
  const emulator = createEmulator({
    respond: (request) => roleOf(roles, request)(turnOf(request), request),
    clock: () => time.seams.now(),
    sleep: time.sleep,
  });
  return {
    emulator,
    time,
    agent: (name, options) =>
      createAgent({
        name,
        description: `The ${name} agent.`,
        system: name,
        model: 'claude-haiku-4-5',
        client: clientOf(emulator.fetch, { maxRetries: 0 }),
        seams: time.seams,
        ...options,
      }),
  };
}

function roleOf(roles: Readonly<Record<string, Role>>, { body }: EmulatedRequest): Role {
  const role = roles[body.system as string];
  if (!role) throw new Error(`Nobody plays ${JSON.stringify(body.system)}.`);
  return role;
}

/** How many replies the agent has had. */
export function turnOf({ body }: EmulatedRequest): number {
  return body.messages.filter(({ role }) => role === 'assistant').length;
}

/** How a run went: its events, and its result or its error. */
export interface Watched {
  readonly events: readonly AgentEvent[];
  readonly result: RunResult | undefined;
  readonly error: RunError | undefined;
}

/** Reads a run to its end, in virtual time. */
export async function watch(time: VirtualTime, stream: AgentStream): Promise<Watched> {
  const events: AgentEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) events.push(event);
  })();
  try {
    await time.pass(reading);
    return { events, result: await stream.result, error: undefined };
  } catch (error) {
    if (!RunError.is(error)) throw error;
    return { events, result: undefined, error };
  }
}

/** Kept events of all agents, one line each. */
export function lines(events: readonly AgentEvent[]): string[] {
  return events.flatMap((event) => ('seq' in event ? [`${event.agent}: ${lineOf(event)}`] : []));
}

function lineOf(entry: Entry): string {
  switch (entry.type) {
    case 'tool-start':
      return `${entry.tool} starts`;
    case 'tool-end':
      return `${entry.tool} ${entry.outcome}`;
    case 'child-start':
      return `${entry.resumed ? 'resumes' : 'starts'} ${entry.child}${entry.background ? ' in the background' : ''}`;
    case 'child-end':
      return `${entry.child} ended: ${entry.outcome}`;
    case 'run-start':
      return entry.resumed ? 'goes on' : 'begins';
    case 'run-end':
      return `ends: ${entry.outcome}`;
    case 'input':
      return entry.source === 'user' ? 'input' : `input of the ${entry.source}`;
    default:
      return entry.type;
  }
}

/** The entries of a session. */
export async function entriesIn(store: JournalStore, id: string): Promise<Entry[]> {
  const journal = await store.open(id, { readonly: true });
  const entries: Entry[] = [];
  for await (const entry of journal.read()) entries.push(entry);
  await journal.close();
  return entries;
}

/** The text of a tool's result in a request. */
export function resultsIn(request: Emulator['requests'][number] | undefined): string[] {
  return (request?.body?.messages ?? []).flatMap(({ content }) =>
    !Array.isArray(content)
      ? []
      : content.flatMap((block) => (block.type === 'tool_result' ? [block.content as string] : [])),
  );
}
