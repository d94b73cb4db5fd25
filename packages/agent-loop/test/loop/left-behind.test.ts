import { setTimeout as delay } from 'node:timers/promises';
import { fault, reply, script, startEmulator, type Step } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { createAgent } from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { collect } from '../support/collect.ts';
import { clientOf } from './stage.ts';

/** Waits a hundredth of the time. */
const hurried = (ms: number, fire: () => void) => systemSeams.timer(ms / 100, fire);

/** Runs an agent of its own, of which nothing is held but a weak reference to one of its parts. */
async function ran(url: string): Promise<WeakRef<object>> {
  const client = clientOf(url, { maxRetries: 0 });
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client,
    seams: { timer: hurried },
  });
  expect((await agent.run('Go.')).outcome).toBe('completed');
  return new WeakRef(client);
}

test.each<[what: string, first: Step]>([
  ['whole', reply('Once.')],
  ['cut off', reply('Once upon a time. '.repeat(200), { fault: fault.cut({ afterEvents: 100 }) })],
])('nothing of a run stays whose reply was %s', async (what, first) => {
  const steps = what === 'whole' ? [first] : [first, reply('Again.')];
  await using server = await startEmulator({ respond: script([...steps, ...steps, ...steps]) });
  const left = [await ran(server.url), await ran(server.url), await ran(server.url)];
  const gone = (): boolean => left.every((ref) => ref.deref() === undefined);
  for (let tries = 0; tries < 20 && !gone(); tries += 1) {
    await delay(10);
    collect();
  }
  expect(gone()).toBe(true);
});
