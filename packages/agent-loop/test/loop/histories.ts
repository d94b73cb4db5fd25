import {
  type BlockSpec,
  createEmulator,
  type Emulator,
  fault,
  type Fault,
  reply,
  type ReplySpec,
  type Responder,
  serverToolUse,
  text,
  thinking,
  toolUse,
  whole,
} from '@pawl/emulator';
import fc from 'fast-check';
import {
  type AgentEvent,
  type Approve,
  createAgent,
  defineTool,
  type MessageParam,
  type ToolEffect,
} from '../../src/index.ts';
import { clientOf, expectStablePrefix, play, type Played } from './stage.ts';
import { type VirtualTime, virtualTime } from './time.ts';

/** One call of a reply: what the tool does, how long it takes, what it touches. */
interface PlannedCall {
  readonly tool: 'look' | 'put' | 'send' | 'ask' | 'nowhere';
  readonly ms: number;
  readonly act: 'ok' | 'throw' | 'listen' | 'hang' | 'blocks' | 'bad';
  readonly key: 'a' | 'b' | null;
  /** Whether its input arrives whole. */
  readonly json: 'whole' | 'cut' | 'list' | 'unfit';
}

interface PlannedReply {
  readonly thinks: 'no' | 'first' | 'last';
  readonly text: '' | ' \n' | 'Some text.';
  readonly server: 'no' | 'open' | 'answered';
  readonly calls: readonly PlannedCall[];
  /** `fit`: as the content has it. */
  readonly stop:
    | 'fit'
    | 'end_turn'
    | 'max_tokens'
    | 'model_context_window_exceeded'
    | 'refusal'
    | 'pause_turn'
    | 'cosmic_ray'
    | null;
  readonly fault: Fault | null;
  readonly delayMs: number;
  readonly size: number;
}

interface PlannedRun {
  readonly replies: readonly PlannedReply[];
  /** When it is stopped from outside, and how. */
  readonly stop: { readonly atMs: number; readonly how: 'stop' | 'signal' | 'time-limit' } | null;
  readonly approve: 'yes' | 'no' | 'change' | 'throw' | 'hang' | 'nobody';
  readonly turns: number;
}

/** A run, and another on what it left. */
type History = readonly [PlannedRun, PlannedRun];

const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 3, arbitrary: fc.constantFrom(...others) },
  );

const call: fc.Arbitrary<PlannedCall> = fc.record({
  tool: fc.constantFrom('look', 'look', 'put', 'send', 'send', 'ask', 'nowhere'),
  ms: fc.nat(120),
  act: mostly<PlannedCall['act']>('ok', 'throw', 'listen', 'hang', 'blocks', 'bad'),
  key: fc.constantFrom('a', 'b', null),
  json: mostly<PlannedCall['json']>('whole', 'cut', 'list', 'unfit'),
});

const faults: readonly Fault[] = [
  fault.cut(),
  fault.cut({ afterEvents: 6 }),
  fault.earlyEnd({ afterEvents: 5 }),
  fault.errorEvent({ afterEvents: 4 }),
  fault.malformedJson({ afterEvents: 2 }),
  fault.stall({ afterEvents: 3 }),
  fault.pingStall({ afterEvents: 4, everyMs: 2000 }),
  fault.missingBlockStop(),
  fault.outOfOrderIndex(),
  fault.cutToolInput({ ending: 'cut' }),
  fault.cutToolInput({ ending: 'end' }),
  fault.cutToolInput(),
  fault.html(),
  fault.jsonForStream(),
  fault.connectionReset(),
];

const plannedReply: fc.Arbitrary<PlannedReply> = fc.record({
  thinks: fc.constantFrom('no', 'no', 'first', 'last'),
  text: fc.constantFrom('', ' \n', 'Some text.'),
  server: mostly<PlannedReply['server']>('no', 'open', 'answered'),
  calls: fc.array(call, { maxLength: 3 }),
  stop: mostly<PlannedReply['stop']>(
    'fit',
    'end_turn',
    'max_tokens',
    'model_context_window_exceeded',
    'refusal',
    'pause_turn',
    'cosmic_ray',
    null,
  ),
  fault: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(...faults) },
  ),
  delayMs: fc.constantFrom(0, 0, 0, 7),
  size: fc.constantFrom(9, 40, 40),
});

const plannedRun = (replies: {
  readonly minLength: number;
  readonly maxLength: number;
}): fc.Arbitrary<PlannedRun> =>
  fc.record({
    replies: fc.array(plannedReply, replies),
    stop: fc.option(fc.record({ atMs: fc.nat(400), how: fc.constantFrom('stop', 'signal', 'time-limit') }), {
      freq: 2,
    }),
    approve: fc.constantFrom('yes', 'yes', 'no', 'change', 'throw', 'hang', 'nobody'),
    turns: fc.constantFrom(2, 6),
  });

/** Any two runs. */
const histories: fc.Arbitrary<History> = fc.tuple(
  plannedRun({ minLength: 1, maxLength: 2 }),
  fc.oneof(
    { weight: 3, arbitrary: plannedRun({ minLength: 0, maxLength: 0 }) },
    { weight: 1, arbitrary: plannedRun({ minLength: 1, maxLength: 1 }) },
  ),
);

/** Longer than any tool or reply of a plan needs; only a stall reaches it. */
const IDLE_MS = 5000;

interface Stage {
  readonly time: VirtualTime;
  readonly runs: Map<string, number>;
}

let current: Stage = { time: virtualTime(), runs: new Map() };
let server: Emulator = createEmulator();
// Made once: agents are many, and a client or a tool does not differ between them.
const client = clientOf((input, init) => server.fetch(input, init), {
  maxRetries: 0,
  logLevel: 'off',
  openTelemetry: false,
});
const tools = [tool('look', 'read'), tool('put', 'idempotent'), tool('send', 'once'), tool('ask', 'once')];

interface Input {
  readonly ms: number;
  readonly act: PlannedCall['act'];
  readonly key: string | null;
}

function tool(name: string, effect: ToolEffect) {
  return defineTool({
    name,
    description: 'Does as planned.',
    effect,
    approve: name === 'ask',
    timeoutMs: 100,
    input: {
      type: 'object',
      properties: { ms: { type: 'number' }, act: { type: 'string' }, key: { type: ['string', 'null'] } },
      required: ['ms', 'act', 'key'],
    } as const,
    access: ({ key }) => (key === null ? {} : effect === 'read' ? { reads: [key] } : { writes: [key] }),
    async run(given, ctx) {
      const { signal, callId } = ctx;
      const { ms, act } = given as Input;
      current.runs.set(callId, (current.runs.get(callId) ?? 0) + (effect === 'read' ? 0 : 1));
      ctx.progress('begun');
      await current.time.sleep(act === 'hang' ? 10_000 : ms, act === 'listen' ? signal : undefined);
      signal.throwIfAborted();
      if (act === 'throw') throw new Error('It broke.');
      if (act === 'bad') return (() => {}) as never;
      return act === 'blocks' ? [{ type: 'text' as const, text: 'A block.' }] : { done: callId };
    },
  });
}

let calls = 0;

function specOf(plan: PlannedReply): ReplySpec {
  const blocks: BlockSpec[] = [];
  if (plan.thinks === 'first') blocks.push(thinking('Hm.'));
  if (plan.text !== '') blocks.push(text(plan.text));
  if (plan.server !== 'no') {
    const id = `srvtoolu_${(calls += 1)}`;
    blocks.push(serverToolUse('web_search', { query: 'x' }, { id }));
    if (plan.server === 'answered')
      blocks.push(whole({ type: 'web_search_tool_result', tool_use_id: id, content: [] }));
  }
  for (const planned of plan.calls) blocks.push(callOf(planned));
  if (plan.thinks === 'last') blocks.push(thinking('So.'));
  return reply(blocks, {
    // The API pauses only turns in which a tool of its own has a part.
    ...(plan.stop !== 'fit' &&
      !(plan.stop === 'pause_turn' && plan.server === 'no') && { stopReason: plan.stop }),
    ...(plan.fault && { fault: plan.fault }),
    chunk: { size: plan.size, delayMs: plan.delayMs, eventsPerWrite: plan.delayMs > 0 ? 1 : 3 },
  });
}

function callOf({ tool: name, ms, act, key, json }: PlannedCall): BlockSpec {
  const input = { ms, act, key };
  const whole = JSON.stringify(input);
  const sent = { whole, cut: whole.slice(0, 9), list: `[${whole}]`, unfit: '{"ms":"long"}' }[json];
  return toolUse(name, sent, { id: `toolu_${(calls += 1)}` });
}

/** Plays `count` histories; the same for the same `seed`. */
export async function playHistories(seed: number, count: number): Promise<void> {
  await fc.assert(fc.asyncProperty(histories, playHistory), { numRuns: count, seed });
}

/** Plays both runs of a history and checks what must hold of any. */
async function playHistory([first, second]: History): Promise<void> {
  const time = virtualTime(() => 0.5);
  const plan: PlannedReply[] = [];
  const respond: Responder = () => {
    const next = plan.shift();
    return next ? specOf(next) : reply('Done.');
  };
  current = { time, runs: new Map() };
  server = createEmulator({ respond, clock: () => time.seams.now(), sleep: time.sleep, cache: false });
  const before = await time.pass(playRun(first, plan, []));
  check(before);
  const cut = server.requests.length;
  plan.length = 0;
  const after = await time.pass(playRun(second, plan, before.messages));
  check(after);
  if (server.refusals.length > 0) throw new Error(JSON.stringify(server.refusals));
  expectStablePrefix({ requests: server.requests.slice(0, cut) });
  expectStablePrefix({ requests: server.requests.slice(cut) });
  for (const count of current.runs.values())
    if (count > 1) throw new Error('A call with an effect ran twice.');
}

async function playRun(
  run: PlannedRun,
  plan: PlannedReply[],
  messages: readonly MessageParam[],
): Promise<Played> {
  plan.push(...run.replies);
  const { time } = current;
  const { stop, turns } = run;
  const controller = new AbortController();
  const timeMs = stop?.how === 'time-limit' ? stop.atMs + 1 : 1e9;
  const approve = approvalOf(run);
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client,
    tools: [...tools, { type: 'web_search_20260318', name: 'web_search' }],
    limits: { idleMs: IDLE_MS, timeMs, turns, pauses: 2, concurrency: 3, turnRetries: 1 },
    seams: time.seams,
    ...(approve && { approve }),
  });
  let halt = (): void => {};
  if (stop && stop.how !== 'time-limit') time.after(stop.atMs, () => halt());
  return play(agent, 'Go.', { messages, signal: controller.signal }, (stream) => {
    halt = stop?.how === 'signal' ? () => controller.abort() : () => stream.stop();
  });
}

function approvalOf({ approve }: PlannedRun): Approve | undefined {
  switch (approve) {
    case 'nobody':
      return undefined;
    case 'hang':
      return () => current.time.sleep(1000).then(() => false);
    case 'throw':
      return () => {
        throw new Error('Nobody is in.');
      };
    case 'change':
      return ({ input }) => ({ allow: true, input: { ...(input as object), ms: 1 } });
    default:
      return () => current.time.sleep(3).then(() => approve === 'yes');
  }
}

const outcomes: ReadonlySet<unknown> = new Set([
  'completed',
  'turn-limit',
  'time-limit',
  'refused',
  'truncated',
  'context-full',
  'stopped',
  'awaiting-approval',
]);
const codes: ReadonlySet<unknown> = new Set([
  'unknown-stop-reason',
  'bad-reply',
  'stream-broken',
  'overloaded',
  'connection',
]);

/** What holds of every run. */
function check({ events, result, error }: Played): void {
  if (!(result ? outcomes.has(result.outcome) : codes.has(error?.code)))
    throw new Error('It ended in a way no plan asks for.', { cause: error });
  if (events[0]?.type !== 'run-start' || events.at(-1)?.type !== 'run-end')
    throw new Error('It is not told from start to end.');
  checkCalls(events);
  const lost = events.filter((event) => event.type === 'reply-lost' && event.usage !== null).length;
  const replies = events.filter((event) => event.type === 'reply').length;
  if ((result ?? error)?.steps.length !== lost + replies) throw new Error('Not every reply is counted.');
}

/** Every call that has started has ended, once, before the next request. */
function checkCalls(events: readonly AgentEvent[]): void {
  const open = new Set<string>();
  const ended = new Set<string>();
  for (const event of events) {
    if (event.type === 'tool-start') {
      if (open.has(event.callId) || ended.has(event.callId)) throw new Error('A call was started again.');
      open.add(event.callId);
    } else if (event.type === 'tool-end') {
      if (ended.has(event.callId)) throw new Error('A call ended twice.');
      open.delete(event.callId);
      ended.add(event.callId);
    } else if ((event.type === 'request' || event.type === 'run-end') && open.size > 0)
      throw new Error('A call was left open.');
  }
}
