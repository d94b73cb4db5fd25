import { reply, toolUse } from '@pawl/emulator';
import { z } from 'zod';
import { defineTool, type Session } from '../../src/index.ts';
import { gate } from '../support/agent-under-test.ts';
import { family, realTime } from './family.ts';

/** A lead, a clerk below it, and a cashier below that, whose `charge` hangs in its first process. */
export function shop() {
  const begun = gate();
  const charged: string[] = [];
  const ask = (name: string) => (turn: number) =>
    turn === 0 ? reply(toolUse(name, { task: 'Go.' }, { id: `toolu_${name}` })) : reply('Done.');
  const f = family(
    {
      lead: ask('clerk'),
      clerk: ask('cashier'),
      cashier: (turn) =>
        turn === 0 ? reply(toolUse('charge', { usd: 5 }, { id: 'toolu_charge' })) : reply('Charged.'),
    },
    realTime(),
  );
  const charge = defineTool({
    name: 'charge',
    description: 'Charges.',
    input: z.object({ usd: z.number() }),
    effect: 'once',
    run({ usd }): Promise<string> {
      charged.push(`${usd} USD`);
      begun.resolve();
      return charged.length === 1 ? new Promise(() => {}) : Promise.resolve('charged');
    },
  });
  const cashier = f.agent('cashier', { tools: [charge] });
  const clerk = f.agent('clerk', { subagents: [cashier] });
  return {
    ...f,
    clerk,
    cashier,
    agent: f.agent('lead', { subagents: [clerk] }),
    charged,
    begun: begun.promise,
  };
}

/** Ends a process in the middle of the charge. */
export async function cutOff(session: Session, run: Promise<unknown>, begun: Promise<void>): Promise<void> {
  await begun;
  await session.close();
  await run.catch(() => {});
}
