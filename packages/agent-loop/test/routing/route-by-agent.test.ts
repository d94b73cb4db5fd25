import { apiError, type Emulator, reply, type ReplySpec, text, thinking, toolUse } from '@pawl/emulator';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  createAgent,
  createBudget,
  defineTool,
  orchestrate,
  type Route,
  routeByAgent,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { clientOf, stage, story } from '../loop/stage.ts';
import { entriesIn, expectBilled, types, world } from '../session/world.ts';

const QUICK = 'claude-haiku-5-5';
const DEEP = 'claude-opus-5-5';
const OWN = 'claude-sonnet-5-5';
const routes = { simple: QUICK, hard: { model: DEEP, when: 'It has to be proved.' } } as const;
const models = ({ requests }: Pick<Emulator, 'requests'>) => requests.map(({ body }) => body?.model);
const says = (route: string): ReplySpec => reply(JSON.stringify({ route }));

/** A classifier and an agent that asks it, over one model that follows a script. */
function desk(
  steps: readonly ReplySpec[],
  options: Partial<AgentOptions> = {},
  own: Partial<AgentOptions> = {},
) {
  const set = stage({ steps });
  const client = clientOf(set.emulator.fetch, { maxRetries: 0 });
  const classifier: Agent = createAgent({ name: 'sorter', model: 'claude-haiku-4-5', client, ...own });
  const agent: Agent = createAgent({
    name: 'adviser',
    model: OWN,
    client,
    route: routeByAgent(classifier, { routes }),
    ...options,
  });
  return { ...set, client, classifier, agent };
}
/** All events of a run, those of its children too, and its result. */
async function told(agent: Agent, input: string, stopped = false) {
  const stream = agent.stream(input);
  if (stopped) stream.stop('enough');
  const events: AgentEvent[] = [];
  for await (const event of stream) events.push(event);
  return { events, result: await stream.result };
}
const warnings = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

describe('routeByAgent', () => {
  it('asks the agent once, as a child of the run, and goes on with the model of the class that it names', async () => {
    const { agent, emulator } = desk([says('hard'), reply('So.')]);
    const { events, result } = await told(agent, 'Why?');
    expect(models(emulator)).toEqual(['claude-haiku-4-5', DEEP]);
    const own = events.filter(({ agent: name }) => name === 'adviser');
    expect(story(own)).toEqual([
      'run-start',
      'input of the user',
      'child-start',
      'child-end',
      'request 1.1',
      'text: So.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expect(events.find(({ agent: name }) => name === 'sorter')).toMatchObject({ parentRunId: result?.runId });
    // What it cost is the run's, to the last digit of the server's bill.
    expect(result?.cost.usd).toBe(emulator.bill.usd);
    expect(Object.keys(result?.cost.byAgent ?? {})).toEqual(['sorter', 'adviser']);
    expect(result).toMatchObject({ turns: 1, text: 'So.' });
    expect(emulator.refusals).toEqual([]);
  });

  it('tells the classifier the classes, and shows it the input', async () => {
    const { agent, emulator } = desk([says('simple'), reply('So.')]);
    await agent.run('Hello.');
    const [asked] = emulator.requests;
    expect(asked?.body?.messages).toEqual([{ role: 'user', content: 'Hello.' }]);
    expect(asked?.body?.['output_config']).toMatchObject({
      format: {
        schema: {
          properties: {
            route: {
              enum: ['simple', 'hard'],
              description:
                'The class that the input belongs to. Do not answer the input. "simple"; "hard": It has to be proved..',
            },
          },
        },
      },
    });
    expect(models(emulator)).toEqual(['claude-haiku-4-5', QUICK]);
  });

  it.each<[why: string, first: ReplySpec, own: Partial<AgentOptions>, problem: RegExp]>([
    ['fails', apiError(400, { message: 'no' }) as never, {}, /could not be asked: 400/],
    ['declines', reply('', { stopReason: 'refusal' }), {}, /ended as refused/],
    ['is cut off', reply('{"rou', { stopReason: 'max_tokens' }), {}, /ended as truncated/],
    ['waits for somebody', reply(toolUse('look')), {}, /ended as awaiting-approval/],
  ])(
    'goes on with the declared class where the classifier %s, and says so',
    async (_, first, own, problem) => {
      const tools = [
        defineTool({
          name: 'look',
          description: 'Looks.',
          input: { type: 'object' },
          approve: true,
          run: () => 'seen',
        }),
      ];
      const { classifier, client, emulator } = desk([first, reply('So.')], {}, { tools, ...own });
      const route = routeByAgent(classifier, { routes, otherwise: 'simple' });
      const { events, result } = await told(
        createAgent({ name: 'adviser', model: OWN, client, route }),
        'Why?',
      );
      expect(result).toMatchObject({ outcome: 'completed', text: 'So.' });
      expect(models(emulator).at(-1)).toBe(QUICK);
      expect(warnings(events)).toEqual([expect.stringMatching(problem)]);
      expect(warnings(events)[0]).toMatch(
        /^The route of agent "adviser" did not decide: .* It goes on with claude-haiku-5-5\.$/,
      );
      expect(result?.cost.usd).toBe(emulator.bill.usd);
    },
  );

  it('goes on with its own model where no class was declared for that', async () => {
    const { agent, emulator } = desk([reply('', { stopReason: 'refusal' }), reply('So.')]);
    await agent.run('Why?');
    expect(models(emulator)).toEqual(['claude-haiku-4-5', OWN]);
  });

  it('is inside the limits of the run: its money, its time, its budgets, its children', async () => {
    const budget = createBudget({ usd: 5 });
    const { agent, emulator } = desk([says('simple'), reply('So.')], { budget, limits: { usd: 1 } });
    const { steps } = await agent.run('Hello.');
    expect((await budget.state()).usd).toBe(emulator.bill.usd);
    expect(steps.map(({ agent: name }) => name)).toEqual(['sorter', 'adviser']);
    const none = desk([reply('So.')], { limits: { children: 0 } });
    const { events } = await told(none.agent, 'Hello.');
    expect(warnings(events)).toEqual([expect.stringContaining('could not be asked')]);
    const poor = desk([], { limits: { usd: 0.000_001 } });
    const ended = await poor.agent.run('Hello.');
    expect(ended.outcome).toBe('budget-limit');
    expect(poor.emulator.requests.filter(({ path }) => !path.includes('count'))).toEqual([]);
  });

  it('asks nothing for a preview, and decides with rules before it where they are enough', async () => {
    const { agent, classifier, client, emulator } = desk([says('hard'), reply('So.'), reply('Hi.')]);
    expect((await agent.preview('Why?')).body.model).toBe(OWN);
    const byAgent = routeByAgent(classifier, { routes });
    const route: Route = (request) => (request.text.length < 10 ? QUICK : byAgent(request));
    const ruled = createAgent({ model: OWN, client, route });
    await ruled.run('Why are there so many?');
    await ruled.run('Hello.');
    expect(models(emulator).slice(1)).toEqual(['claude-haiku-4-5', DEEP, QUICK]);
  });

  it('is stopped with the run', async () => {
    const { agent, emulator } = desk([says('hard')]);
    const { result } = await told(agent, 'Why?', true);
    expect(result).toMatchObject({ outcome: 'stopped', reason: 'enough' });
    expect(emulator.requests).toEqual([]);
  });
});

describe('in a session', () => {
  const asking = (steps: readonly ReplySpec[]) => {
    const w = world({ store: memoryStore(), steps });
    const client = clientOf(w.emulator.fetch, { maxRetries: 0 });
    const classifier = createAgent({ name: 'sorter', model: 'claude-haiku-4-5', client });
    const route = routeByAgent(classifier, { routes });
    return { ...w, options: { name: 'adviser', route }, agent: () => w.agent({ name: 'adviser', route }) };
  };

  it('the first run is routed, and later ones stay with its model, also in another process', async () => {
    const w = asking([says('hard'), reply([thinking('Hm.'), text('So.')]), reply('And so.'), reply('Yes.')]);
    for (const input of ['Why?', 'And then?', 'Sure?']) {
      const session = await w.open(w.options);
      await session.run(input);
      if (input === 'Sure?') expectBilled(session, w);
      await session.close();
    }
    expect(models(w.emulator)).toEqual(['claude-haiku-4-5', DEEP, DEEP, DEEP]);
    expect(w.emulator.refusals).toEqual([]);
    const entries = await w.entries();
    expect(types(entries).slice(0, 9)).toEqual([
      'session-start',
      'settings',
      'run-start',
      'input',
      'child-start',
      'child-end',
      'prefix-change',
      'settings',
      'request',
    ]);
    const replayed = await replaySession(entries, w.agent());
    expect(replayed.map((result) => result.text)).toEqual(['So.', 'And so.', 'Yes.']);
  });

  it('wherever the process ends, the classifier is asked once and paid for once', async () => {
    const steps = [says('hard'), reply('So.')];
    const whole = asking(steps);
    const first = await whole.open(whole.options);
    await first.run('Why?');
    await first.close();
    const entries = await whole.entries();
    const [child] = (await whole.store.list()).filter(({ id }) => id !== 'review');
    const ofChild = await entriesIn(whole.store, child?.id ?? '');
    const started = entries.findIndex(({ type }) => type === 'child-start');
    for (let kept = started + 1; kept <= started + 4; kept += 1) {
      const isAnswered = kept > started + 1;
      const w = asking(isAnswered ? steps.slice(1) : steps);
      const fill = async (id: string, some: typeof entries): Promise<void> => {
        const journal = await w.store.open(id);
        await journal.append(some, 0);
        await journal.close();
      };
      await fill('review', entries.slice(0, kept));
      if (isAnswered) await fill(child?.id ?? '', ofChild);
      const session = await w.open(w.options);
      const result = await session.resume();
      expect(result).toMatchObject({ outcome: 'completed', text: 'So.' });
      await session.close();
      expect(models(w.emulator)).toEqual(isAnswered ? [DEEP] : ['claude-haiku-4-5', DEEP]);
      expect(result?.cost.usd).toBe(whole.emulator.bill.usd);
    }
  });

  it('an agent of a script, and a subagent, are routed the same way', async () => {
    const w = asking([says('hard'), reply('So.')]);
    const session = await w.open();
    const by = await orchestrate({ session }, async (team) => {
      await team.run('ask', w.agent(), 'Why?');
      return Object.keys(team.cost.byAgent);
    });
    expect(by.toSorted()).toEqual(['adviser', 'sorter']);
    expect(models(w.emulator)).toEqual(['claude-haiku-4-5', DEEP]);
    await session.close();
  });
});

test('a classifier and its classes are checked when the route is made, and typed', () => {
  const { classifier, client } = desk([]);
  const other = createAgent({
    model: QUICK,
    client,
    output: { type: 'object', properties: {}, additionalProperties: false },
  });
  expect(() => routeByAgent(other as never, { routes })).toThrow(
    /output: of agent "agent" has no place here/,
  );
  expect(() => routeByAgent(classifier, { routes: { one: QUICK } })).toThrow(
    'routes: needs two classes at least',
  );
  expect(() => routeByAgent(classifier, { routes: { a: QUICK, b: { model: '' } } })).toThrow(
    'routes.b.model: expected a model id',
  );
  expect(() => routeByAgent(classifier, { routes: { a: QUICK, b: { model: DEEP, when: '' } } })).toThrow(
    'routes.b.when: must be a text',
  );
  expect(() => routeByAgent(classifier, { routes: null as never })).toThrow('routes: expected an object');
  // @ts-expect-error: no such class
  expect(() => routeByAgent(classifier, { routes, otherwise: 'middling' })).toThrow(
    'otherwise: must be one of the routes (simple, hard), got "middling".',
  );
  expect(() => routeByAgent({} as never, { routes })).toThrow('expected an agent made by createAgent');
  expectTypeOf(routeByAgent(classifier, { routes, otherwise: 'hard' })).toEqualTypeOf<Route>();
});
