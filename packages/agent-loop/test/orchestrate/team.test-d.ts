import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createAgent, orchestrate, type RunResult, type Session, type Team } from '../../src/index.ts';

declare const session: Session;
declare const typed: Session<{ id: number }>;
const plain = createAgent({ model: 'claude-sonnet-5-5' });
const grader = createAgent({ model: 'claude-sonnet-5-5', output: z.object({ grade: z.number() }) });

test('a script returns what its function returns', () => {
  expectTypeOf(orchestrate({ session }, () => 1)).resolves.toEqualTypeOf<number>();
  expectTypeOf(orchestrate({ session: typed }, async () => 'a')).resolves.toEqualTypeOf<string>();
  expectTypeOf(orchestrate({}, (team) => team.step('a', () => ({ n: 1 })))).resolves.toEqualTypeOf<{
    n: number;
  }>();
});

test('steps, branches and items are typed by what they return', () => {
  void orchestrate({}, async (team) => {
    expectTypeOf(team).toEqualTypeOf<Team>();
    expectTypeOf(await team.run('a', plain, 'Go.')).toEqualTypeOf<RunResult<never>>();
    expectTypeOf((await team.run('b', grader, 'Go.')).output).toEqualTypeOf<{ grade: number } | null>();
    expectTypeOf(
      await team.step('c', (inner, step) => [inner.signal.aborted, step.attempt] as const),
    ).toEqualTypeOf<readonly [boolean, number]>();
    expectTypeOf(await team.step('d', () => {})).toEqualTypeOf<void>();
    const items = await team.map('e', new Set(['x', 'y']), (item, inner, index) => {
      expectTypeOf(item).toEqualTypeOf<string>();
      expectTypeOf(inner).toEqualTypeOf<Team>();
      return Promise.resolve(index);
    });
    expectTypeOf(items).toEqualTypeOf<number[]>();
    const both = await team.all('f', [
      (inner) => inner.run('a', grader, 'Go.').then(({ output }) => output?.grade),
      () => 'sync',
    ]);
    expectTypeOf(both).toEqualTypeOf<[number | undefined, string]>();
    const many = await team.all(
      'g',
      ['a', 'b'].map((name) => (inner: Team) => inner.step(name, () => name.length)),
    );
    expectTypeOf(many).toEqualTypeOf<number[]>();
    expectTypeOf(await team.race('h', [() => 1, async () => 'b'])).toEqualTypeOf<number | string>();
  });
});

test('what is no agent, no branch and no option is an error', () => {
  void orchestrate({}, async (team) => {
    // @ts-expect-error a name comes first
    await team.run(plain, 'Go.');
    // @ts-expect-error an agent, not its name
    await team.run('a', 'plain', 'Go.');
    // @ts-expect-error a promise is under way already: branches are functions
    await team.all('b', [team.run('c', plain, 'Go.')]);
  });
  // @ts-expect-error there is no such limit
  void orchestrate({ limits: { turns: 3 } }, () => 1);
  // @ts-expect-error options come first
  void orchestrate(() => 1);
});
