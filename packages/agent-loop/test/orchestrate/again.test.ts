import { apiError, match, reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type AgentEvent,
  ConfigError,
  defineTool,
  loadSession,
  orchestrate,
  type OrchestrateOptions,
  RunError,
  type Session,
  type Team,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { story } from '../loop/stage.ts';
import { expectBilled, inMemory, stores, world } from '../session/world.ts';

const ask = (asked: string, answer: string) =>
  match(({ bodyText }) => bodyText.includes(asked), reply(answer));

/** Runs a script on a session opened for it, as in a process of its own, and closes it. */
async function inProcess<T>(
  open: () => Promise<Session>,
  script: (team: Team, session: Session) => Promise<T>,
  options: Partial<OrchestrateOptions> = {},
): Promise<T> {
  const session = await open();
  try {
    return await orchestrate({ session, ...options }, (team) => script(team, session));
  } finally {
    await session.close();
  }
}

async function errorOf(work: Promise<unknown>): Promise<RunError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!RunError.is(error)) throw new Error('expected a RunError', { cause: error });
  return error;
}

describe.each(stores)('a script that is run again, %s', (_, make) => {
  it('gets finished steps at once, with all they returned, and pays for none of them', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [ask('Find', 'Found.'), ask('Sum up', 'In short.')] });
    const worked: string[] = [];
    const events: AgentEvent[][] = [[], []];
    const life = (number: number) =>
      inProcess(
        () => w.open(),
        async (team, session) => {
          const found = await team.run('find', w.agent({ name: 'finder' }), 'Find it.');
          const size = await team.step('size', () => {
            worked.push('size');
            return { bytes: found.text.length };
          });
          const sum = await team.run('sum', w.agent({ name: 'writer' }), `Sum up ${found.text}`);
          return { found, size, sum, cost: team.cost, usage: session.usage };
        },
        { onEvent: (event) => events[number]?.push(event) },
      );
    const first = await life(0);
    const second = await life(1);
    expect(second).toEqual(first);
    expect(worked).toEqual(['size']);
    expect(w.emulator.requests).toHaveLength(2);
    expect(story(events[1] ?? [])).toEqual(['script-start', 'script-end']);
    await using session = await w.open();
    expectBilled(session, w);
    expect(Object.keys(session.cost.byAgent)).toEqual(['finder', 'writer']);
    expect(session.messages).toEqual([]);
  });

  it('tries again what failed: a step under the same key, an agent where it was', async () => {
    await using here = await make();
    const look = defineTool({ name: 'look', description: 'Looks.', input: z.object({}), run: () => 'seen' });
    const w = world({
      ...here,
      tools: [look],
      limits: { turnRetries: 0 },
      steps: [reply([toolUse('look', {})]), apiError(500), reply('Seen it.')],
    });
    const tries: unknown[] = [];
    const life = (fails: boolean) =>
      inProcess(
        () => w.open(),
        async (team) => {
          await team.step('flaky', (_team, step) => {
            tries.push(step);
            if (fails && tries.length === 1) throw new TypeError('not yet');
          });
          return (await team.run('look', w.agent(), 'Look.')).text;
        },
      );
    await expect(life(true)).rejects.toThrow(TypeError);
    expect((await errorOf(life(false))).code).toBe('api-error');
    expect(await life(false)).toBe('Seen it.');
    const { idempotencyKey } = tries[0] as { idempotencyKey: string };
    expect(tries).toEqual([
      { attempt: 1, idempotencyKey },
      { attempt: 2, idempotencyKey },
    ]);
    w.emulator.assertDone();
    await using session = await w.open();
    expectBilled(session, w);
  });

  it('goes on with an agent that waited for an approval once it is given, also in another process', async () => {
    await using here = await make();
    const sent: string[] = [];
    const send = defineTool({
      name: 'send',
      description: 'Sends.',
      input: z.object({ to: z.string() }),
      approve: true,
      run: ({ to }) => {
        sent.push(to);
        return 'sent';
      },
    });
    const w = world({
      ...here,
      tools: [send],
      steps: [reply([toolUse('send', { to: 'Ms Arkwright' }, { id: 'toolu_1' })]), reply('It is sent.')],
    });
    const script = async (team: Team) => {
      const { outcome, text: said } = await team.run('mail', w.agent({ name: 'clerk' }), 'Send it.');
      return [outcome, said];
    };
    expect((await inProcess(() => w.open(), script))[0]).toBe('awaiting-approval');
    expect((await inProcess(() => w.open(), script))[0]).toBe('awaiting-approval');
    expect(w.emulator.requests).toHaveLength(1);
    const session = await w.open();
    expect(session.pending?.approvals).toMatchObject([{ callId: 'toolu_1', tool: 'send', agent: 'clerk' }]);
    await expect(session.resume()).rejects.toThrow(
      'session "review" has nothing to resume: its script "script" goes on when it is run again: orchestrate({ session, name: "script" }, ...).',
    );
    await session.approve('toolu_1', true);
    await session.close();
    expect(await inProcess(() => w.open(), script)).toEqual(['completed', 'It is sent.']);
    expect(await inProcess(() => w.open(), script)).toEqual(['completed', 'It is sent.']);
    expect(sent).toEqual(['Ms Arkwright']);
    w.emulator.assertDone();
  });

  it('does not go back to what was left when it was completed', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [ask('Stay', 'Too late.'), ask('Go', 'Gone.')] });
    const life = () =>
      inProcess(
        () => w.open(),
        async (team) => {
          void team.step('left', () => new Promise(() => {}));
          const caught = await team
            .step('fails', () => Promise.reject(new Error('broken')))
            .catch((error: unknown) => String(error));
          return caught;
        },
      );
    expect(await life()).toBe('Error: broken');
    const before = (await w.entries()).length;
    expect(await life()).toBe('Error: broken');
    const after = await w.entries();
    expect(after.slice(before).map(({ type }) => type)).toEqual(['script-start', 'script-end']);
  });

  it('lets nobody else write meanwhile, and leaves the session for runs before and after', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('Before.'), reply('Within.'), reply('After.')] });
    const session = await w.open();
    await session.run('First.');
    await orchestrate({ session }, async (team) => {
      await expect(session.run('No.')).rejects.toThrow(/has a run under way, or a script/);
      await expect(orchestrate({ session }, () => 1)).rejects.toThrow(ConfigError);
      await team.run('within', w.agent({ name: 'other' }), 'Second.');
    });
    const result = await session.run('Third.');
    expect(result.messages).toHaveLength(4);
    expect(result.steps.map(({ agent }) => agent)).toEqual(['agent']);
    expect(session.steps.map(({ agent }) => agent)).toEqual(['agent', 'other', 'agent']);
    const running = session.run('Fourth.').catch(() => {});
    await expect(orchestrate({ session }, () => 1)).rejects.toThrow(ConfigError);
    await running;
    await session.close();
    await expect(orchestrate({ session }, () => 1)).rejects.toThrow(/is closed/);
  });

  it('keeps the steps of scripts with other names apart', async () => {
    await using here = await make();
    const w = world({ ...here });
    const life = (name: string) =>
      inProcess(
        () => w.open(),
        (team) => team.step('who', () => name),
        { name },
      );
    expect([await life('one'), await life('two'), await life('one')]).toEqual(['one', 'two', 'one']);
  });
});

describe('a script that has changed is refused', () => {
  const logs = { name: 'logs' };

  async function setUp() {
    const here = await inMemory();
    const w = world({
      ...here,
      world: { respond: ({ body }) => reply(`To ${JSON.stringify(body.messages.at(-1)?.content)}`) },
    });
    const life = <T>(script: (team: Team) => Promise<T>) => inProcess(() => w.open(), script);
    await life(async (team) => {
      await team.step('fetch', () => 1, { input: { page: 1 } });
      await team.run('read', w.agent(logs), 'Read the errors.');
      await team.race('fastest', [() => 'a', () => new Promise<string>(() => {})]);
    });
    const requests = w.emulator.requests.length;
    return { ...w, life, requests };
  }

  it.each<[string, string, (team: Team, w: Awaited<ReturnType<typeof setUp>>) => Promise<unknown>]>([
    [
      'an agent with another input',
      'The step "read" has changed: its input was "Read the errors." and is "Read all."',
      (team, w) => team.run('read', w.agent(logs), 'Read all.'),
    ],
    [
      'another agent',
      'The step "read" has changed: its agent was "logs" and is "database"',
      (team, w) => team.run('read', w.agent({ name: 'database' }), 'Read the errors.'),
    ],
    [
      'work of its own in place of an agent',
      'The step "read" has changed: it was an agent\'s run and is a step of the script\'s own',
      (team) => team.step('read', () => 1),
    ],
    [
      'a step with another input',
      'The step "fetch" has changed: its input was "{\\"page\\":1}" and is "{\\"page\\":2}"',
      (team) => team.step('fetch', () => 1, { input: { page: 2 } }),
    ],
    [
      'a step that does not tell its input any more',
      'The step "fetch" has changed: its input was "{\\"page\\":1}" and is not told',
      (team) => team.step('fetch', () => 1),
    ],
    [
      'a race with fewer branches',
      'The step "fastest" has changed: its input was "2" and is "1"',
      (team) => team.race('fastest', [() => 'b']),
    ],
  ])('%s', async (_, message, script) => {
    const w = await setUp();
    const error = await errorOf(w.life((team) => script(team, w)));
    expect(error.code).toBe('script-changed');
    expect(error.message).toContain(
      `${message}. What session "review" holds of it was made by another script.`,
    );
    expect(error.message).toMatch(/session\.fork\(\{ id, at: \d+ \}\)\.$/);
    expect(w.emulator.requests).toHaveLength(w.requests);
  });

  it('a finished step that is not asked for any more, such as one with another name', async () => {
    const w = await setUp();
    const error = await errorOf(
      w.life(async (team) => {
        await team.step('fetch', () => 1, { input: { page: 1 } });
        await team.run('read-errors', w.agent(logs), 'Read the errors.');
        await team.race('fastest', [() => 'a', () => 'b']);
      }),
    );
    expect(error.code).toBe('script-changed');
    expect(error.message).toContain(
      'The step "read" is finished, but the script does not ask for it any more.',
    );
    expect(error.cost).toBeDefined();
  });

  it('and goes on in a fork before that step, with what was finished by then', async () => {
    const w = await setUp();
    const changed = (team: Team) =>
      team
        .step('fetch', () => 2, { input: { page: 1 } })
        .then(async (page) => [page, (await team.run('read', w.agent(logs), 'Read all.')).text]);
    const error = await errorOf(w.life(changed));
    const at = Number(/at: (\d+)/.exec(error.message)?.[1]);
    const session = await w.open();
    const fork = await session.fork({ id: 'changed', at });
    expect(await orchestrate({ session: fork }, changed)).toEqual([1, 'To "Read all."']);
    expect(w.emulator.requests).toHaveLength(w.requests + 1);
    // What the first session has used is its own.
    expect(fork.steps).toHaveLength(1);
    await session.close();
    await fork.close();
  });
});

it('says so where the session of a finished agent is not there any more', async () => {
  await using here = await inMemory();
  const w = world({ ...here, steps: [reply(text('Read.'))] });
  const life = () =>
    inProcess(
      () => w.open(),
      (team) => team.run('read', w.agent(), 'Read.'),
    );
  await life();
  for (const { id } of await w.store.list()) if (id !== 'review') await w.store.delete(id);
  const error = await errorOf(life());
  expect(error).toMatchObject({ code: 'journal' });
  expect(error.message).toMatch(
    /The step "read" is finished, but the session of its agent is not in this store/,
  );
});

describe('a script on a session that was saved and loaded', () => {
  it('goes on where the sessions of its agents are; elsewhere the error says what is missing', async () => {
    const here = await inMemory();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.')] });
    const agent = w.agent();
    let isBroken = true;
    const script = async (team: Team) => {
      const one = await team.run('one', agent, 'Say one.');
      const seven = await team.step('seven', () => 7);
      if (isBroken) throw new Error('broken');
      return [one.text, seven, (await team.run('two', agent, 'Say two.')).text];
    };
    const session = await w.open();
    await expect(orchestrate({ session }, script)).rejects.toThrow('broken');
    await session.close();
    isBroken = false;
    const entries = await w.entries();
    await using loaded = await loadSession({ agent, store: w.store, entries, id: 'loaded' });
    expect(await orchestrate({ session: loaded }, script)).toEqual(['One.', 7, 'Two.']);
    expect(w.emulator.requests).toHaveLength(2);
    await using elsewhere = await loadSession({ agent, store: memoryStore(), entries, id: 'loaded' });
    await expect(orchestrate({ session: elsewhere }, script)).rejects.toThrow(
      /step "one" is finished, but the session of its agent is not in this store/,
    );
  });
});
