import { fault, reply, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import type { Gate, Permit, Refusal } from '../../src/loop/admission.ts';
import { specOf } from '../../src/agent/agent.ts';
import { type AgentEvent, defineTool, RunError } from '../../src/index.ts';
import { memoryJournal } from '../../src/journal/journal.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { startRun } from '../../src/loop/start-run.ts';
import { expectSound, type Stage, stage, type StageOptions, story } from './stage.ts';
import { virtualTime } from './time.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});

/** A gate that notes what it is asked and what becomes of what it grants. */
function noting(log: string[], name = 'gate', answer?: (turn: number) => Refusal | undefined): Gate {
  return {
    admit(_run, { turn, attempt, request }) {
      log.push(`${name}: ask ${turn}.${attempt} ${request.messages.length} messages`);
      return answer?.(turn) ?? permit(log, `${name}: `, `${turn}.${attempt}`);
    },
  };
}

function permit(log: string[], prefix: string, label: string): Permit {
  return {
    settle: ({ usage }) => log.push(`${prefix}settle ${label} ${usage.output_tokens > 0}`),
    lose: ({ code }) => log.push(`${prefix}lose ${label} ${code}`),
    release: () => log.push(`${prefix}release ${label}`),
  };
}

/** Starts a run whose requests pass `gates`; every event joins the log. */
function start({ agent }: Stage, gates: readonly Gate[], log: string[]) {
  const events: AgentEvent[] = [];
  const run = startRun({
    spec: specOf(agent),
    journal: memoryJournal(),
    state: new SessionState(),
    sessionId: null,
    input: 'Go.',
    gates,
    sink(event) {
      events.push(event);
      if ('seq' in event) log.push(event.type);
    },
  });
  return { run, events };
}

const setUp = (options: StageOptions = {}): Stage =>
  stage({ tools: [look], steps: [reply([toolUse('look', {})]), reply('Done.')], ...options });

describe('a request is admitted before it is recorded, and sent after', () => {
  test('by every gate in order; each learns what became of it', async () => {
    const log: string[] = [];
    const set = setUp();
    const { outcome } = await start(set, [noting(log, 'a'), noting(log, 'b')], log).run.result;
    expect(outcome).toBe('completed');
    expect(log).toEqual([
      'run-start',
      'input',
      'a: ask 1.1 1 messages',
      'b: ask 1.1 1 messages',
      'request',
      'a: settle 1.1 true',
      'b: settle 1.1 true',
      'reply',
      'tool-start',
      'tool-end',
      'a: ask 2.1 3 messages',
      'b: ask 2.1 3 messages',
      'request',
      'a: settle 2.1 true',
      'b: settle 2.1 true',
      'reply',
      'run-end',
    ]);
    expectSound(set);
  });

  test('again for each try of a turn: a lost reply may have cost something', async () => {
    const log: string[] = [];
    const time = virtualTime();
    const set = setUp({
      time,
      steps: [reply('Well', { fault: fault.cut({ afterEvents: 3 }) }), reply('Done.')],
      maxRetries: 0,
    });
    await time.pass(start(set, [noting(log)], []).run.result);
    expect(log).toEqual([
      'gate: ask 1.1 1 messages',
      'gate: lose 1.1 stream-broken',
      'gate: ask 1.2 1 messages',
      'gate: settle 1.2 true',
    ]);
  });

  test('one that is refused is not sent: the run ends as budget-limit, and what was granted is released', async () => {
    const log: string[] = [];
    const set = setUp({ steps: [reply([toolUse('look', {})])] });
    const refuse = (turn: number) => (turn === 2 ? { refused: 'the money is spent' } : undefined);
    const { run, events } = start(set, [noting(log, 'a'), noting(log, 'b', refuse)], []);
    const result = await run.result;
    expect(result).toMatchObject({ outcome: 'budget-limit', reason: 'the money is spent', turns: 1 });
    expect(log.slice(-3)).toEqual(['a: ask 2.1 3 messages', 'b: ask 2.1 3 messages', 'a: release 2.1']);
    expect(story(events).at(-1)).toBe('run-end: budget-limit');
    expect(set.emulator.requests).toHaveLength(1);
    expectSound(set);
  });

  test('while one waits the run can be stopped at once; leave that comes later is given back', async () => {
    const log: string[] = [];
    const set = setUp();
    const { promise: answer, resolve: grant } = Promise.withResolvers<Permit>();
    const { run } = start(set, [noting(log, 'a'), { admit: () => answer }], []);
    setTimeout(() => run.stop('enough'), 5);
    const result = await run.result;
    expect(result).toMatchObject({ outcome: 'stopped', reason: 'enough', turns: 0 });
    expect(set.emulator.requests).toEqual([]);
    grant(permit(log, 'late: ', '1.1'));
    await answer;
    expect(log).toEqual(['a: ask 1.1 1 messages', 'a: release 1.1', 'late: release 1.1']);
  });

  test('a gate that fails ends the run with its error, and what was granted is released', async () => {
    const log: string[] = [];
    const set = setUp();
    const broken: Gate = { admit: () => Promise.reject(new RunError('config', 'The gate is broken.')) };
    await expect(start(set, [noting(log, 'a'), broken], []).run.result).rejects.toMatchObject({
      code: 'config',
      message: 'The gate is broken.',
    });
    expect(log).toEqual(['a: ask 1.1 1 messages', 'a: release 1.1']);
    expect(set.emulator.requests).toEqual([]);
  });

  test('what could not be recorded is not sent, and its leave is released', async () => {
    const log: string[] = [];
    const set = setUp();
    const journal = memoryJournal();
    const append = journal.append.bind(journal);
    journal.append = (entries, expectedSeq) => {
      if (entries.some(({ type }) => type === 'request')) throw new Error('the disk is full');
      return append(entries, expectedSeq);
    };
    const run = startRun({
      spec: specOf(set.agent),
      journal,
      state: new SessionState(),
      sessionId: null,
      input: 'Go.',
      gates: [noting(log)],
      sink: undefined,
    });
    await expect(run.result).rejects.toMatchObject({ code: 'journal' });
    expect(log).toEqual(['gate: ask 1.1 1 messages', 'gate: release 1.1']);
    expect(set.emulator.requests).toEqual([]);
  });
});
