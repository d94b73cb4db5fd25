import { createEmulator, type EmulatedRequest, reply, text, toolUse } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { type AgentEvent, type AgentOptions, createAgent } from '../../src/index.ts';
import { clientOf } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';

function told(events: readonly AgentEvent[]): string[] {
  return events.filter((e) => !e.type.endsWith('-delta')).map((event) => {
    const { agent, type } = event;
    const more = 'tool' in event ? ` ${event.tool}` : '';
    return `${agent}: ${type}${more}`;
  });
}

test('smoke', async () => {
  const time = virtualTime();
  const emulator = createEmulator({
    respond({ body }: EmulatedRequest) {
      const system = String(body.system);
      const turns = body.messages.filter(({ role }) => role === 'assistant').length;
      if (system === 'lead') return turns === 0 ? reply([toolUse('logs', { task: 'Read.' }), toolUse('db', { task: 'Look.' })]) : reply('Done.');
      return reply(`${system} says hi`);
    },
  });
  const common: Partial<AgentOptions> = { client: clientOf(emulator.fetch), seams: time.seams };
  const logs = createAgent({ ...common, model: 'claude-haiku-4-5', name: 'logs', description: 'Reads logs.', system: 'logs' });
  const db = createAgent({ ...common, model: 'claude-haiku-4-5', name: 'db', description: 'Looks at db.', system: 'db' });
  const lead = createAgent({ ...common, model: 'claude-sonnet-5-5', name: 'lead', system: 'lead', subagents: [logs, db] });
  const stream = lead.stream('Go.');
  const events: AgentEvent[] = [];
  for await (const event of stream) events.push(event);
  const result = await stream.result;
  console.log(told(events), JSON.stringify(result.messages, null, 1), result.steps.map((s) => [s.agent, s.usd]), result.cost.byAgent);
  expect(emulator.refusals).toEqual([]);
  expect(text).toBeDefined();
});
