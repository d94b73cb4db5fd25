import Anthropic from '@anthropic-ai/sdk';
import { createAgent, defineTool } from '@pawl/agent-loop';
import type { Agent, Entry, ToolContext, ToolEffect } from '@pawl/agent-loop';
import { z } from 'zod';
import type { Ledger } from './ledger.ts';
import type { Life } from './life.ts';
import { never } from './life.ts';
import { framesOf } from './model.ts';
import type { Model, ToolName, WireMessage } from './model.ts';
import type { Schedule } from './schedule.ts';

/** What a process runs in. */
export interface Surroundings {
  readonly life: Life;
  readonly schedule: Schedule;
  readonly ledger: Ledger;
  readonly model: Model;
  /** A new number each time: for clocks and ids. */
  readonly count: () => number;
  /** Called with every entry that readers are told of. */
  readonly onEntry: (entry: Entry) => void;
}

const schema = z.object({ n: z.number(), pad: z.string(), fails: z.boolean() });
type Input = z.infer<typeof schema>;

/**
 * A machine on which one process follows the other. The agent is made once: making tools and a client anew for every
 * life would cost more than the life.
 */
export class Host {
  readonly agent: Agent;
  #now: Surroundings | undefined;

  /** `sendEffect`: what the tool `send` declares, which is true for `once` alone. */
  constructor({ sendEffect = 'once' }: { readonly sendEffect?: ToolEffect } = {}) {
    const client = new Anthropic({
      apiKey: 'simulated',
      baseURL: 'http://simulated',
      maxRetries: 0,
      fetch: (_url, init) => untilDeath(this.now, answer(this.now, init)),
    });
    this.agent = createAgent({
      name: 'simulated',
      model: 'claude-sonnet-5-5',
      client,
      tools: [
        this.#tool('look', 'read'),
        this.#tool('put', 'idempotent'),
        this.#tool('send', sendEffect),
        this.#tool('sure', 'once'),
        this.#tool('ask', 'once'),
      ],
      limits: { turns: 1000 },
      hooks: {
        onEvent: (event) => {
          const { life, onEntry } = this.now;
          if ('seq' in event && !life.dead) onEntry(event);
        },
      },
      seams: {
        now: () => this.now.count(),
        // Who waits until a moment, and is woken by a timer, has to find that it has come.
        monotonic: () => this.now.life.now + this.now.count() / 1e6,
        random: () => 0.5,
        id: (prefix) => `${prefix}_${this.now.count()}`,
        timer: (ms, fire) => this.now.life.timer(ms, fire),
      },
    });
  }

  get now(): Surroundings {
    if (!this.#now) throw new Error('No process runs here.');
    return this.#now;
  }

  boot(surroundings: Surroundings): void {
    this.#now = surroundings;
  }

  #tool(name: ToolName, effect: ToolEffect) {
    return defineTool({
      name,
      description: name,
      input: schema,
      effect,
      ...(name === 'ask' && { approve: true }),
      ...(name === 'sure' && { reconcile: (_: Input, ctx: ToolContext) => reconcile(this.now, ctx) }),
      run: (input, ctx) => act(this.now, name, input, ctx),
    });
  }
}

/** What a tool does: time passes, something happens outside, time passes. The process may die at each of these moments. */
async function act(
  { life, schedule, ledger }: Surroundings,
  tool: ToolName,
  input: Input,
  { callId, idempotencyKey: key, attempt }: ToolContext,
): Promise<string> {
  await schedule.turn(life);
  await life.point();
  ledger.add({ tool, callId, key, attempt, input: JSON.stringify(input) });
  await life.point();
  await schedule.turn(life);
  await life.point();
  if (input.fails) throw new Error(`${callId} failed`);
  return `${callId} done ${input.pad}`;
}

async function reconcile({ life, schedule, ledger }: Surroundings, { callId }: ToolContext) {
  await schedule.turn(life);
  await life.point();
  return ledger.of(callId).length > 0 ? `${callId} was done` : undefined;
}

/** A connection breaks when its process dies: what waited for it for ever would keep timers and memory. */
function untilDeath<T>({ life }: Surroundings, work: Promise<T>): Promise<T> {
  const broken = life.died.then(() => Promise.reject<T>(new Error('The process is dead.')));
  return Promise.race([work, broken]);
}

async function answer(
  { life, schedule, model }: Surroundings,
  init: RequestInit | undefined,
): Promise<Response> {
  await schedule.turn(life);
  await life.point();
  const body = typeof init?.body === 'string' ? init.body : Buffer.from(init?.body as Uint8Array).toString();
  const { messages } = JSON.parse(body) as { messages: WireMessage[] };
  const frames = framesOf(model.answer(messages));
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await schedule.turn(life);
      await life.point();
      const next = frames.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(encoder.encode(next));
    },
  });
  await life.point();
  return life.dead ? never() : new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
}
