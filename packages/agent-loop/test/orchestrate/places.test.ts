import { createHash } from 'node:crypto';
import { createEmulator, type EmulatedRequest, reply, toolUse } from '@pawl/emulator';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, createAgent, defineTool, orchestrate, type Team } from '../../src/index.ts';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { clientOf } from '../loop/stage.ts';
import { type VirtualTime, virtualTime } from '../loop/time.ts';

/** A part of a script, as data. `up` says with whose team it works: 0 is the innermost, 1 that of the step or branch around it. */
type Act = { readonly up: number } & (
  | { readonly kind: 'work'; readonly ms: number }
  /** An agent; one with acts inside has a tool that does them. */
  | { readonly kind: 'agent'; readonly inside: readonly Act[] }
  /** A step that waits a moment and then does what is inside, one after the other or together. */
  | {
      readonly kind: 'step';
      readonly late: boolean;
      readonly together: boolean;
      readonly inside: readonly Act[];
    }
  | { readonly kind: 'map' | 'all' | 'race'; readonly inside: readonly Act[] }
  /** Of several that want the same, the first asks for it and all wait for that. */
  | { readonly kind: 'shared'; readonly key: number }
);

/** A world in which it can be seen who is at work. */
class Workplace {
  readonly time: VirtualTime = virtualTime();
  /** Most steps and requests at a time, and most requests. */
  readonly most = { atWork: 0, asking: 0 };
  readonly waits: string[] = [];
  #working = 0;
  #names = 0;
  readonly #shared = new Map<number, Promise<unknown>>();
  readonly #emulator = createEmulator({
    respond: (request) => this.#respond(request),
    clock: () => this.time.seams.now(),
    sleep: this.time.sleep,
  });
  readonly #asking = new Set<AbortSignal>();
  readonly #client = clientOf(this.#watched(), { maxRetries: 0 });

  run<T>(concurrency: number, script: (team: Team) => T | Promise<T>): Promise<T> {
    const onEvent = (event: AgentEvent): void => {
      if (event.type === 'wait' && event.reason === 'concurrency')
        this.waits.push(`${event.path} ${event.delayMs}`);
    };
    return this.time.pass(
      orchestrate({ concurrency, seams: this.time.seams, onEvent }, async (team) => script(team)),
    );
  }

  agent(use?: () => unknown) {
    const tools = use
      ? [
          defineTool({
            name: 'use',
            description: 'Uses.',
            input: z.object({}),
            run: async () => String(await use()),
          }),
        ]
      : [];
    return createAgent({ model: 'claude-sonnet-5-5', client: this.#client, tools, seams: this.time.seams });
  }

  async work(ms: number, signal: AbortSignal): Promise<void> {
    this.#working += 1;
    this.#look();
    await this.time.sleep(ms, signal);
    this.#working -= 1;
  }

  /** Does acts with the last team of the list, or one before it. */
  async perform(teams: readonly Team[], act: Act): Promise<void> {
    const team = teams[Math.max(0, teams.length - 1 - act.up)] as Team;
    const name = `n${(this.#names += 1)}`;
    const within = (inner: Team, acts: readonly Act[]): Promise<unknown> =>
      Promise.all(acts.map((one) => this.perform([...teams, inner], one)));
    switch (act.kind) {
      case 'work':
        return team.step(name, (own) => this.work(act.ms, own.signal));
      case 'agent': {
        const use = act.inside.length > 0 ? () => within(team, act.inside) : undefined;
        await team.run(name, this.agent(use), name);
        return;
      }
      case 'step':
        return team.step(name, async (own) => {
          await (act.late ? this.time.sleep(5) : Promise.resolve());
          if (act.together) await within(own, act.inside);
          else for (const one of act.inside) await this.perform([...teams, own], one);
        });
      case 'map':
        await team.map(name, act.inside, (one, own) => this.perform([...teams, own], one));
        return;
      case 'all':
      case 'race':
        await team[act.kind](
          name,
          act.inside.map((one) => (own: Team) => this.perform([...teams, own], one)),
        );
        return;
      case 'shared': {
        const known = this.#shared.get(act.key);
        const asked = known ?? (teams[0] ?? team).run(name, this.agent(), name);
        this.#shared.set(act.key, asked);
        await asked;
        return;
      }
      default:
        act satisfies never;
    }
  }

  #look(): void {
    const asking = [...this.#asking].filter((signal) => !signal.aborted).length;
    this.most.atWork = Math.max(this.most.atWork, this.#working + asking);
    this.most.asking = Math.max(this.most.asking, asking);
  }

  /** Knows a request until its reply has ended, or nobody wants it any more. */
  #watched(): typeof globalThis.fetch {
    return (async (url: string, init: RequestInit & { readonly signal: AbortSignal }) => {
      this.#asking.add(init.signal);
      this.#look();
      const answer = await this.#emulator.fetch(url, init);
      const flush = (): void => void this.#asking.delete(init.signal);
      return new Response(answer.body?.pipeThrough(new TransformStream({ flush })), answer);
    }) as typeof globalThis.fetch;
  }

  #respond({ body }: EmulatedRequest) {
    const slow = { chunk: { size: 4, delayMs: 10 } };
    const wants = body.tools?.length && body.messages.length === 1;
    return wants ? reply([toolUse('use', {})], slow) : reply('Done.', slow);
  }
}

// A digest is made by another thread, whose time is not virtual.
beforeEach(() => {
  vi.spyOn(crypto.subtle, 'digest').mockImplementation(async (_, data) => {
    const { buffer, byteOffset, byteLength } = createHash('sha256')
      .update(data as Uint8Array)
      .digest();
    return buffer.slice(byteOffset, byteOffset + byteLength);
  });
});

// Nor is that of loading what a first run loads.
beforeAll(async () => {
  const { fetch } = createEmulator({ respond: () => reply('Warm.') });
  const agent = createAgent({ model: 'claude-sonnet-5-5', client: clientOf(fetch) });
  await orchestrate({}, (team) => team.run('warm', agent, 'Up.'));
});

const eight = Array.from({ length: 8 }, (_, index) => index);

describe.each([1, 3])('with %i at a time, nothing waits for ever', (concurrency) => {
  it('where the steps of a pool that is made by hand use a team from outside them', async () => {
    const place = new Workplace();
    const answers = await place.run(concurrency, (team) =>
      Promise.all(
        eight.map((n) =>
          team.step(`s${n}`, async () => {
            await place.time.sleep(5);
            return (await team.run(`a${n}`, place.agent(), 'Go.')).text;
          }),
        ),
      ),
    );
    expect(answers).toEqual(eight.map(() => 'Done.'));
    expect(place.most.atWork).toBe(concurrency);
  });

  it('where the tools of an agent run agents of the script', async () => {
    const place = new Workplace();
    const outer = (team: Team, n: number) =>
      place.agent(async () => {
        await place.time.sleep(5);
        return (await team.run(`inner${n}`, place.agent(), 'Go.')).text;
      });
    await place.run(concurrency, (team) =>
      Promise.all(eight.map((n) => team.run(`outer${n}`, outer(team, n), 'Go.'))),
    );
    expect(place.most.atWork).toBe(concurrency);
  });

  it('where steps share what one of them has asked for', async () => {
    const place = new Workplace();
    await place.run(concurrency, (team) => {
      let asked: Promise<unknown> | undefined;
      return team.map('map', eight, (_, own) =>
        own.step('s', async () => {
          await place.time.sleep(5);
          asked ??= team.run('shared', place.agent(), 'Go.');
          await asked;
        }),
      );
    });
    expect(place.time.now()).toBeLessThan(60_000);
  });

  it('where steps wait for a promise that a later one keeps: their places are lent after a minute', async () => {
    const place = new Workplace();
    const { promise, resolve } = Promise.withResolvers<void>();
    await place.run(concurrency, (team) =>
      Promise.all([
        ...eight.map((n) => team.step(`waits${n}`, () => promise)),
        team.step('keeps', () => resolve()),
      ]),
    );
    expect(place.time.now()).toBe((9 - concurrency) * 60_000);
  });

  it('where agents wait for such a promise: none asks its model without a place', async () => {
    const place = new Workplace();
    const { promise, resolve } = Promise.withResolvers<void>();
    await place.run(concurrency, (team) =>
      Promise.all([
        ...eight.map((n) =>
          team.run(
            `waits${n}`,
            place.agent(() => promise),
            'Go.',
          ),
        ),
        team.run(
          'keeps',
          place.agent(() => resolve()),
          'Go.',
        ),
      ]),
    );
    expect(place.time.now()).toBeGreaterThan(60_000);
    expect(place.most.asking).toBe(concurrency);
  });
});

describe('a wait for a place', () => {
  it('is told as it begins, with the step that waits and how long that will probably be', async () => {
    const place = new Workplace();
    await place.run(2, async (team) => {
      const work = (name: string) => team.step(name, (own) => place.work(1000, own.signal));
      await Promise.all([work('a'), work('b'), work('c'), work('d'), work('e')]);
      await Promise.all([work('f'), work('g'), work('h')]);
    });
    // 5 s is what a place is taken to be held for before anybody gave one back.
    expect(place.waits).toEqual(['c 5000', 'd 5000', 'e 10000', 'h 1950']);
  });

  it('is none where a step waits for what it has asked for itself', async () => {
    const place = new Workplace();
    await place.run(1, (team) =>
      team.step('a', (own) => own.step('b', (inner) => inner.run('c', place.agent(), 'Go.').then(() => 1))),
    );
    expect(place.waits).toEqual([]);
  });
});

describe('a script of any shape', () => {
  const { trials, seed } = campaign({ suite: 150, ci: 3000, full: 30_000 });
  const up = fc.nat({ max: 3 });
  const ms = fc.integer({ min: 0, max: 2000 });
  const shapes = (leaves: fc.Arbitrary<Act>[]) =>
    fc.letrec<{ act: Act; inside: Act[] }>((tie) => ({
      inside: fc.array(tie('act'), { maxLength: 4, depthIdentifier: 'act' }),
      act: fc.oneof(
        { depthIdentifier: 'act', maxDepth: 4, withCrossShrink: true },
        ...leaves,
        fc.record({ kind: fc.constant('agent' as const), up, inside: tie('inside') }),
        fc.record({
          kind: fc.constant('step' as const),
          up,
          late: fc.boolean(),
          together: fc.boolean(),
          inside: tie('inside'),
        }),
        fc.record({ kind: fc.constantFrom('map' as const, 'all' as const), up, inside: tie('inside') }),
        fc.record({
          kind: fc.constant('race' as const),
          up,
          inside: fc.array(tie('act'), { minLength: 1, maxLength: 3 }),
        }),
      ),
    })).inside;
  const work = fc.record({ kind: fc.constant('work' as const), up, ms });
  const shared = fc.record({ kind: fc.constant('shared' as const), up, key: fc.nat({ max: 3 }) });
  const carriedOut = async (acts: readonly Act[], concurrency: number): Promise<Workplace> => {
    const place = new Workplace();
    await place.run(concurrency, (team) => Promise.all(acts.map((act) => place.perform([team], act))));
    return place;
  };

  it('ends, and never has more at work than it may', { timeout: patienceMs }, async () => {
    await fc.assert(
      fc.asyncProperty(shapes([work]), fc.integer({ min: 1, max: 3 }), async (acts, concurrency) => {
        const { most } = await carriedOut(acts, concurrency);
        expect(most.atWork).toBeLessThanOrEqual(concurrency);
      }),
      { numRuns: trials, seed },
    );
  });

  it(
    'ends where its parts wait for each other, and never has more at a model',
    { timeout: patienceMs },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          shapes([work, shared]),
          fc.integer({ min: 1, max: 3 }),
          async (acts, concurrency) => {
            const { most } = await carriedOut(acts, concurrency);
            expect(most.asking).toBeLessThanOrEqual(concurrency);
          },
        ),
        { numRuns: trials, seed },
      );
    },
  );
});
