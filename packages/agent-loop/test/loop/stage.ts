import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';
import { createEmulator, type Emulator, type EmulatorOptions, script, type Step } from '@pawl/emulator';
import { expect } from 'vitest';
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  type AgentStream,
  createAgent,
  type Entry,
  type MessageParam,
  RunError,
  type RunInput,
  type RunOptions,
  type RunResult,
} from '../../src/index.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import type { VirtualTime } from './time.ts';

/** An agent whose model is an emulator that follows a script. */
export interface Stage {
  readonly emulator: Emulator;
  readonly client: Anthropic;
  readonly agent: Agent;
}

/** What a stage is set up with: the options of the agent, and of its world. */
export type StageOptions = Partial<AgentOptions> & {
  readonly steps?: readonly Step[];
  readonly world?: EmulatorOptions;
  readonly time?: VirtualTime;
  /** The SDK's own retries. Default 2, as in the SDK. */
  readonly maxRetries?: number;
};

/** Sets up an agent over an emulator in memory. */
export function stage({ steps = [], world, time, maxRetries = 2, ...options }: StageOptions): Stage {
  const emulator = createEmulator({
    respond: script(steps),
    ...(time && { clock: () => time.seams.now(), sleep: time.sleep }),
    ...world,
  });
  const client = clientOf(emulator.fetch, { maxRetries });
  const agent: Agent = createAgent({
    model: 'claude-sonnet-5-5',
    client,
    ...(time && { seams: time.seams }),
    ...options,
  });
  return { emulator, client, agent };
}

/** The real SDK over a fetch, or over HTTP where `fetch` is a URL. */
export function clientOf(
  fetch: Emulator['fetch'] | string,
  options: Omit<ClientOptions, 'apiKey' | 'baseURL'> = {},
): Anthropic {
  const where = typeof fetch === 'string' ? { baseURL: fetch } : { baseURL: 'http://emulator.local', fetch };
  return new Anthropic({ apiKey: 'k', ...where, ...options });
}

/** How a run went: its events, and its result or its error. */
export interface Played {
  readonly events: readonly AgentEvent[];
  readonly result: RunResult | undefined;
  readonly error: RunError | undefined;
  /** The transcript, from whichever of the two there is. */
  readonly messages: readonly MessageParam[];
}

/** Plays a run as a stream, reads it to the end, and checks that its journal folds into its messages. `meet` gets the stream first. */
export async function play(
  agent: Agent,
  input: RunInput = 'Go.',
  options: RunOptions = {},
  meet: (stream: AgentStream) => void = () => {},
): Promise<Played> {
  const stream = agent.stream(input, options);
  meet(stream);
  const events: AgentEvent[] = [];
  try {
    for await (const event of stream) events.push(event);
    const result: RunResult = await stream.result;
    return played(events, options, result, undefined);
  } catch (error) {
    if (!RunError.is(error)) throw error;
    return played(events, options, undefined, error);
  }
}

function played(
  events: readonly AgentEvent[],
  options: RunOptions,
  result: RunResult | undefined,
  error: RunError | undefined,
): Played {
  const messages = result?.messages ?? error?.messages ?? [];
  const folded = fold(events, options.messages);
  if (JSON.stringify(folded) !== JSON.stringify(messages)) expect(folded).toEqual(messages);
  const astray = entriesOf(events).findIndex(({ seq }, index) => seq !== index);
  expect(astray).toBe(-1);
  return { events, result, error, messages };
}

/** The kept events. */
export function entriesOf(events: readonly AgentEvent[]): Entry[] {
  return events.filter((event): event is Entry => 'seq' in event);
}

/** The messages that a journal folds into. */
export function fold(
  events: readonly AgentEvent[],
  history: readonly MessageParam[] = [],
): readonly MessageParam[] {
  const state = new SessionState();
  state.transcript.seed(history);
  for (const entry of entriesOf(events)) state.apply(entry);
  return state.transcript.closed();
}

/** The outcome of a run, or the code of its error. */
export function endOf({ result, error }: Played): string {
  return result?.outcome ?? error?.code ?? 'nothing';
}

/** The model did as the script says, refused nothing, and saw every request begin with the one before it. */
export function expectSound({ emulator }: Pick<Stage, 'emulator'>): void {
  expect(emulator.refusals).toEqual([]);
  emulator.assertDone();
  expectStablePrefix(emulator);
}

/** A body without cache markers: they are no part of the prefix, and may move. */
export function withoutMarkers(bodyText: string): string {
  return bodyText.replaceAll(/,"cache_control":\{"type":"ephemeral"(?:,"ttl":"1h")?\}/g, '');
}

/** Every request of a conversation begins with all of the one before it, byte by byte, but for cache markers. */
export function expectStablePrefix({ requests }: Pick<Emulator, 'requests'>): void {
  const texts = requests.map(({ bodyText }) => withoutMarkers(bodyText));
  for (const [index, text] of texts.entries()) {
    const before = texts[index - 1];
    if (before !== undefined && !text.startsWith(before.slice(0, -2)))
      expect(text.slice(0, before.length - 2)).toBe(before.slice(0, -2));
  }
}

/** What was asked for: the messages of each request. */
export function conversations({ requests }: Pick<Emulator, 'requests'>): unknown[] {
  return requests.map(({ body }) => body?.messages);
}

/** A run in words, one line per event but `cost`, which follows every reply; deltas that follow each other are one line. */
export function story(events: readonly AgentEvent[]): string[] {
  const lines: string[] = [];
  let last: AgentEvent | undefined;
  for (const event of events) {
    if (event.type === 'cost') continue;
    const line = tell(event);
    const joins = last !== undefined && continues(last, event);
    if (joins) lines.push(`${lines.pop()}${deltaOf(event)}`);
    else lines.push(line);
    last = event;
  }
  return lines;
}

function continues(last: AgentEvent, event: AgentEvent): boolean {
  if (last.type !== event.type || !event.type.endsWith('-delta')) return false;
  return !('callId' in last && 'callId' in event) || last.callId === event.callId;
}

function deltaOf(event: AgentEvent): string {
  if (event.type === 'tool-input-delta') return event.partialJson;
  return 'text' in event ? event.text : '';
}

function tell(event: Exclude<AgentEvent, { type: 'cost' }>): string {
  switch (event.type) {
    case 'run-start':
      return 'run-start';
    case 'input':
      return `input of the ${event.source}`;
    case 'request':
      return `request ${event.turn}.${event.attempt}`;
    case 'text-delta':
      return `text: ${event.text}`;
    case 'thinking-delta':
      return `thinking: ${event.text}`;
    case 'tool-input-delta':
      return `input of ${event.tool}: ${event.partialJson}`;
    case 'reply':
      return `reply: ${event.message.stop_reason}`;
    case 'reply-lost':
      return `reply-lost: ${event.code}`;
    case 'tool-start':
      return `tool-start: ${event.tool}`;
    case 'tool-progress':
      return `tool-progress: ${event.tool}: ${event.message}`;
    case 'tool-end':
      return `tool-end: ${event.tool} ${event.outcome}`;
    case 'approval-request':
      return `approval-request: ${event.tool}`;
    case 'approval':
      return `approval: ${event.tool} ${event.allow}`;
    case 'retry':
      return `retry ${event.scope} ${event.attempt}`;
    case 'wait':
      return `wait: ${event.reason} ${event.delayMs}`;
    case 'compaction':
    case 'compaction-plan':
      return event.type;
    case 'warning':
      return `warning: ${event.cause}`;
    case 'session-start':
    case 'settings':
    case 'fork':
    case 'prefix-change':
    case 'child-start':
    case 'child-end':
    case 'script-start':
    case 'script-end':
      return event.type;
    case 'step-start':
      return `step-start: ${event.path}`;
    case 'step-end':
      return `step-end: ${event.path} ${event.outcome}`;
    case 'run-end':
      return `run-end: ${event.outcome}`;
    default:
      return event satisfies never;
  }
}
