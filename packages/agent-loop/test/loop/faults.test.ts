import {
  createEmulator,
  type Emulator,
  fault,
  type Fault,
  type FaultId,
  faultTable,
  reply,
  script,
  type Step,
  startEmulator,
  text,
  toolUse,
} from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import {
  type Agent,
  type AgentEvent,
  createAgent,
  defineTool,
  RunError,
  type Seams,
} from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { clientOf, play, type Played, story } from './stage.ts';
import { processTime } from './time.ts';

/**
 * What a run makes of a fault in its first reply, where the next try is sound.
 *
 * - `whole`: the reply is used as it is.
 * - `resent`: the SDK sends the request again, before any byte of a reply; `code` is why it waits.
 * - `lost`: the reply is recorded as lost with this code, and the turn is tried again.
 * - `fails`: the run ends with a RunError of this code; the reply is kept.
 * - `truncated`: the run ends with this outcome.
 */
type Expected =
  | { readonly way: 'whole' | 'truncated' }
  | { readonly way: 'resent'; readonly code: 'retry' | 'overloaded' }
  | { readonly way: 'lost' | 'fails'; readonly code: string };

interface Row {
  readonly fault?: Fault;
  readonly streamed: Expected;
  /** From a server that answers with JSON whatever it is asked for. Default: as streamed; null: the fault is none there. */
  readonly json?: Expected | null;
  /** Over HTTP. Default: as streamed. */
  readonly http?: Expected;
}

const whole: Expected = { way: 'whole' };
const resent: Expected = { way: 'resent', code: 'retry' };
const reset: Expected = { way: 'lost', code: 'connection' };
const broken: Expected = { way: 'lost', code: 'stream-broken' };
const overloaded: Expected = { way: 'lost', code: 'overloaded' };
const bad: Expected = { way: 'lost', code: 'bad-reply' };
const unknown: Expected = { way: 'fails', code: 'unknown-stop-reason' };

const table: Readonly<Record<FaultId, Row>> = {
  // Over HTTP somebody listens, and only then closes the connection.
  'connection-refused': { streamed: resent, http: reset },
  'connection-reset': { streamed: reset },
  'header-stall': { streamed: reset },
  stall: { streamed: broken },
  'ping-stall': { streamed: broken, json: null },
  cut: { streamed: broken },
  'early-end': { streamed: broken, json: null },
  'error-event': { streamed: overloaded, json: { way: 'resent', code: 'overloaded' } },
  'malformed-json': { streamed: broken },
  'data-only': { streamed: broken, json: null },
  html: { streamed: bad },
  'empty-body': { streamed: broken },
  'json-for-stream': { streamed: whole },
  'sse-for-json': { streamed: whole },
  'truncated-json': { streamed: broken },
  'wrong-shape': { streamed: broken, json: bad },
  'cut-tool-input': { streamed: { way: 'truncated' } },
  'missing-block-stop': { streamed: broken, json: null },
  'duplicate-message-start': { streamed: broken, json: null },
  'out-of-order-index': { streamed: broken, json: null },
  'unknown-block': { streamed: whole },
  'unknown-delta': { streamed: whole, json: null },
  'unknown-event': { streamed: whole, json: null },
  'unknown-stop-reason': { streamed: unknown },
  'null-stop-reason': { streamed: unknown },
  'missing-usage': { streamed: whole },
  'slow-trickle': { fault: fault.slowTrickle({ bytes: 64, everyMs: 2 }), streamed: whole },
  'huge-tool-input': { fault: fault.hugeToolInput({ bytes: 20_000 }), streamed: whole },
};

/** The story of a run without its deltas. */
const stories: Readonly<Record<Expected['way'], (code: string) => readonly string[]>> = {
  whole: () => ['request 1.1', ...rest],
  resent: (code) => ['request 1.1', `wait: ${code} 500`, 'retry request 2', ...rest],
  lost: (code) => [
    'request 1.1',
    // The SDK would have tried again, and waits before it is kept from it.
    ...(code === 'connection' ? ['wait: retry 500'] : []),
    `reply-lost: ${code}`,
    'wait: retry 500',
    'retry turn 2',
    'request 1.2',
    ...rest,
  ],
  fails: () => [
    'request 1.1',
    expect.stringMatching(/^reply: /) as string,
    'tool-end: count cancelled',
    'run-end: failed',
  ],
  truncated: () => ['request 1.1', 'reply: max_tokens', 'tool-end: count cancelled', 'run-end: truncated'],
};
const rest = [
  'reply: tool_use',
  'tool-start: count',
  'tool-end: count ok',
  'request 2.1',
  'reply: end_turn',
  'run-end: completed',
];

const asked = { path: '/srv/data', note: 'größer ≠ kleiner' };
const calls = (broken?: Fault): Step =>
  reply([text('Counting the files there.'), toolUse('count', asked, { id: 'toolu_1' })], {
    chunk: { size: 8 },
    ...(broken && { fault: broken }),
  });

/** The reply with the fault, then what each way of going on asks for. */
function steps(broken: Fault, { way }: Expected): Step[] {
  if (way === 'fails' || way === 'truncated') return [calls(broken)];
  return way === 'whole' ? [calls(broken), reply('Three.')] : [calls(broken), calls(), reply('Three.')];
}

interface World {
  readonly emulator: Emulator;
  readonly agent: Agent;
  /** What the tool was run with. */
  readonly runs: readonly unknown[];
  pass<T>(work: Promise<T>): Promise<T>;
}

interface WorldOptions {
  readonly id: FaultId;
  readonly emulator: Emulator;
  readonly fetch: Emulator['fetch'] | string;
  readonly seams: Partial<Seams>;
  readonly pass?: World['pass'];
}

function worldOf({ id, emulator, fetch, seams, pass = (work) => work }: WorldOptions): World {
  const runs: unknown[] = [];
  const count = defineTool({
    name: 'count',
    description: 'Counts files.',
    effect: 'once',
    input: { type: 'object' },
    run: (input) => {
      runs.push(input);
      return '3';
    },
  });
  const client = clientOf(fetch, { logLevel: 'off', ...(id === 'header-stall' && { timeout: 400 }) });
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client,
    tools: [count],
    limits: { idleMs: waitsForIdle.has(id) ? 2000 : 50_000, timeMs: 100_000 },
    seams,
  });
  return { emulator, agent, runs, pass };
}

/** A run without anybody listening to its events. */
async function playUnheard({ agent }: World): Promise<Omit<Played, 'events'>> {
  try {
    const result = await agent.run('How many?');
    return { result, error: undefined, messages: result.messages };
  } catch (error) {
    if (!RunError.is(error)) throw error;
    return { result: undefined, error, messages: error.messages };
  }
}

const deltas = /^(text|thinking|input of count): /;
const outline = (events: readonly AgentEvent[]): string[] =>
  story(events).filter((line) => !deltas.test(line) && line !== 'run-start' && line !== 'input of the user');

function expectOutcome(played: Omit<Played, 'events'>, expected: Expected, { runs, emulator }: World): void {
  const { result, error } = played;
  switch (expected.way) {
    case 'fails':
      expect(error).toMatchObject({ code: expected.code, turns: 1 });
      break;
    case 'truncated':
      expect(result).toMatchObject({ outcome: 'truncated', turns: 1 });
      break;
    default:
      expect(result).toMatchObject({ outcome: 'completed', text: 'Three.', turns: 2 });
  }
  // Nothing but a whole input is ever run, and it is run once.
  const ran = expected.way === 'fails' || expected.way === 'truncated' ? 0 : 1;
  expect(runs).toHaveLength(ran);
  if (ran > 0) expect(runs[0]).toMatchObject(asked);
  expect(emulator.refusals).toEqual([]);
  emulator.assertDone();
}

/** Whole replies are counted to the token; lost ones as far as the server had told. */
function expectBill({ result, error }: Omit<Played, 'events'>, { emulator }: World): void {
  const counted = (result ?? error)?.steps ?? [];
  const billed = emulator.requests.filter(({ usage }) => usage !== null);
  const wholes = counted.filter(({ lost }) => !lost);
  const heard = wholes.map(({ usage }) => [usage.input_tokens, usage.output_tokens]);
  const bills = billed.map(({ usage }) => [usage?.['input_tokens'], usage?.['output_tokens']]);
  expect(bills.slice(-heard.length)).toEqual(heard);
  for (const { usage } of counted.filter(({ lost }) => lost)) {
    expect(usage.input_tokens).toBe(billed[0]?.usage?.['input_tokens']);
    expect(usage.output_tokens).toBeLessThanOrEqual(Number(billed[0]?.usage?.['output_tokens']));
  }
}

async function playOut(world: World, expected: Expected, id: FaultId): Promise<void> {
  const played = await world.pass(play(world.agent, 'How many?'));
  expectOutcome(played, expected, world);
  const code = 'code' in expected ? expected.code : '';
  expect(outline(played.events)).toEqual(stories[expected.way](code));
  if (id !== 'missing-usage') expectBill(played, world);
}

/** Both ways to run an agent. Only a stream tells its events. */
const ways = [
  ['stream', playOut],
  [
    'run',
    async (world: World, expected: Expected) =>
      expectOutcome(await world.pass(playUnheard(world)), expected, world),
  ],
] as const;

/** A server that answers with JSON although a stream was asked for. */
function withoutStreaming(fetch: Emulator['fetch']): Emulator['fetch'] {
  return (input, init) => {
    const bytes = init?.body as Uint8Array;
    const body = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return fetch(input, { ...init, body: JSON.stringify({ ...body, stream: false }) });
  };
}

/** A busy machine must not make other replies look silent. */
const waitsForIdle: ReadonlySet<FaultId> = new Set(['stall', 'ping-stall']);
/** Ten times as fast as the clock on the wall, without chance. */
const fast: Partial<Seams> = {
  monotonic: () => performance.now() * 10,
  random: () => 0,
  timer: (ms, fire) => systemSeams.timer(ms / 10, fire),
};

const rows = faultTable.map(({ id, make }) => [id, table[id].fault ?? make(), table[id]] as const);

describe.each(ways)(
  '%s(), in memory [broken/no-message-stop] [broken/error-event] [broken/cut] [broken/shape]',
  (_name, through) => {
    test.each(rows)('%s', async (id, broken, { streamed }) => {
      using world = inMemory(id, broken, streamed, (fetch) => fetch);
      await through(world, streamed, id);
    });
  },
);

describe.each(ways)('%s(), from a server that never streams', (_name, through) => {
  const applying = rows.flatMap(([id, broken, { streamed, json = streamed }]) =>
    json ? [[id, broken, json] as const] : [],
  );
  test.each(applying)('%s', async (id, broken, expected) => {
    using world = inMemory(id, broken, expected, withoutStreaming);
    await through(world, expected, id);
  });
});

/** A world in which all time is virtual, that of the SDK too. */
function inMemory(
  id: FaultId,
  broken: Fault,
  expected: Expected,
  wrap: (fetch: Emulator['fetch']) => Emulator['fetch'],
): World & Disposable {
  const { seams, sleep, pass, [Symbol.dispose]: end } = processTime();
  const emulator = createEmulator({
    respond: script(steps(broken, expected)),
    clock: () => seams.now(),
    sleep,
  });
  return { ...worldOf({ id, emulator, fetch: wrap(emulator.fetch), seams, pass }), [Symbol.dispose]: end };
}

// Real silence and real deadlines: on a machine that is busy with other things one may pass the other.
describe.each(ways)('%s(), over HTTP', { retry: 3 }, (_name, through) => {
  test.concurrent.each(rows)('%s', async (id, broken, { streamed, http = streamed }) => {
    await using server = await startEmulator({ respond: script(steps(broken, http)) });
    const { emulator, url } = server;
    await through(worldOf({ id, emulator, fetch: url, seams: fast }), http, id);
  });
});
