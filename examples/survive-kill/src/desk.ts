import { setTimeout as wait } from 'node:timers/promises';
import { type Agent, createAgent, defineTool, type ToolContext, type ToolEffect } from '@pawl/agent-loop';
import { z } from 'zod';
import type { Ledger } from './ledger.ts';

const SYSTEM = `You take orders for a shop. For an order call look_up_stock, reserve, send_parcel and charge_card,
all four in one turn, with the same order number. Then say in one sentence what was done and what you do not know.`;

/** The task of the session. */
export const TASK = 'Order 4711: one brass pawl for Ms Arkwright. Do everything that is needed.';

const order = z.object({ order: z.string() });
type Order = z.infer<typeof order>;

/** How the desk works: how long things take after they have happened, and what to do once the card is charged. */
export interface Desk {
  readonly ledger: Ledger;
  readonly model: string;
  readonly answersAfterMs: number;
  readonly onCharged: () => void;
}

/** An agent with one tool of each kind. What a tool declares is all that a resumed session knows about it. */
export function createDesk({ ledger, model, answersAfterMs, onCharged }: Desk): Agent {
  const tool = (name: string, description: string, effect: ToolEffect, onDone = (): void => {}) => ({
    name,
    description,
    input: order,
    effect,
    async run(_: Order, { idempotencyKey, signal }: ToolContext) {
      ledger.add(name, idempotencyKey);
      onDone();
      await wait(answersAfterMs, undefined, { signal });
      return `${name}: done`;
    },
  });
  return createAgent({
    name: 'order-desk',
    model,
    system: SYSTEM,
    tools: [
      // Changes nothing: may always be repeated. This one answers at once.
      defineTool({
        name: 'look_up_stock',
        description: 'How many pieces are in stock.',
        input: order,
        effect: 'read',
        run(_, { idempotencyKey }) {
          ledger.add('look_up_stock', idempotencyKey);
          return '12 pieces in stock';
        },
      }),
      // The shop knows the key: asking twice with the same one reserves once.
      defineTool(tool('reserve', 'Reserves a piece.', 'idempotent')),
      // Must not happen twice, but the carrier can be asked whether it has happened.
      defineTool({
        ...tool('send_parcel', 'Sends the parcel.', 'once'),
        reconcile: (_: Order, { idempotencyKey }: ToolContext) =>
          ledger.has(idempotencyKey) ? 'send_parcel: the carrier has it' : undefined,
      }),
      // Must not happen twice, and nobody can be asked by program: a person decides.
      defineTool(tool('charge_card', 'Charges the card.', 'once', onCharged)),
    ],
    limits: { turns: 6, timeMs: 120_000 },
  });
}
