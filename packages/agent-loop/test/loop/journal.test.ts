import { createEmulator, reply, script, type Step, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import {
  type AgentEvent,
  type AgentOptions,
  defineTool,
  type Entry,
  type Journal,
  RunError,
  type ToolEffect,
} from '../../src/index.ts';
import { toSpec } from '../../src/agent/agent-options.ts';
import { memoryJournal } from '../../src/journal/journal.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { startRun } from '../../src/loop/start-run.ts';
import { Tally } from '../../src/money/tally.ts';
import { clientOf, entriesOf, fold, story } from './stage.ts';

type Recorded = Partial<AgentOptions> & {
  readonly steps: readonly Step[];
  readonly journal: Journal;
  readonly log?: string[];
  readonly signal?: AbortSignal;
};

/** A run that writes to a given journal. Sessions will open theirs; until then it is handed in here. */
async function recorded({ steps, journal, log = [], signal, ...options }: Recorded) {
  const emulator = createEmulator({ respond: script(steps) });
  const client = clientOf((input, init) => {
    log.push('the request is sent');
    return emulator.fetch(input, init);
  });
  const events: AgentEvent[] = [];
  const spec = toSpec({ model: 'claude-sonnet-5-5', client, ...options });
  const started = startRun({
    spec,
    state: new SessionState(),
    sessionId: null,
    input: 'Go.',
    signal,
    journal: {
      ...journal,
      length: 0,
      async append(entries, expectedSeq, options) {
        await journal.append(entries, expectedSeq, options);
        log.push(...entries.map((entry) => `kept: ${entry.type}`));
      },
    },
    sink: (event) => {
      events.push(event);
      if ('seq' in event) log.push(`told: ${event.type}`);
    },
  });
  const outcome = await started.result.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => {
      if (!RunError.is(error)) throw error;
      return { result: undefined, error };
    },
  );
  return { ...outcome, emulator, events };
}

const tool = (log: string[] = [], effect: 'read' | 'once' = 'once') =>
  defineTool({
    name: 'act',
    description: 'Acts.',
    effect,
    input: { type: 'object' },
    run: () => {
      log.push('the tool acts');
      return 'acted';
    },
  });

async function all(journal: Journal): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of journal.read()) entries.push(entry);
  return entries;
}

test('the intent is kept before the effect, and an entry is kept before it is told', async () => {
  const log: string[] = [];
  const { result } = await recorded({
    journal: slow(memoryJournal()),
    log,
    tools: [tool(log)],
    steps: [reply(toolUse('act', {})), reply('Done.')],
  });
  expect(result?.outcome).toBe('completed');
  expect(log).toEqual([
    'kept: run-start',
    'told: run-start',
    'kept: input',
    'told: input',
    'kept: request',
    'told: request',
    'the request is sent',
    'kept: reply',
    'told: reply',
    'kept: tool-start',
    'told: tool-start',
    'the tool acts',
    'kept: tool-end',
    'told: tool-end',
    'kept: request',
    'told: request',
    'the request is sent',
    'kept: reply',
    'told: reply',
    'kept: run-end',
    'told: run-end',
  ]);
});

test('inputs, requests, intents of effects, decisions and the end are safe from a loss of power before they are told', async () => {
  const journal = memoryJournal();
  const told: string[] = [];
  const safe: Journal = {
    ...journal,
    async append(entries, expectedSeq, options) {
      await journal.append(entries, expectedSeq, options);
      for (const entry of entries)
        told.push(`${entry.type === 'tool-start' ? entry.tool : entry.type}${options?.sync ? ', safe' : ''}`);
    },
  };
  const tool = (name: string, effect: ToolEffect, approve = false) =>
    defineTool({ name, description: name, input: { type: 'object' }, effect, approve, run: () => name });
  await recorded({
    steps: [reply(['look', 'note', 'send'].map((name) => toolUse(name, {}))), reply('Done.')],
    journal: safe,
    tools: [tool('look', 'read'), tool('note', 'idempotent'), tool('send', 'once', true)],
    approve: async () => true,
  });
  expect(told.filter((line) => !/^(tool-end|reply)/.test(line))).toEqual([
    'run-start',
    'input, safe',
    'request, safe',
    'look',
    'approval-request, safe',
    'note, safe',
    'approval, safe',
    'send, safe',
    'request, safe',
    'run-end, safe',
  ]);
});

test('folding the journal gives the messages, the steps and the bill again', async () => {
  const journal = memoryJournal();
  const { result, events } = await recorded({
    journal,
    tools: [tool([], 'read')],
    steps: [reply([toolUse('act', {}), toolUse('act', {}), toolUse('nothing', {})]), reply('Done.')],
  });
  const entries = await all(journal);
  expect(entries).toEqual(entriesOf(events));
  expect(fold(entries)).toEqual(result?.messages);
  const tally = new Tally();
  for (const entry of entries) tally.apply(entry);
  expect(tally).toMatchObject({ steps: result?.steps, usage: result?.usage, turns: 2, text: 'Done.' });
});

describe('a journal that cannot be written', () => {
  const types = ['run-start', 'input', 'request', 'reply', 'tool-start', 'tool-end', 'run-end'] as const;
  const once = [
    'run-start',
    'input',
    'request',
    'reply',
    'tool-start',
    'tool-end',
    'request',
    'reply',
    'run-end',
  ];

  test.each(types)('at %s ends the run with all that was kept, and nothing happens after', async (type) => {
    const log: string[] = [];
    const journal = failing(memoryJournal(), type);
    const { error, events } = await recorded({
      journal,
      log,
      tools: [tool(log)],
      steps: [reply(toolUse('act', {}, { id: 'toolu_1' })), reply('Done.')],
    });
    expect(error).toMatchObject({ code: 'journal', message: 'The journal could not be written: disk full' });
    expect(error?.cause).toMatchObject({ message: 'disk full' });
    const kept = once.slice(0, once.indexOf(type));
    expect((await all(journal)).map((entry) => entry.type)).toEqual(kept);
    expect(entriesOf(events).map((entry) => entry.type)).toEqual(kept);
    const after = (wanted: string) => kept.filter((entry) => entry === wanted).length;
    expect(log.filter((line) => line === 'the request is sent')).toHaveLength(after('request'));
    expect(log.filter((line) => line === 'the tool acts')).toHaveLength(after('tool-start'));
    expect(fold(entriesOf(events))).toEqual(error?.messages);
  });

  test('is not written again, although it would take entries once more', async () => {
    const journal = memoryJournal();
    let tries = 0;
    const flaky: Journal = {
      ...journal,
      append(entries, expectedSeq) {
        tries += 1;
        if (entries.some((entry) => entry.type === 'tool-start') && tries < 7) throw new Error('disk full');
        return journal.append(entries, expectedSeq);
      },
    };
    const { error } = await recorded({
      journal: flaky,
      tools: [tool()],
      steps: [reply([toolUse('act', {}), toolUse('act', {}), toolUse('act', {})])],
    });
    expect(error?.code).toBe('journal');
    expect((await all(journal)).map((entry) => entry.type)).toEqual([
      'run-start',
      'input',
      'request',
      'reply',
    ]);
  });

  test('of another owner refuses entries that do not follow its own', async () => {
    const journal = memoryJournal();
    const intruding: Journal = {
      ...journal,
      append(entries, expectedSeq) {
        if (expectedSeq === 2) void journal.append(entries, expectedSeq);
        return journal.append(entries, expectedSeq);
      },
    };
    const { error } = await recorded({ journal: intruding, steps: [] });
    expect(error?.code).toBe('journal');
    expect(error?.message).toContain('holds 3 entries, but the writer expected 2');
  });
});

test('a stop while the request is being kept sends nothing', async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const journal = memoryJournal();
  const stopping: Journal = {
    ...journal,
    async append(entries, expectedSeq) {
      await journal.append(entries, expectedSeq);
      if (entries.some((entry) => entry.type === 'request')) controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
  const { result, events } = await recorded({ journal: stopping, log, steps: [], signal: controller.signal });
  expect(result?.outcome).toBe('stopped');
  expect(story(events)).toEqual([
    'run-start',
    'input of the user',
    'request 1.1',
    'reply-lost: stopped',
    'run-end: stopped',
  ]);
  expect(log).not.toContain('the request is sent');
});

test('a stop while the start of a tool is being kept does not run it', async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const journal = memoryJournal();
  const stopping: Journal = {
    ...journal,
    async append(entries, expectedSeq) {
      await journal.append(entries, expectedSeq);
      if (!entries.some((entry) => entry.type === 'tool-start')) return;
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 60));
    },
  };
  const { result, events } = await recorded({
    journal: stopping,
    log,
    tools: [tool(log)],
    steps: [reply(toolUse('act', {}))],
    signal: controller.signal,
  });
  expect(result?.outcome).toBe('stopped');
  expect(story(events).slice(-3)).toEqual(['tool-start: act', 'tool-end: act unknown', 'run-end: stopped']);
  expect(log).not.toContain('the tool acts');
});

function slow(journal: Journal): Journal {
  return {
    ...journal,
    async append(entries, expectedSeq) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await journal.append(entries, expectedSeq);
    },
  };
}

/** Fails at the first entry of a type and at all that follow. */
function failing(journal: Journal, type: Entry['type']): Journal {
  return {
    ...journal,
    append(entries, expectedSeq) {
      if (entries.some((entry) => entry.type === type)) throw new Error('disk full');
      return journal.append(entries, expectedSeq);
    },
  };
}
