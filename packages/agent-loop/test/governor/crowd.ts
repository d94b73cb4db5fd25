import type Anthropic from '@anthropic-ai/sdk';
import {
  type Answer,
  createEmulator,
  type Emulator,
  type EmulatedRequest,
  type EmulatorOptions,
  reply,
  toolUse,
} from '@pawl/emulator';
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  createAgent,
  createGovernor,
  defineTool,
  type Governor,
  type GovernorOptions,
  type Seams,
} from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { clientOf } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

/** A reply of so many output tokens that took so long. The last one of a run calls no tool. */
export interface Turn {
  readonly outputTokens?: number;
  readonly ms?: number;
}

/** One agent of a crowd and what its run holds. */
export interface Member {
  readonly name: string;
  readonly turns: readonly Turn[];
  /** Characters of its input. */
  readonly inputChars?: number;
  readonly startMs?: number;
  readonly signal?: AbortSignal;
  readonly options?: Partial<AgentOptions>;
}

/** What a crowd works with. */
export interface CrowdOptions {
  readonly governor?: GovernorOptions | null;
  /** `headers: false` is a server that tells nothing of its limits. */
  readonly world?: EmulatorOptions & { readonly headers?: boolean };
  /** Answers instead of a turn, where it returns something. */
  readonly instead?: (request: EmulatedRequest, at: number) => Answer | undefined;
  /** By the clock of the machine, so many times as fast, for what can not be done in virtual time. */
  readonly speed?: number;
}

/** What members do, and how it went. */
export interface Crowd {
  readonly emulator: Emulator;
  readonly governor: Governor | undefined;
  readonly time: VirtualTime;
  readonly client: Anthropic;
  /** The agent of a member. */
  agentOf(member: Pick<Member, 'name' | 'options'>): Agent;
  /** Runs every member at once, in virtual time. */
  run(members: readonly Member[]): Promise<readonly MemberEnd[]>;
  /** Virtual milliseconds at which requests with this status came, with the agent that sent them. */
  sent(status?: number): readonly (readonly [agent: string, at: number])[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Timers that are set now. */
  openTimers(): number;
  /** Most requests that were being answered at the same time. */
  mostInFlight(): number;
}

/** How one member ended. */
export interface MemberEnd {
  readonly name: string;
  /** An outcome, or the code of an error. */
  readonly outcome: string;
  readonly endedAt: number;
  readonly events: readonly AgentEvent[];
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});

/** Agents that share a governor, over an emulator that holds limits, all in virtual time. */
export function crowd(crowdOptions: CrowdOptions = {}): Crowd {
  const { governor: options = {}, world: { headers = true, ...world } = {}, instead, speed } = crowdOptions;
  const time = virtualTime();
  const { seams, openTimers } = counted(speed ? sped(speed) : time.seams);
  const startedAt = seams.now();
  let [inFlight, most] = [0, 0];
  const plans = new Map<string, readonly Turn[]>();
  const emulator = createEmulator({
    clock: () => seams.now(),
    ...(!speed && { sleep: time.sleep }),
    respond: (request) => {
      const special = instead?.(request, seams.now() - startedAt);
      if (special) return special;
      const turn = (request.body.messages.length - 1) / 2;
      const plan = plans.get(nameOf(request.bodyText)) ?? [];
      const { outputTokens = 50, ms = 100 } = plan[turn] ?? {};
      const more = { usage: { output_tokens: outputTokens }, delayMs: ms };
      return turn + 1 < plan.length ? reply(toolUse('look'), more) : reply('Done.', more);
    },
    ...world,
  });
  const client = clientOf(async (input, init) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    const response = await emulator.fetch(input, init);
    const body = response.body?.pipeThrough(
      new TransformStream({
        flush() {
          inFlight -= 1;
        },
      }),
    );
    const { status } = response;
    const kept = [...response.headers].filter(([name]) => headers || !name.startsWith('anthropic-ratelimit'));
    return new Response(body ?? null, { status, headers: kept });
  });
  const governor = options === null ? undefined : createGovernor(options);
  const agentOf: Crowd['agentOf'] = ({ name, options: own }) =>
    createAgent({
      name,
      model: 'claude-sonnet-5-5',
      system: `You are ${name}.`,
      client,
      tools: [look],
      seams,
      ...(governor && { governor }),
      ...own,
      limits: { timeMs: 86_400_000, ...own?.limits },
    });
  const runOne = async ({
    name,
    turns,
    inputChars = 4,
    startMs = 0,
    signal,
    options: own,
  }: Member): Promise<MemberEnd> => {
    plans.set(name, turns);
    if (startMs > 0) await time.sleep(startMs);
    const agent = agentOf({ name, ...(own && { options: own }) });
    const events: AgentEvent[] = [];
    const stream = agent.stream('x'.repeat(inputChars), signal ? { signal } : {});
    let outcome: string;
    try {
      for await (const event of stream) events.push(event);
      ({ outcome } = await stream.result);
    } catch (error) {
      outcome = String((error as { code?: unknown }).code ?? error);
    }
    return { name, outcome, endedAt: seams.now() - startedAt, events };
  };
  return {
    agentOf,
    emulator,
    governor,
    time,
    client,
    run: (crew) => {
      const all = Promise.all(crew.map(runOne));
      return speed ? all : time.pass(all);
    },
    startedAt,
    openTimers,
    mostInFlight: () => most,
    sent: (status) =>
      emulator.requests
        .filter((request) => status === undefined || request.status === status)
        .map(({ bodyText, at }) => [nameOf(bodyText), at - startedAt] as const),
  };
}

/** The clock and the timers of the machine, so many times as fast. */
function sped(speed: number): Seams {
  const begun = Date.now();
  const monotonic = (): number => systemSeams.monotonic() * speed;
  const start = monotonic();
  return {
    ...systemSeams,
    monotonic,
    now: () => begun + monotonic() - start,
    timer: (ms, fire) => systemSeams.timer(ms / speed, fire),
  };
}

/** Seams whose timers are counted. */
function counted(given: Seams): { readonly seams: Seams; readonly openTimers: () => number } {
  const open = new Set<object>();
  const timer: Seams['timer'] = (ms, fire) => {
    const key = {};
    open.add(key);
    const cancel = given.timer(ms, () => {
      open.delete(key);
      fire();
    });
    return () => {
      open.delete(key);
      cancel();
    };
  };
  return { seams: { ...given, timer }, openTimers: () => open.size };
}

function nameOf(bodyText: string): string {
  return /You are ([\w-]+)\./.exec(bodyText)?.[1] ?? '';
}

/** So many members that do the same. */
export function members(count: number, turns: readonly Turn[], more: Partial<Member> = {}): Member[] {
  return Array.from({ length: count }, (_, index) => ({ name: `agent-${index}`, turns, ...more }));
}

/** So many equal turns. */
export function turns(count: number, turn: Turn = {}): Turn[] {
  return Array.from({ length: count }, () => turn);
}
