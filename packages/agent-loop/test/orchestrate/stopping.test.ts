import { getEventListeners } from 'node:events';
import { reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, orchestrate, RunError, type Session, type Team } from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { stage } from '../loop/stage.ts';
import { virtualTime } from '../loop/time.ts';
import { entriesIn, expectBilled, inFiles, inMemory, stores, types, world } from '../session/world.ts';
import { gate } from '../support/agent-under-test.ts';

const endOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'returned',
    (error: unknown) => (RunError.is(error) ? `${error.code}: ${error.message}` : String(error)),
  );

/** A step that never ends by itself, and says how it was told to. */
const waits = (told: string[], name: string) => (team: Team) =>
  team.step(
    name,
    (inner) =>
      new Promise<never>((_, reject) => {
        inner.signal.addEventListener('abort', () => {
          told.push(`${name}: ${(inner.signal.reason as Error).message}`);
          reject(new Error('never mind'));
        });
      }),
  );

describe('leaving a script stops what is left and waits for it', () => {
  it('where it throws', async () => {
    const told: string[] = [];
    const ended = orchestrate({}, async (team) => {
      void waits(told, 'left')(team);
      await team.step('fails', () => Promise.reject(new TypeError('broken')));
    });
    expect(await endOf(ended)).toBe('TypeError: broken');
    expect(told).toEqual(['left: the script is over']);
  });

  it('where it returns early, and where it did not wait', async () => {
    const told: string[] = [];
    const value = await orchestrate({}, (team) => {
      void waits(told, 'left')(team);
      void team.all('group', [waits(told, 'one'), waits(told, 'two')]);
      return new Promise((resolve) => setImmediate(() => resolve('early')));
    });
    expect(value).toBe('early');
    expect(told.toSorted()).toEqual(['left', 'one', 'two'].map((name) => `${name}: the script is over`));
  });

  it('where its signal is aborted, before or during, and leaves no listener there', async () => {
    const told: string[] = [];
    const controller = new AbortController();
    const ended = endOf(orchestrate({ signal: controller.signal }, waits(told, 'step')));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort('enough');
    expect(await ended).toBe('stopped: enough');
    expect(told).toEqual(['step: enough']);
    let ran = false;
    expect(await endOf(orchestrate({ signal: controller.signal }, () => (ran = true)))).toBe(
      'stopped: enough',
    );
    expect(ran).toBe(false);
    const lasting = new AbortController();
    for (let run = 0; run < 100; run += 1)
      await orchestrate({ signal: lasting.signal }, (team) =>
        team.step('a', (inner) => String(inner.signal.aborted)),
      );
    expect(getEventListeners(lasting.signal, 'abort')).toEqual([]);
  });

  it('where its time is over, also in the middle of an agent; run again, the agent goes on', async () => {
    await using here = await inMemory();
    let timeIsOver = (): void => {};
    const timer = (ms: number, fire: () => void): (() => void) => {
      if (ms === 5000) timeIsOver = fire;
      return systemSeams.timer(ms === 5000 ? 2 ** 30 : ms, fire);
    };
    const slow = defineTool({
      name: 'slow',
      description: 'Slow.',
      input: z.object({}),
      effect: 'read',
      run: (_, { attempt }) => {
        if (attempt > 1) return 'quick now';
        timeIsOver();
        return new Promise<string>(() => {});
      },
    });
    const w = world({ ...here, tools: [slow], steps: [reply([toolUse('slow', {})]), reply('Done.')] });
    const script = async (team: Team) => (await team.run('work', w.agent(), 'Work.')).text;
    const session = await w.open();
    const ended = endOf(orchestrate({ session, limits: { timeMs: 5000 }, seams: { timer } }, script));
    expect(await ended).toBe('time-limit: limits.timeMs (5000) is over');
    expect(types(await w.entries()).slice(-4)).toEqual([
      'child-start',
      'child-end',
      'step-end',
      'script-end',
    ]);
    expect(await orchestrate({ session }, script)).toBe('Done.');
    w.emulator.assertDone();
    expect(w.emulator.refusals).toEqual([]);
    expectBilled(session, w);
    await session.close();
  });

  it('and not for long: a step that ignores its signal is left behind', async () => {
    const controller = new AbortController();
    const time = virtualTime();
    const go = gate();
    const ended = endOf(
      orchestrate({ signal: controller.signal, seams: time.seams }, (team) =>
        team.step('deaf', async () => {
          go.resolve();
          await new Promise(() => {});
        }),
      ),
    );
    await go.promise;
    controller.abort('enough');
    expect(await time.pass(ended)).toBe('stopped: enough');
    expect(time.now()).toBeLessThan(100);
  });

  it('and nothing can be begun any more', async () => {
    let kept: Team | undefined;
    let branch: Team | undefined;
    await orchestrate({}, async (team) => {
      kept = team;
      await team.all('all', [(inner) => void (branch = inner)]);
      await expect(branch?.step('late', () => 1)).rejects.toMatchObject({
        code: 'stopped',
        message: '"all/0" is over',
      });
    });
    expect(kept?.signal.aborted).toBe(true);
    await expect(kept?.step('late', () => 1)).rejects.toMatchObject({
      code: 'stopped',
      message: 'the script is over',
    });
  });
});

describe('the first branch that fails', () => {
  it.each<[string, (team: Team, told: string[]) => Promise<unknown>]>([
    [
      'of all',
      (team, told) =>
        team.all('group', [
          waits(told, 'a'),
          (inner) => inner.step('fails', () => Promise.reject(new Error('broken'))),
          waits(told, 'b'),
        ]),
    ],
    [
      'of a map',
      (team, told) =>
        team.map('group', ['a', 'fails', 'b'], (item, inner) =>
          item === 'fails' ? Promise.reject(new Error('broken')) : waits(told, item)(inner),
        ),
    ],
  ])('%s stops the others, and the script may go on', async (_, script) => {
    const told: string[] = [];
    const result = await orchestrate({}, async (team) => {
      const caught = await script(team, told).catch((error: unknown) => String(error));
      return [caught, await team.step('after', () => 'went on')];
    });
    expect(result).toEqual(['Error: broken', 'went on']);
    expect(told.toSorted()).toEqual(['a: "group" is over', 'b: "group" is over']);
  });

  it('does not stop them where it catches its error', async () => {
    const { agent } = stage({ world: { respond: () => reply('fine') }, limits: { turnRetries: 0 } });
    const result = await orchestrate({}, (team) =>
      team.map('items', [1, 2], (item, inner) =>
        inner
          .step('work', () =>
            item === 1 ? Promise.reject(new Error('broken')) : inner.run('ask', agent, 'Go.'),
          )
          .then(
            () => 'done',
            (error: unknown) => (error as Error).message,
          ),
      ),
    );
    expect(result[0]).toBe('broken');
  });
});

describe.each(stores)('of two owners, %s', (_, make) => {
  it('the later goes on with the script; the other ends with a typed error and does nothing more', async () => {
    await using here = await make();
    const begun = gate();
    const go = gate();
    const done: string[] = [];
    const w = world({ ...here, steps: [reply('By the first.'), reply('By the second.')] });
    const script = (who: string) => async (team: Team) => {
      const first = await team.run('first', w.agent(), 'Ask one.');
      await team.step('middle', async () => {
        if (who === 'early') {
          begun.resolve();
          await go.promise;
        }
        done.push(who);
      });
      return [first.text, (await team.run('second', w.agent(), 'Ask two.')).text];
    };
    const early = await w.open();
    const ended = orchestrate({ session: early }, script('early')).catch((error: unknown) => error);
    await begun.promise;
    const late = await w.open();
    expect(await orchestrate({ session: late }, script('late'))).toEqual(['By the first.', 'By the second.']);
    go.resolve();
    const error = await ended;
    expect(RunError.is(error) && error.code).toBe('journal');
    expect(error).toMatchObject({ cause: { code: 'fenced' } });
    expect(done).toEqual(['late', 'early']);
    w.emulator.assertDone();
    expectBilled(late, w);
    await early.close();
    await late.close();
  });
});

describe('a session that is closed under a script', () => {
  it('parks it: agents go on where they were when it is run again', async () => {
    await using here = await inFiles();
    const begun = gate();
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      effect: 'read',
      run: (_, { attempt, signal }) => {
        if (attempt > 1) return 'seen';
        begun.resolve();
        return new Promise<string>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
        });
      },
    });
    const w = world({
      ...here,
      tools: [look],
      steps: [reply([text('Looking.'), toolUse('look', {})]), reply('Seen.')],
    });
    const script = async (team: Team) => (await team.run('look', w.agent(), 'Look.')).text;
    const life = (session: Session) => endOf(orchestrate({ session }, script));
    const session = await w.open();
    const ended = life(session);
    await begun.promise;
    await session.close();
    expect(await ended).toBe('stopped: the session was closed; run the script again to go on');
    expect(types(await w.entries()).at(-1)).toBe('child-start');
    await using again = await w.open();
    expect(await orchestrate({ session: again }, script)).toBe('Seen.');
    w.emulator.assertDone();
    expectBilled(again, w);
    const [child] = (await w.store.list()).filter(({ id }) => id !== 'review');
    const runs = (await entriesIn(w.store, child?.id ?? '')).filter(({ type }) => type.startsWith('run-'));
    expect(types(runs)).toEqual(['run-start', 'run-start', 'run-end completed']);
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
  });
});
