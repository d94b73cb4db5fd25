import { apiError, reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAgent, defineTool } from '../../src/index.ts';
import { family, lines, realTime, resultsIn, watch } from './family.ts';

describe('subagents', () => {
  it('run beside each other, and their answers are the results, in call order', async () => {
    const f = family({
      lead: (turn) =>
        turn === 0
          ? reply([toolUse('logs', { task: 'Read.' }), toolUse('db', { task: 'Look.' })])
          : reply('Both were asked.'),
      logs: () => reply('An error at noon.', { delayMs: 500 }),
      db: () => reply('A lock at noon.'),
    });
    const lead = f.agent('lead', { subagents: [f.agent('logs'), f.agent('db')] });
    const { events, result } = await watch(f.time, lead.stream('What happened?'));
    expect(lines(events)).toEqual([
      'lead: begins',
      'lead: input',
      'lead: request',
      'lead: reply',
      'lead: logs starts',
      'lead: db starts',
      'lead: starts logs',
      'lead: starts db',
      'logs: begins',
      'db: begins',
      'logs: input',
      'db: input',
      'logs: request',
      'db: request',
      'db: reply',
      'db: ends: completed',
      'lead: db ended: completed',
      'lead: db ok',
      'logs: reply',
      'logs: ends: completed',
      'lead: logs ended: completed',
      'lead: logs ok',
      'lead: request',
      'lead: reply',
      'lead: ends: completed',
    ]);
    expect(resultsIn(f.emulator.requests[3])).toEqual(['An error at noon.', 'A lock at noon.']);
    expect(result?.outcome).toBe('completed');
    expect(result?.turns).toBe(2);
    expect(f.emulator.refusals).toEqual([]);
  });

  it('are told of with the run that started them', async () => {
    const f = family({
      lead: (turn) => (turn === 0 ? reply(toolUse('logs', { task: 'Read.' })) : reply('Done.')),
      logs: () => reply('Nothing.'),
    });
    const { events, result } = await watch(
      f.time,
      f.agent('lead', { subagents: [f.agent('logs')] }).stream('Go.'),
    );
    const ofLogs = events.filter(({ agent }) => agent === 'logs');
    expect(ofLogs.length).toBeGreaterThan(4);
    expect(new Set(ofLogs.map(({ parentRunId }) => parentRunId))).toEqual(new Set([result?.runId]));
    expect(events.filter((event) => event.parentRunId !== undefined)).toEqual(ofLogs);
  });

  it('have a row each on the bill of the run', async () => {
    const f = family({
      lead: (turn) =>
        turn === 0 ? reply([toolUse('logs', { task: 'a' }), toolUse('logs', { task: 'b' })]) : reply('Done.'),
      logs: (turn) => (turn === 0 ? reply(toolUse('deep', { task: 'c' })) : reply('Nothing.')),
      deep: () => reply('Deep.'),
    });
    const logs = f.agent('logs', { subagents: [f.agent('deep')] });
    const { result } = await watch(f.time, f.agent('lead', { subagents: [logs] }).stream('Go.'));
    const { bill } = f.emulator;
    expect(result?.steps.map(({ agent }) => agent).toSorted()).toEqual(
      ['lead', 'lead', 'logs', 'logs', 'logs', 'logs', 'deep', 'deep'].toSorted(),
    );
    expect(result?.usage).toMatchObject({ input_tokens: bill.inputTokens, output_tokens: bill.outputTokens });
    expect(Object.keys(result?.cost.byAgent ?? {}).toSorted()).toEqual(['deep', 'lead', 'logs']);
  });

  it('take a typed hand-over and give a typed answer', async () => {
    const f = family(
      {
        lead: (turn) => (turn === 0 ? reply(toolUse('find', { from: 3, to: 9 })) : reply('Seen.')),
        logs: (_, { body }) => {
          expect(JSON.stringify(body.messages)).toContain('Lines 3 to 9.');
          expect(body).toHaveProperty('output_config.format.type', 'json_schema');
          return reply('{"errors":2}');
        },
      },
      realTime(),
    );
    const find = f.agent('logs').asTool({
      name: 'find',
      description: 'Finds errors.',
      input: z.object({ from: z.number(), to: z.number() }),
      prompt: ({ from, to }) => `Lines ${from} to ${to}.`,
      output: z.object({ errors: z.number() }),
    });
    await watch(f.time, f.agent('lead', { tools: [find] }).stream('Go.'));
    expect(resultsIn(f.emulator.requests[2])).toEqual(['{"errors":2}']);
    expect(f.emulator.refusals).toEqual([]);
  });

  it('have their answer cut with a notice', async () => {
    const f = family({
      lead: (turn) => (turn === 0 ? reply(toolUse('logs', { task: 'Read.' })) : reply('Done.')),
      logs: () => reply('x'.repeat(500)),
    });
    const tool = f.agent('logs').asTool({ maxResultBytes: 100 });
    await watch(f.time, f.agent('lead', { tools: [tool] }).stream('Go.'));
    expect(resultsIn(f.emulator.requests[2])[0]).toMatch(/^x{100}\n\n\[Cut: this result has 500 bytes/);
  });

  it('that do not finish are errors that say why, and what was found', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      effect: 'read',
      run: () => 'seen',
    });
    const f = family({
      lead: (turn) =>
        turn === 0
          ? reply(
              ['limited', 'refusing', 'failing', 'broken', 'long'].map((name) =>
                toolUse(name, { task: 'Go.' }),
              ),
            )
          : reply('Done.'),
      limited: () => reply([text('I saw smoke.'), toolUse('look', {})]),
      refusing: () => reply('No.', { stopReason: 'refusal' }),
      failing: () => apiError(404),
      long: () => reply('And then', { stopReason: 'max_tokens' }),
    });
    const lead = f.agent('lead', {
      subagents: [
        f.agent('limited', { tools: [look], limits: { turns: 1 } }),
        f.agent('refusing'),
        f.agent('failing'),
        f.agent('broken', { hooks: { beforeRequest: () => Promise.reject(new Error('There is no disk.')) } }),
        f.agent('long'),
      ],
    });
    const { result } = await watch(f.time, lead.stream('Go.'));
    expect(result?.outcome).toBe('completed');
    expect(resultsIn(f.emulator.requests.at(-1))).toEqual([
      'The subagent "limited" reached its limit of turns: limits.turns (1) is reached.\nWhat it had said until then:\n\nI saw smoke.',
      expect.stringMatching(/^The subagent "refusing" declined the task/),
      expect.stringMatching(/^The subagent "failing" could not go on: .*It had found nothing yet\.$/),
      'The subagent "broken" could not go on: The beforeRequest hook failed: There is no disk. It had found nothing yet.',
      'The subagent "long" was cut off: its answer was longer than its maxTokens.\nWhat it had said until then:\n\nAnd then',
    ]);
  });

  it('need a name and a description', () => {
    const model = 'claude-haiku-4-5';
    const anonymous = createAgent({ model, description: 'Reads.' });
    expect(() => createAgent({ model, subagents: [anonymous] })).toThrow(/without a name can be no subagent/);
    const mute = createAgent({ model, name: 'logs' });
    expect(() => createAgent({ model, subagents: [mute] })).toThrow(/subagent logs: description: is missing/);
    const logs = createAgent({ model, name: 'logs', description: 'Reads.' });
    expect(() => createAgent({ model, subagents: [logs, logs] })).toThrow(/two tools are named "logs"/);
    expect(() => createAgent({ model, subagents: [{} as never] })).toThrow(
      /expected agents made by createAgent/,
    );
    expect(() => logs.asTool({ inputs: 1 } as never)).toThrow(/no option "inputs"/);
  });
});
