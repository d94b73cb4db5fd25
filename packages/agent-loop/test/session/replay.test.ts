import { join } from 'node:path';
import { apiError, fault, reply, text, thinking, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AgentOptions, ConfigError, defineTool, type Entry } from '../../src/index.ts';
import { ReplayMismatch, replaySession } from '../../src/testkit/index.ts';
import { gate } from '../support/agent-under-test.ts';
import { ID, inFiles, inMemory, noting, types, world } from './world.ts';

const SYSTEM = ['You look things up.', 'You are brief.', 'You never guess.'].join('\n');
const look = (ran: string[] = [], description = 'Looks it up.') =>
  defineTool({
    name: 'look',
    description,
    input: z.object({ what: z.string(), deep: z.boolean().default(false) }),
    effect: 'read',
    run: ({ what }) => {
      ran.push(what);
      if (what === 'nothing') throw new Error('not found');
      return `${what}: ${'found '.repeat(60)}`;
    },
  });
const other = () => noting('other').tool;
const steps = [
  reply([thinking('Hm.'), toolUse('look', { what: 'x' }), toolUse('look', { what: 'nothing' })]),
  reply([thinking('Aha.'), text('One.')]),
  reply([toolUse('look', { what: 'y' }), toolUse('look', '{"what":"cut', { id: 'call_cut' })]),
  reply('Two.'),
];

/** A recording of two runs, and the agent that made it. */
async function recorded() {
  const here = await inMemory();
  const ran: string[] = [];
  const w = world({ ...here, system: SYSTEM, tools: [look(ran), other()], maxTokens: 2000, steps });
  const session = await w.open();
  const results = [await session.run('A?'), await session.run('B?')];
  await session.close();
  return { w, results, ran, entries: await w.entries(), session, here };
}

const mismatch = async (replay: Promise<unknown>): Promise<ReplayMismatch> => {
  const error = await replay.then(
    () => new Error('it went through'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ReplayMismatch)) throw error;
  return error;
};

describe('replaySession', () => {
  it('gives the results again, without a request and without a tool', async () => {
    const { w, results, ran, entries, here } = await recorded();
    const asked = w.emulator.requests.length;
    const times = ran.length;
    const hooks = {
      beforeTool: () => ({ deny: 'no' }),
      onEvent() {
        throw new Error('called');
      },
    };
    const replayed = await replaySession(entries, w.agent({ hooks }));
    const plain = (list: typeof results) =>
      list.map(({ runId, text, outcome, turns, messages, usage, cost, steps, output }) => ({
        runId,
        text,
        outcome,
        turns,
        messages,
        usage,
        cost,
        steps,
        output,
      }));
    // How a broken input is described depends on the engine: all else is the same.
    expect(plain([...replayed]).map(({ messages, ...rest }) => [messages.length, rest])).toEqual(
      plain(results).map(({ messages, ...rest }) => [messages.length, rest]),
    );
    expect(replayed[0]?.messages).toEqual(results[0]?.messages);
    expect([w.emulator.requests.length, ran.length]).toEqual([asked, times]);
    await here[Symbol.asyncDispose]();
  });

  it('takes a saved file, and the journal of any store', async () => {
    await using here = await inFiles();
    const w = world({ ...here, tools: [look()], steps: steps.slice(0, 2) });
    const session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'fixture.jsonl');
    await session.save(file);
    await session.close();
    expect((await replaySession(file, w.agent())).map((result) => result.text)).toEqual(['One.']);
    const journal = await here.store.open(ID, { readonly: true });
    for (const recording of [journal, journal.read()])
      expect((await replaySession(recording, w.agent())).map((result) => result.text)).toEqual(['One.']);
    await journal.close();
  });

  it.each<[string, Partial<AgentOptions>, RegExp]>([
    [
      'another system prompt',
      { system: SYSTEM.replace('brief', 'verbose') },
      /system\n {2}- You are brief\.\n {2}\+ You are verbose\.\n {4}\(beginning at line 2\)/,
    ],
    [
      'another description of a tool',
      { tools: [look([], 'Searches.'), other()] },
      /tools\[look\]\.description\n {2}- Looks it up\.\n {2}\+ Searches\./,
    ],
    [
      'another schema',
      {
        tools: [
          defineTool({
            ...fields(),
            input: z.object({ what: z.string(), deep: z.boolean() }),
            run: () => '',
          }),
          other(),
        ],
      },
      /tools\[look\]\.input_schema\.properties\.deep\.default\n {2}- false\n {2}\+ \(not there\)\n {2}tools\[look\]\.input_schema\.required\[1\]\n {2}- \(not there\)\n {2}\+ deep/,
    ],
    [
      'a tool more',
      { tools: [look(), other(), noting('third').tool] },
      /tools\[third\]\n {2}- \(not there\)/,
    ],
    ['a tool less', { tools: [look()] }, /tools\[other\]\n[^]*\+ \(not there\)/],
    ['another order', { tools: [other(), look()] }, /tools \(order\)\n {2}- look, other\n {2}\+ other, look/],
    ['another limit of tokens', { maxTokens: 3000 }, /max_tokens\n {2}- 2000\n {2}\+ 3000/],
    ['another setting', { request: { temperature: 0.5 } }, /temperature\n {2}- \(not there\)\n {2}\+ 0\.5/],
    ['a beta', { betas: ['context-1m-2025-08-07'] }, /betas/],
  ])('fails at the first request with %s, and shows it', async (_name, change, shown) => {
    const { w, entries, here } = await recorded();
    const error = await mismatch(replaySession(entries, w.agent(change)));
    expect(error.message).toMatch(/^The agent sends another request than was recorded \(request 1, run run_/);
    expect(error.message).toMatch(shown);
    expect(error).toMatchObject({ exchange: 1, seq: 4 });
    await here[Symbol.asyncDispose]();
  });

  it('shows where a message differs: what a tool is told to return no longer fits', async () => {
    const { w, entries, here } = await recorded();
    const strict = defineTool({
      ...fields(),
      input: z.object({
        what: z.string().refine((what) => what !== 'y', 'y is out'),
        deep: z.boolean().default(false),
      }),
      run: () => '',
    });
    const error = await mismatch(replaySession(entries, w.agent({ tools: [strict, other()] })));
    expect(error).toMatchObject({ exchange: 4 });
    expect(error.message).toContain('messages[6].content[0].content');
    expect(error.message).toContain('y is out');
    await here[Symbol.asyncDispose]();
  });

  it('notices an end that is another', async () => {
    const { w, entries, here } = await recorded();
    const short = await mismatch(replaySession(entries, w.agent({ limits: { turns: 1 } })));
    expect(short.message).toContain('The run ends as turn-limit, and was recorded as completed');
    const longer = entries.map((entry): Entry =>
      entry.type === 'run-end' && entry.seq > 15 ? { ...entry, outcome: 'refused' } : entry,
    );
    expect((await mismatch(replaySession(longer, w.agent()))).message).toContain(
      'The run ends as completed, and was recorded as refused',
    );
    await here[Symbol.asyncDispose]();
  });

  it('notices a request more, and a request less', async () => {
    await using here = await inMemory();
    const w = world({ ...here, tools: [look()], limits: { turns: 1 }, steps: steps.slice(0, 2) });
    const session = await w.open();
    await session.run('A?');
    await session.close();
    const entries = await w.entries();
    expect(await replaySession(entries, w.agent())).toHaveLength(1);
    const error = await mismatch(replaySession(entries, w.agent({ limits: { turns: 5 } })));
    expect(error.message).toContain('a request more than was recorded: that run ended as turn-limit here');
  });

  it('notices that a tool asks for approval now', async () => {
    await using here = await inMemory();
    const free = noting('drop');
    const w = world({ ...here, steps: [reply([toolUse('drop', {})]), reply('Done.')] });
    const session = await w.open({ tools: [free.tool] });
    await session.run('A?');
    await session.close();
    const asks = noting('drop', { approve: true });
    const error = await mismatch(replaySession(await w.entries(), w.agent({ tools: [asks.tool] })));
    expect(error.message).toContain('The run ends as awaiting-approval, and was recorded as completed');
  });

  it('plays approvals, retries, failures, stops, time limits, parked runs, forks and given-up calls', async () => {
    await using here = await inMemory();
    const begun = gate();
    const hang = defineTool({
      name: 'hang',
      description: 'Hangs.',
      input: z.object({}),
      run: () => {
        begun.resolve();
        return new Promise<string>(() => {});
      },
    });
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [hang, drop.tool, look()],
      seams: {
        timer(ms, fire) {
          const handle = setTimeout(fire, ms > 400 && ms < 10_000 ? 0 : ms);
          return () => clearTimeout(handle);
        },
      },
      steps: [
        reply([
          toolUse('drop', { what: 'a' }, { id: 'call_1' }),
          toolUse('drop', { what: 'b' }, { id: 'call_2' }),
        ]),
        reply('One.'),
        reply(text('Broken off'), { fault: fault.earlyEnd({ afterEvents: 4 }) }),
        reply('Two.'),
        apiError(403, { message: 'no' }),
        reply('Three.'),
        reply([toolUse('look', { what: 'x' }), toolUse('hang', {})]),
        reply('Four.'),
        reply('Never whole.', { fault: fault.stall({ afterEvents: 1 }) }),
        reply('Five.'),
        reply([toolUse('drop', { what: 'c' }, { id: 'call_3' })]),
        reply('Six.'),
        reply('In the fork.'),
      ],
    });
    const session = await w.open();
    await session.run('1');
    await session.approve('call_1', { allow: true, input: { what: 'changed' } });
    await session.approve('call_2', { allow: false, reason: 'no' });
    await session.resume();
    await session.run('2');
    await session.run('3').catch(() => {});
    await session.resume();
    const stream = session.stream('4');
    await begun.promise;
    stream.stop('enough');
    await stream.result;
    await session.resume();
    const parked = session.run('5');
    await new Promise((resolve) => setTimeout(resolve, 60));
    await session.close();
    await parked;
    const next = await w.open();
    await next.resume();
    await next.run('6');
    await next.run('7');
    const fork = await next.fork({ id: 'fork' });
    await fork.run('8');
    await fork.close();
    await next.close();
    const entries = await w.entries('fork');
    const results = await replaySession(entries, w.agent());
    expect(results.map(({ outcome, text: said }) => [outcome, said])).toEqual([
      ['awaiting-approval', ''],
      ['completed', 'One.'],
      ['completed', 'Two.'],
      ['completed', 'Three.'],
      ['stopped', ''],
      ['completed', 'Four.'],
      ['completed', 'Five.'],
      ['awaiting-approval', ''],
      ['completed', 'Six.'],
      ['completed', 'In the fork.'],
    ]);
    expect(types(entries).filter((type) => type === 'run-end failed')).toHaveLength(1);
    const late = await replaySession(entries, w.agent(), {
      fromSeq: entries.findLastIndex(({ type }) => type === 'run-start'),
    });
    expect(late.map(({ text: said }) => said)).toEqual(['In the fork.']);
  });

  it('plays what agent.run() told, as far as that says what was sent', async () => {
    await using here = await inMemory();
    const w = world({ ...here, tools: [look()], steps: steps.slice(0, 2) });
    const entries: Entry[] = [];
    await w
      .agent({ hooks: { onEvent: (event) => ('seq' in event ? void entries.push(event) : undefined) } })
      .run('A?');
    expect((await replaySession(entries, w.agent())).map(({ text: said }) => said)).toEqual(['One.']);
    const error = await mismatch(replaySession(entries, w.agent({ model: 'claude-opus-5-5' })));
    expect(error.message).toMatch(/model\n {2}- claude-sonnet-5-5\n {2}\+ claude-opus-5-5/);
  });

  it('refuses what holds no run', async () => {
    const { w, here } = await recorded();
    await expect(replaySession([], w.agent())).rejects.toThrow(ConfigError);
    for (const recording of [undefined, null, 7, {}, { read: 'me' }])
      await expect(replaySession(recording as never, w.agent())).rejects.toThrow(
        /^recording: expected the name of a file that session\.save\(\) wrote, a journal, or entries, got /,
      );
    await expect(replaySession([], w.agent(), { from: 1 } as never)).rejects.toThrow(
      'replaySession: there is no option "from". Known: fromSeq.',
    );
    await expect(replaySession('nowhere.jsonl', w.agent())).rejects.toThrow(
      /nowhere\.jsonl could not be read/,
    );
    await here[Symbol.asyncDispose]();
  });
});

function fields() {
  return { name: 'look', description: 'Looks it up.', effect: 'read' } as const;
}
