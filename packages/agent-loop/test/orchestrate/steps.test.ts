import { match, reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type AgentEvent,
  ConfigError,
  createAgent,
  defineTool,
  orchestrate,
  RunError,
  type Team,
} from '../../src/index.ts';
import { clientOf, stage, story } from '../loop/stage.ts';
import { gate } from '../support/agent-under-test.ts';

/** What each message of a request begins with decides the answer: agents work at the same time. */
const answers = (...pairs: readonly (readonly [asked: string, answer: string])[]) =>
  pairs.map(([asked, answer]) => match(({ bodyText }) => bodyText.includes(asked), reply(answer)));

describe('a script', () => {
  it('returns what it returns, and tells every event of its steps and agents in order', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      effect: 'read',
      run: () => 'seen',
    });
    const { agent, emulator } = stage({
      name: 'scout',
      tools: [look],
      steps: [reply([text('Let me see.'), toolUse('look', {})]), reply('All is well.')],
    });
    const events: AgentEvent[] = [];
    const report = await orchestrate({ onEvent: (event) => events.push(event) }, async (team) => {
      const facts = await team.run('facts', agent, 'What is there?');
      return team.step('report', async (inner) => {
        const words = await inner.step('count', () => facts.text.split(' ').length);
        return { words, text: facts.text.toUpperCase() };
      });
    });
    expect(report).toEqual({ words: 3, text: 'ALL IS WELL.' });
    expect(story(events)).toEqual([
      'script-start',
      'step-start: facts',
      'child-start',
      'run-start',
      'input of the user',
      'request 1.1',
      'text: Let me see.',
      'input of look: {}',
      'tool-start: look',
      'tool-end: look ok',
      'reply: tool_use',
      'request 2.1',
      'text: All is well.',
      'reply: end_turn',
      'run-end: completed',
      'child-end',
      'step-end: facts done',
      'step-start: report',
      'step-start: report/count',
      'step-end: report/count done',
      'step-end: report done',
      'script-end',
    ]);
    const [start] = events;
    const ofAgent = events.filter(({ agent: name }) => name === 'scout');
    expect(start).toMatchObject({ agent: 'script', seq: 0 });
    expect(ofAgent.map(({ type }) => type)).toContain('text-delta');
    expect(ofAgent.every(({ parentRunId }) => parentRunId === start?.runId)).toBe(true);
    emulator.assertDone();
  });

  it('has its branches work in parallel, and gives their results in their places', async () => {
    const { agent } = stage({ steps: answers(['Ask 1', 'one'], ['Ask 2', 'two'], ['Ask 3', 'three']) });
    const both = gate();
    let here = 0;
    const meet = async (): Promise<void> => {
      here += 1;
      if (here === 2) both.resolve();
      await both.promise;
    };
    const result = await orchestrate({}, async (team) => {
      const numbers = await team.map('numbers', [1, 2, 3], async (n, inner, index) => {
        const { text: answer } = await inner.run('ask', agent, `Ask ${n}`);
        return [index, answer] as const;
      });
      const met = await team.all('met', [
        (inner) => inner.step('a', meet).then(() => 'a' as const),
        (inner) => inner.step('b', meet).then(() => 2),
      ]);
      return { numbers, met };
    });
    expect(result).toEqual({
      numbers: [
        [0, 'one'],
        [1, 'two'],
        [2, 'three'],
      ],
      met: ['a', 2],
    });
  });

  it('has at most so many agents and steps at work at once, and so many items of a map', async () => {
    let now = 0;
    const most = { script: 0, map: 0 };
    const work = (what: keyof typeof most) => async (): Promise<void> => {
      now += 1;
      most[what] = Math.max(most[what], now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    const twelve = Array.from({ length: 12 }, (_, index) => index);
    await orchestrate({ concurrency: 3 }, async (team) => {
      await team.map('script', twelve, (_, inner) => inner.step('s', work('script')));
      await team.map('map', twelve, (_, inner) => inner.step('s', work('map')), { concurrency: 2 });
    });
    expect(most).toEqual({ script: 3, map: 2 });
  });

  it('needs no second place for what is inside its steps, however deep', async () => {
    const { agent } = stage({ world: { respond: () => reply('leaf') } });
    const nested = async (team: Team, depth: number): Promise<number> => {
      if (depth === 0) return (await team.run('leaf', agent, 'Go.')).turns;
      const parts = await team.map('parts', [0, 1], (part, branch) =>
        branch.step(`level ${part}`, (inner) => nested(inner, depth - 1)),
      );
      return parts.reduce((sum, part) => sum + part, 0);
    };
    expect(await orchestrate({ concurrency: 1 }, (team) => nested(team, 4))).toBe(16);
  });

  it('does not hang where a step uses a team from outside it after an await, however deep', async () => {
    const { agent } = stage({ world: { respond: () => reply('leaf') } });
    const ask = async (team: Team, name: string): Promise<string> =>
      (await team.run(name, agent, 'Go.')).text;
    const eight = Array.from({ length: 8 }, (_, index) => index);
    const late = () => new Promise((resolve) => setImmediate(resolve));
    const direct = (team: Team) =>
      team.map('map', eight, (_, outer) =>
        outer.step('s', async () => {
          await late();
          return ask(outer, 'a');
        }),
      );
    const nested = (team: Team) =>
      team.map('map', eight, (item, outer) =>
        outer.step('s', async () => {
          await late();
          const [text] = await outer.map('more', [item], (_, branch) =>
            branch.step('t', async (own) => {
              await late();
              return own.step('u', async () => {
                await late();
                return ask(team, `a${item}`);
              });
            }),
          );
          return text;
        }),
      );
    for (const concurrency of [1, 3, 8])
      for (const script of [direct, nested])
        expect(await orchestrate({ concurrency }, script)).toEqual(eight.map(() => 'leaf'));
  });

  it('keeps its bound where steps one after another are taken by many at a time with one team', async () => {
    let now = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    const pipe = async (team: Team, index: number): Promise<void> => {
      await team.step(`fetch-${index}`, work);
      await team.step(`save-${index}`, work);
    };
    await orchestrate({ concurrency: 3 }, (team) =>
      Promise.all(Array.from({ length: 20 }, (_, index) => pipe(team, index))),
    );
    expect(most).toBe(3);
  });

  it('knows what its agents cost, losers of a race too', async () => {
    const { agent, emulator } = stage({
      name: 'worker',
      world: {
        respond: ({ bodyText }) =>
          bodyText.includes('slow')
            ? reply('S'.repeat(400), { chunk: { size: 4, delayMs: 20 } })
            : reply('fast'),
      },
    });
    const cost = await orchestrate({}, async (team) => {
      await team.run('first', agent, 'Go.');
      const fastest = await team.race('fastest', [
        (inner) => inner.run('slow', agent, 'Be slow.').then(({ text: said }) => said),
        async (inner) => {
          // Until the other has begun to answer.
          await new Promise((resolve) => setTimeout(resolve, 100));
          return (await inner.run('fast', agent, 'Be fast.')).text;
        },
      ]);
      expect(fastest).toBe('fast');
      return team.cost;
    });
    const { bill } = emulator;
    const usage = cost.byAgent['worker']?.usage;
    expect(emulator.requests.map(({ ended }) => ended)).toEqual(['complete', 'aborted', 'complete']);
    expect(usage?.input_tokens).toBe(bill.inputTokens);
    expect(usage?.output_tokens).toBeGreaterThan(0);
  });
});

describe('a race', () => {
  it('is won by the first that returns; one that throws has lost', async () => {
    const lost: string[] = [];
    const result = await orchestrate({}, (team) =>
      team.race('race', [
        () => Promise.reject(new Error('fell')),
        (inner) =>
          inner
            .step('slow', () => new Promise<never>(() => {}))
            .catch((error: unknown) => {
              lost.push(RunError.is(error) ? error.code : 'other');
              throw error;
            }),
        () => Promise.resolve('here'),
      ]),
    );
    expect(result).toBe('here');
    expect(lost).toEqual(['stopped']);
  });

  it('where all throw, rejects with what the first of the list threw', async () => {
    const failing = orchestrate({}, (team) =>
      team.race('race', [() => Promise.reject(new Error('one')), () => Promise.reject(new Error('two'))]),
    );
    await expect(failing).rejects.toThrow('one');
  });
});

describe('misuse', () => {
  const { agent } = stage({});
  const refused = async (script: (team: Team) => unknown, message: RegExp): Promise<void> => {
    const error = await orchestrate({}, script).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
  };

  it.each([
    [{ concurency: 2 }, /there is no option "concurency"/],
    [{ concurrency: 0 }, /concurrency: must be a whole number above 0, got 0/],
    [{ concurrency: 1.5 }, /concurrency: must be a whole number above 0, got 1.5/],
    [{ limits: { timeMs: -1 } }, /limits.timeMs: must be a number above 0/],
    [{ limits: { turns: 3 } }, /limits: there is no option "turns"/],
    [{ name: 'a/b' }, /name: must be 1 to 64 letters/],
    [{ session: {} }, /session: expected a session of openSession/],
    [{ onEvent: 'log' }, /onEvent: must be a function/],
  ])('of options is refused before anything is done: %o', async (options, message) => {
    let ran = false;
    await expect(
      orchestrate(options as never, () => {
        ran = true;
      }),
    ).rejects.toThrow(message);
    expect(ran).toBe(false);
  });

  it('of names says how to name a step', async () => {
    await refused(
      (team) => team.step('a/b', () => 1),
      /expected 1 to 100 characters without "\/", got "a\/b"/,
    );
    await refused((team) => team.step('', () => 1), /expected 1 to 100 characters/);
    await refused(async (team) => {
      await team.step('draft', () => 1);
      await team.step('draft', () => 2);
    }, /two steps of the script are named "draft".*give each its own/);
    await refused(
      (team) => team.map('m', [1, 2], () => team.step('a', () => 1)),
      /two steps of the script are named "a".* Within map, all and race take steps with the team that the function is given/,
    );
    await refused(
      (team) =>
        team.all('both', [
          (inner) => inner.step('a', (own) => Promise.all([own.step('b', () => 1), own.step('b', () => 2)])),
        ]),
      /named "both\/0\/a\/b"/,
    );
  });

  it('of a team from outside the step says which one to use', async () => {
    const message =
      /^team: inside the step "([^"]+\/)?s" use the team that the step is given: step\("s", \(team\) => \.\.\.\)/;
    const within = (script: (team: Team) => unknown) =>
      expect(orchestrate({ concurrency: 1 }, script)).rejects.toThrow(message);
    await within((team) => team.step('s', () => team.run('a', agent, 'Go.')));
    await within((team) => team.step('s', (own) => own.all('all', [() => team.step('b', () => 1)])));
    await within((team) => team.step('r', (own) => own.step('s', () => own.map('m', [1], () => 1))));
    await refused(
      (team) =>
        team.map('m', [1, 2, 3, 4, 5, 6, 7, 8], (item, outer) =>
          outer.step('s', async () => (await outer.run('a', agent, `Go ${item}.`)).text),
        ),
      message,
    );
  });

  it('of results says where they are not JSON', async () => {
    await refused(
      (team) => team.step('a', () => new Date(0)),
      /result of step "a": expected a value that JSON can hold, got an object of Date/,
    );
    await refused((team) => team.step('a', () => ({ list: [1, Number.NaN] })), /at list\[1\], got NaN/);
    await refused((team) => team.step('a', () => [{ go: () => 1 }]), /at \[0\].go, got a function/);
    await refused((team) => team.step('a', () => [1n]), /at \[0\], got a bigint/);
    await refused(
      (team) => team.step('a', () => 1, { input: new Map() }),
      /input of step "a": .*an object of Map/,
    );
    const loop: { self?: unknown } = {};
    loop.self = loop;
    await refused((team) => team.step('a', () => loop), /at self, got an object that holds itself/);
  });

  it('of branches and inputs says what was expected', async () => {
    await refused((team) => team.all('all', [Promise.resolve(1)] as never), /expected a list of functions/);
    await refused((team) => team.race('race', []), /nobody to win it/);
    await refused(
      (team) => team.run('run', agent, ''),
      /expected a text or content blocks, got an empty text/,
    );
    await refused((team) => team.run('run', {} as never, 'Go.'), /expected an agent made by createAgent/);
    await refused(
      (team) => team.map('map', [1], () => 1, { concurrency: -1 }),
      /concurrency: must be a whole number above 0/,
    );
    await refused(
      (team) => team.map('map', [1], () => 1, { concurrency: 0.5 }),
      /concurrency: must be a whole number/,
    );
  });

  it('of a listener ends the script', async () => {
    const failing = orchestrate(
      {
        onEvent: () => {
          throw new Error('no ear');
        },
      },
      (team) => team.step('a', () => 1),
    );
    await expect(failing).rejects.toMatchObject({ code: 'hook-failed', message: 'onEvent failed: no ear' });
  });
});

it('gives an agent its typed output, and a step what JSON makes of its result', async () => {
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client: clientOf(stage({ steps: [reply('{"answer":42}')] }).emulator.fetch),
    output: z.object({ answer: z.number() }),
  });
  const made = { kept: 1, dropped: undefined };
  const result = await orchestrate({}, async (team) => {
    const { output } = await team.run('ask', agent, 'What is it?');
    const step = await team.step('copy', () => made);
    const nothing = await team.step('nothing', () => {});
    return { answer: output?.answer, step, nothing };
  });
  expect(result).toEqual({ answer: 42, step: { kept: 1 }, nothing: undefined });
  expect(result.step).not.toBe(made);
});
