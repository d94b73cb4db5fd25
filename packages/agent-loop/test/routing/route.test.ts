import { type Emulator, reply, text, thinking } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { type AgentOptions, createAgent, orchestrate, routeByRules, type RunError } from '../../src/index.ts';
import { stage } from '../loop/stage.ts';
import { expectSound, inMemory, stores, types, world } from '../session/world.ts';

const QUICK = 'claude-haiku-5-5';
const DEEP = 'claude-opus-5-5';
const route = routeByRules([
  { model: QUICK, maxChars: 20 },
  { model: DEEP, matches: /prove|why/gi },
]);
const models = ({ requests }: Pick<Emulator, 'requests'>) => requests.map(({ body }) => body?.model);

describe('a route', () => {
  it('chooses the model of each run by its rules, the first that fits; otherwise the agent has its own', async () => {
    const { agent, emulator } = stage({ route, world: { respond: () => reply('So.') } });
    await agent.run('Hello.');
    await agent.run('Why are there more than a few primes? Prove it.');
    await agent.run([{ type: 'text', text: 'Why does the regular expression have no memory?' }]);
    await agent.run('Tell me a story of a ratchet that slipped.');
    expect(models(emulator)).toEqual([QUICK, DEEP, DEEP, 'claude-sonnet-5-5']);
    expect((await agent.preview('Hello.')).body.model).toBe(QUICK);
    expect(agent.model).toBe('claude-sonnet-5-5');
  });

  it('may be a function, which may wait, or choose nothing', async () => {
    const asked: unknown[] = [];
    const { agent, emulator } = stage({
      name: 'router',
      world: { respond: () => reply('So.') },
      route: async (request) => {
        asked.push(request);
        return request.text === 'Deep.' ? DEEP : undefined;
      },
    });
    await agent.run('Deep.');
    await agent.run('Shallow.');
    expect(models(emulator)).toEqual([DEEP, 'claude-sonnet-5-5']);
    expect(asked[0]).toEqual({ input: 'Deep.', text: 'Deep.', agent: 'router', model: 'claude-sonnet-5-5' });
  });

  it('is not asked in the middle of a conversation: its model can be handed on', async () => {
    const { agent, emulator } = stage({
      route,
      world: { respond: () => reply([thinking('Hm.'), text('So.')]) },
    });
    const { messages } = await agent.run('Hello.');
    await agent.run('And you?', { messages, model: QUICK });
    await agent.run('And you?', { messages: [] });
    expect(models(emulator)).toEqual([QUICK, QUICK, QUICK]);
    expect(emulator.refusals).toEqual([]);
    const before = emulator.requests.length;
    await agent.run('And you?', {
      messages: [
        { role: 'user', content: 'Hi.' },
        { role: 'assistant', content: 'Hi.' },
      ],
    });
    expect(models(emulator).slice(before)).toEqual(['claude-sonnet-5-5']);
  });

  it('that fails, or chooses what is no model, ends the run as config', async () => {
    const failing = async (bad: AgentOptions['route']): Promise<RunError> => {
      const { agent, emulator } = stage({ route: bad as NonNullable<typeof bad> });
      const error = (await agent.run('Go.').catch((thrown: unknown) => thrown)) as RunError;
      expect(emulator.requests).toEqual([]);
      return error;
    };
    expect(await failing(() => 7 as never)).toMatchObject({
      code: 'config',
      message: expect.stringMatching(/chose 7, which is no model id/),
    });
    expect(await failing(() => Promise.reject(new Error('no idea')))).toMatchObject({
      code: 'config',
      message: 'The route of agent "agent" failed: no idea',
    });
  });

  it('is checked at the door', () => {
    const model = 'claude-sonnet-5-5';
    expect(() => createAgent({ model, route: 'cheap' as never })).toThrow(
      /route: must be a function, got "cheap"/,
    );
    expect(() => routeByRules({} as never)).toThrow(/expected a list of rules/);
    expect(() => routeByRules([{ model: '' }])).toThrow(/rules\[0\].model: expected a model id/);
    expect(() => routeByRules([{ model, match: /x/ } as never])).toThrow(/there is no option "match"/);
    expect(() => routeByRules([{ model, matches: 'x' as never }])).toThrow(/expected a regular expression/);
    expect(() => routeByRules([{ model, minChars: -1 }])).toThrow(/minChars: must be a number above 0/);
  });
});

describe.each(stores)('a session of an agent with a route, %s', (_, make) => {
  it('stays with the model that its first input chose, in other processes too', async () => {
    await using here = await make();
    const w = world({
      ...here,
      route,
      steps: [
        reply([thinking('Hm.'), text('Hello.')]),
        reply([thinking('Hm.'), text('Because.')]),
        reply('So.'),
      ],
    });
    const first = await w.open();
    await first.run('Hello.');
    await first.run('Why do you say that? Prove it, and at length.');
    await first.close();
    const later = await w.open();
    await later.run('Why?');
    expect(models(w.emulator)).toEqual([QUICK, QUICK, QUICK]);
    expectSound(w);
    expect(types(await w.entries()).filter((type) => type === 'prefix-change')).toHaveLength(1);
    // A fork has the same history.
    const fork = await later.fork({ id: 'fork' });
    await fork.close();
    await later.close();
  });
});

it('an agent of a script is routed by its input, and keeps its model when it is cut off', async () => {
  await using here = await inMemory();
  const w = world({ ...here, world: { respond: () => reply('So.') }, route, limits: { turnRetries: 0 } });
  const session = await w.open();
  const result = await orchestrate({ session }, async (team) => {
    await team.run('short', w.agent(), 'Hello.');
    await team.run('long', w.agent(), 'Why are there so many of them?');
    return Object.keys(team.cost.byModel);
  });
  expect(models(w.emulator)).toEqual([QUICK, DEEP]);
  expect(result).toEqual([QUICK, DEEP]);
  await session.close();
});

it('fallback and inferenceGeo are sent as the API has them', async () => {
  const { agent, emulator } = stage({
    model: 'claude-opus-5-5',
    fallback: ['claude-sonnet-5-5'],
    inferenceGeo: 'us',
    betas: ['server-side-fallback-2026-07-01'],
    steps: [reply('So.')],
  });
  await agent.run('Go.');
  const [request] = emulator.requests;
  expect(request?.body).toMatchObject({ fallbacks: [{ model: 'claude-sonnet-5-5' }], inference_geo: 'us' });
  expect(request?.headers['anthropic-beta']).toBe('server-side-fallback-2026-07-01');
  expect(emulator.refusals).toEqual([]);
  const model = 'claude-opus-5-5';
  expect(() => createAgent({ model, fallback: [] })).toThrow(
    /fallback: must be "default" or a list of model ids/,
  );
  expect(() => createAgent({ model, inferenceGeo: '' })).toThrow(/inferenceGeo: must be a region/);
});
