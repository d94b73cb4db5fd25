import { reply } from '@pawl/emulator';
import { afterAll, describe, expect, test } from 'vitest';
import {
  ConfigError,
  costReport,
  createAgent,
  drain,
  loadSession,
  openSession,
  orchestrate,
  type Team,
} from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { stage } from '../loop/stage.ts';

/** The message of the ConfigError that a call throws or rejects with. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'nothing was refused';
}

const { agent, emulator } = stage({});
const store = memoryStore();
const controller = new AbortController();
const session = await openSession({ agent, store, id: 'open' });
afterAll(() => session.close());

/** What is not what its type says. */
const odd = (value: unknown): never => value as never;
const create = (change: object) => () => createAgent({ model: 'claude-sonnet-5-5', ...change });
const inScriptWith = (options: object) => () => orchestrate(options, () => 1);
const inScript = (script: (team: Team) => Promise<unknown>) => () => orchestrate({}, script);

type Refusals = readonly (readonly [given: string, call: () => unknown, message: string])[];

const unknownRun =
  'run options: there is no option "message". Did you mean messages? Known: signal, messages, model.';
const unknownInSession = 'run options: there is no option "messages". Known: signal.';
const noStore = "store: expected a store, such as fileStore('.pawl/sessions'), got ";
const anAbortController = 'signal: expected an AbortSignal, got an AbortController. Pass controller.signal.';
const noSignal =
  'signal: expected an AbortSignal, such as controller.signal or AbortSignal.timeout(ms), got ';

const unknown: Refusals = [
  ['agent.run', () => agent.run('Go.', odd({ message: [] })), unknownRun],
  ['agent.stream', () => agent.stream('Go.', odd({ message: [] })), unknownRun],
  ['agent.preview', () => agent.preview('Go.', odd({ message: [] })), unknownRun],
  ['session.run', () => session.run('Go.', odd({ messages: [] })), unknownInSession],
  ['session.stream', () => session.stream('Go.', odd({ messages: [] })), unknownInSession],
  ['session.resume', () => session.resume(odd({ messages: [] })), unknownInSession],
  ['session.resumeStream', () => session.resumeStream(odd({ messages: [] })), unknownInSession],
  [
    'session.fork',
    () => session.fork(odd({ id: 'copy', before: 1 })),
    'fork: there is no option "before". Known: id, at.',
  ],
  [
    'openSession',
    () => openSession(odd({ agent, store, id: 'a', fork: 'b' })),
    'openSession: there is no option "fork". Known: agent, store, id, onPrefixChange, forkId.',
  ],
  [
    'loadSession',
    () => loadSession(odd({ agent, store, id: 'a', path: 'b' })),
    'loadSession: there is no option "path". Known: agent, store, id, onPrefixChange, forkId, file, entries.',
  ],
  [
    'drain',
    () => drain(odd({ deadline: 1 })),
    'drain: there is no option "deadline". Did you mean deadlineMs? Known: deadlineMs.',
  ],
  [
    'team.map',
    inScript((team) => team.map('all', [1], () => 1, odd({ limit: 1 }))),
    'map: there is no option "limit". Known: concurrency.',
  ],
  [
    'team.step',
    inScript((team) => team.step('one', () => 1, odd({ inputs: 1 }))),
    'step: there is no option "inputs". Did you mean input? Known: input.',
  ],
];

const ofCalls: Refusals = [
  ['null', () => agent.run('Go.', odd(null)), 'run options: expected an object of options, got null.'],
  [
    'a bare signal',
    () => agent.run('Go.', odd(controller.signal)),
    'run options: expected an object of options, got a signal. Pass { signal }.',
  ],
  ['a controller', () => agent.run('Go.', { signal: odd(controller) }), anAbortController],
  ['a controller to stream', () => agent.stream('Go.', { signal: odd(controller) }), anAbortController],
  ['a controller to preview', () => agent.preview('Go.', { signal: odd(controller) }), anAbortController],
  ['a controller to a session', () => session.run('Go.', { signal: odd(controller) }), anAbortController],
  ['a controller to a script', () => orchestrate({ signal: odd(controller) }, () => 1), anAbortController],
  ['a signal that is a text', () => agent.run('Go.', { signal: odd('now') }), `${noSignal}"now".`],
  ['a signal that is null', () => session.resume({ signal: odd(null) }), `${noSignal}null.`],
  [
    'messages that are a text',
    () => agent.run('Go.', { messages: odd('Hi.') }),
    'messages: must be a list, got "Hi.".',
  ],
  [
    'messages that are one',
    () => agent.preview('Go.', { messages: odd({ role: 'user', content: 'Hi.' }) }),
    'messages: must be a list, got an object.',
  ],
  [
    'messages that are texts',
    () => agent.run('Go.', { messages: odd(['Hi.']) }),
    'messages[0]: is no message. Hand on the messages of a result; got "Hi.".',
  ],
  [
    'a block that is none',
    () => agent.run([{ type: 'text', text: 'Go.' }, odd({ text: 'Hi.' })]),
    "input[1]: is no content block. Expected one such as { type: 'text', text: '...' }, got an object.",
  ],
  ...[odd(null), odd(undefined), odd(7), odd({ role: 'user' })].flatMap((input): Refusals => {
    const got = typeof input === 'object' && input !== null ? 'an object' : String(input);
    const message = `input: expected a text or content blocks, got ${got}.`;
    return [
      [`an input to run that is ${got}`, () => agent.run(input), message],
      [`an input to stream that is ${got}`, () => agent.stream(input), message],
      [`an input to preview that is ${got}`, () => agent.preview(input), message],
      [`an input to a session that is ${got}`, () => session.run(input), message],
      [`an input to a session's stream that is ${got}`, () => session.stream(input), message],
    ];
  }),
  ['no model to preview', () => agent.preview('Go.', { model: '' }), 'model: expected a model id, got "".'],
  [
    'a step that is no function',
    inScript((team) => team.step('one', odd(Promise.resolve(1)))),
    'work: expected a function that does the work, got an object.',
  ],
  [
    'work of map that is no function',
    inScript((team) => team.map('all', [1], odd('work'))),
    'work: expected a function that does the work, got "work".',
  ],
  [
    'a bill of nothing',
    () => costReport(odd({})),
    'costReport: expected a result, a RunError or a session, which have steps, got an object. A promise has to be awaited first.',
  ],
  ...[create, (change: object) => inScriptWith(change)].flatMap((make, index): Refusals => {
    const [given, whose] = [(seams: unknown) => make({ seams }), index === 0 ? 'an agent' : 'a script'];
    return [
      [`seams of ${whose} that are none`, given(7), 'seams: expected an object of options, got 7.'],
      [
        `an unknown seam of ${whose}`,
        given({ clock: () => 0 }),
        'seams: there is no option "clock". Known: now, monotonic, random, id, timer.',
      ],
      [`a seam of ${whose} that is no function`, given({ now: 5 }), 'seams.now: must be a function, got 5.'],
    ];
  }),
  [
    'a deadline before now',
    () => drain({ deadlineMs: -1 }),
    'deadlineMs: must be a number of 0 or above, got -1.',
  ],
];

const ofSessions: Refusals = [
  [
    'no options',
    () => openSession(odd(undefined)),
    'openSession: expected an object of options, got undefined.',
  ],
  ['no store', () => openSession(odd({ agent, id: 'a' })), `${noStore}undefined.`],
  ['no store to load into', () => loadSession(odd({ agent, id: 'a', entries: [] })), `${noStore}undefined.`],
  ['a folder as store', () => openSession(odd({ agent, id: 'a', store: 'dir' })), `${noStore}"dir".`],
  [
    'half a store',
    () => openSession(odd({ agent, id: 'a', store: { open() {} } })),
    `${noStore}one without list, delete.`,
  ],
  ...[undefined, {}, { append() {}, read() {} }].map((journal, index): Refusals[number] => {
    const odds = { open: async () => journal, list() {}, delete() {} };
    const got = ['undefined', 'one without append, read, close', 'one without close'][index];
    return [
      `a store whose journals are ${got}`,
      () => openSession(odd({ agent, id: 'a', store: odds })),
      `store: expected one whose open() gives a journal, got ${got}.`,
    ];
  }),
  ['no id', () => openSession(odd({ agent, store })), 'id: must be a text that is not empty, got undefined.'],
  [
    'an id that is a number',
    () => loadSession(odd({ agent, store, id: 7, entries: [] })),
    'id: must be a text that is not empty, got 7.',
  ],
  [
    'a fork without an id',
    () => session.fork(odd({})),
    'id: must be a text that is not empty, got undefined.',
  ],
  [
    'another way to take a changed prefix',
    () => openSession({ agent, store, id: 'a', onPrefixChange: odd('ignore') }),
    "onPrefixChange: must be 'refuse', 'drop-thinking' or 'fork', got \"ignore\".",
  ],
];

const blocks = "a text, or a list of blocks such as { type: 'text', text: '...' }";
const pino = "logger: expected a pino logger, or options for one such as { level: 'info' }, got";
const client = 'client: expected a client of the SDK, such as new Anthropic(), got';

const ofAgents: Refusals = [
  [
    'one system block',
    create({ system: { type: 'text', text: 'x' } }),
    `system: expected ${blocks}, got an object.`,
  ],
  ['a system of texts', create({ system: ['x'] }), `system[0]: is no block. Expected ${blocks}, got "x".`],
  [
    'a system block without text',
    create({ system: [{ type: 'text', text: 'x' }, { type: 'text' }] }),
    `system[1]: is no block. Expected ${blocks}, got an object.`,
  ],
  ['hooks of null', create({ hooks: null }), 'hooks: expected an object of options, got null.'],
  ['true as logger', create({ logger: true }), `${pino} true. Leave it out to log nothing.`],
  ['the console as logger', create({ logger: console }), `${pino} a logger without child, isLevelEnabled.`],
  ['no client', create({ client: null }), `${client} null. Leave it out for the default one.`],
  [
    'a client of something else',
    create({ client: { chat: {} } }),
    `${client} an object without messages.create. Leave it out for the default one.`,
  ],
  ...[3, null, 'usd', []].map(
    (limits) =>
      [
        `limits of ${JSON.stringify(limits)}`,
        create({ limits }),
        `limits: expected an object of options, got ${Array.isArray(limits) ? 'a list' : JSON.stringify(limits)}.`,
      ] as const,
  ),
  [
    'script limits of null',
    () => orchestrate({ limits: odd(null) }, () => 1),
    'limits: expected an object of options, got null.',
  ],
  [
    'a depth below 0',
    create({ limits: { depth: -1 } }),
    'limits.depth: must be a whole number of 0 or above, got -1.',
  ],
  [
    'a wait below 0',
    create({ limits: { retryAfterMs: -1 } }),
    'limits.retryAfterMs: must be a number of 0 or above, got -1.',
  ],
];

describe.each([
  ['an option it does not know', unknown],
  ['what is no option of a call', ofCalls],
  ['what opens no session', ofSessions],
  ['what makes no agent', ofAgents],
])('refused before anything is sent or kept: %s', (_, refusals) => {
  test.each(refusals)('%s', async (_given, call, message) => {
    expect(await refusal(call)).toBe(message);
    expect(emulator.requests).toEqual([]);
    expect((await store.list()).map(({ id }) => id)).toEqual(['open']);
  });
});

test('run, preview, session.run and session.resume reject; stream throws at once', async () => {
  const options = odd({ messsages: [] });
  const calls = [
    agent.run('Go.', options),
    agent.preview('Go.', options),
    session.run('Go.', options),
    session.resume(options),
  ];
  for (const call of calls) await expect(call).rejects.toThrow(ConfigError);
  for (const from of [agent, session]) expect(() => from.stream('Go.', options)).toThrow(ConfigError);
});

test('what may be 0 may be 0, and a signal of another realm is one', async () => {
  const limits = { turnRetries: 0, pauses: 0, outputRetries: 0, retryAfterMs: 0, depth: 0, children: 0 };
  expect(createAgent({ model: 'claude-sonnet-5-5', limits }).limits).toMatchObject(limits);
  const foreign = Object.create(
    null,
    Object.getOwnPropertyDescriptors({ aborted: false, addEventListener() {}, removeEventListener() {} }),
  );
  expect(await orchestrate({ signal: foreign as AbortSignal }, () => 1)).toBe(1);
});

test('a seam that is left undefined is the usual one', async () => {
  const set = stage({ steps: [reply('Hi.')], seams: { random: () => 0, now: odd(undefined) } });
  expect((await set.agent.run('Go.')).text).toBe('Hi.');
});
