import {
  type Answer,
  apiError,
  createEmulator,
  type EmulatedRequest,
  fault,
  reply,
  toolUse,
} from '@pawl/emulator';
import { z } from 'zod';
import {
  type Agent,
  createAgent,
  defineTool,
  type Entry,
  type JournalStore,
  openSession,
  type Session,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf } from '../loop/stage.ts';
import { checkpointingStore } from '../session/checkpointing-store.ts';
import { type Crash, Ledger, type Life, mortalStore, quick } from '../session/crash-world.ts';
import { turnOf } from './family.ts';
import { MAX_DEPTH, nodesOf, type PlanNode } from './tree-plan.ts';

/** A tree of agents that follow a plan, in processes that die. */
export interface TreeWorld {
  readonly emulator: ReturnType<typeof createEmulator>;
  readonly ledger: Ledger;
  readonly store: JournalStore;
  /** Starts a process: opens the session of the root there. */
  boot(life: Life, crash?: Crash): Promise<Session>;
  /** Timers of a process that have neither fired nor been cancelled. */
  timersOf(life: Life): number;
  /** The entries of every session, by id. */
  journals(): Promise<ReadonlyMap<string, readonly Entry[]>>;
}

export const TOP = 'top';

/** Sets up the world of a plan. `asks`: whether calls of `send` need a decision. `usd`: the limit of the root's run. */
export function treeWorld(plan: PlanNode, asks: boolean, usd?: number): TreeWorld {
  const emulator = createEmulator({ respond: modelOf(plan, usd !== undefined) });
  const ledger = new Ledger();
  const store = checkpointingStore(memoryStore());
  const timers = new WeakMap<Life, Set<symbol>>();
  return {
    emulator,
    ledger,
    store,
    boot(life, crash) {
      const active = new Set<symbol>();
      timers.set(life, active);
      const client = clientOf(life.fetch(emulator.fetch), { maxRetries: 0 });
      const agent = agentAt(0, { client, ledger, life, asks, active, usd });
      return openSession({ agent, store: mortalStore(store, life, crash ?? null), id: TOP });
    },
    timersOf: (life) => timers.get(life)?.size ?? 0,
    async journals() {
      const all = new Map<string, Entry[]>();
      for (const { id } of await store.list()) {
        const entries: Entry[] = [];
        const journal = await store.open(id, { readonly: true });
        for await (const entry of journal.read()) entries.push(entry);
        if (entries.length > 0) all.set(id, entries);
      }
      return all;
    },
  };
}

/** A model that is a function of what it is sent, but for replies that break off the first time. A greedy one uses all it may. */
function modelOf(plan: PlanNode, greedy: boolean): (request: EmulatedRequest) => Answer {
  const nodes = new Map(nodesOf(plan).map((node) => [node.id, node]));
  const asked = new Set<string>();
  return (request) => {
    const node = nodes.get(taskOf(request));
    if (!node) throw new Error(`Nobody planned ${taskOf(request)}.`);
    const turn = turnOf(request);
    const first = !asked.has(`${node.id} ${turn}`);
    asked.add(`${node.id} ${turn}`);
    const broken = {
      ...(first && node.breaks.includes(turn) && { fault: fault.earlyEnd({ afterEvents: 3 }) }),
      ...(greedy && { usage: { output_tokens: request.body.max_tokens } }),
    };
    const calls = node.turns[turn];
    if (!calls) return endOf(node, broken);
    return reply(
      calls.map((call, index) =>
        toolUse(call.tool, 'child' in call ? { task: call.child.id } : { turn }, {
          id: `toolu_${node.id}_${turn}${index}`,
        }),
      ),
      broken,
    );
  };
}

function endOf({ id, end }: PlanNode, broken: object): Answer {
  if (end === 'fail') return apiError(404);
  if (end === 'refuse') return reply('No.', { stopReason: 'refusal', ...broken });
  return reply(`${id} is done.`, { ...(end === 'cut' && { stopReason: 'max_tokens' }), ...broken });
}

function taskOf({ body }: EmulatedRequest): string {
  const content = body.messages[0]?.content;
  if (typeof content === 'string') return content;
  const first = content?.[0];
  return first?.type === 'text' ? first.text : '';
}

interface Surroundings {
  readonly client: ReturnType<typeof clientOf>;
  readonly ledger: Ledger;
  readonly life: Life;
  readonly asks: boolean;
  readonly active: Set<symbol>;
  readonly usd: number | undefined;
}

function agentAt(depth: number, around: Surroundings): Agent {
  const { client, ledger, life, asks, active, usd } = around;
  const input = z.object({ turn: z.number() });
  const tool = (name: 'look' | 'put' | 'send', effect: 'read' | 'idempotent' | 'once') =>
    defineTool({
      name,
      description: name,
      input,
      effect,
      approve: asks && name === 'send',
      run: ({ turn }, ctx) =>
        life.step(() => {
          ledger.effects.push({ tool: name, callId: ctx.callId, key: ctx.idempotencyKey });
          return `${name} ${turn}`;
        }),
    });
  const below = depth < MAX_DEPTH ? agentAt(depth + 1, around) : undefined;
  const delegates = below
    ? [below.asTool({ name: 'ask' }), below.asTool({ name: 'dispatch', background: true })]
    : [];
  return createAgent({
    name: `a${depth}`,
    description: 'An agent.',
    system: `a${depth}`,
    model: 'claude-haiku-4-5',
    maxTokens: 400,
    limits: { turns: 5, turnRetries: 1, ...(depth === 0 && usd !== undefined && { usd }) },
    tools: [tool('look', 'read'), tool('put', 'idempotent'), tool('send', 'once'), ...delegates],
    seams: {
      timer(ms, fire) {
        const timer = Symbol('timer');
        active.add(timer);
        const cancel = quick(ms, () => {
          active.delete(timer);
          fire();
        });
        return () => {
          active.delete(timer);
          cancel();
        };
      },
    },
    client,
  });
}
