import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import {
  apiError,
  createEmulator,
  fault,
  librarian,
  match,
  record,
  replay,
  reply,
  route,
  script,
  startEmulator,
  text,
  toolUse,
  whole,
} from '../src/index.ts';
import type { Responder, Step } from '../src/index.ts';
import { parseScript } from '../src/script-file.ts';
import { scripted } from './api.ts';

const params = {
  model: 'claude-haiku-4-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

/** What is not what its type says. */
const odd = (value: unknown): never => value as never;

describe('what is obvious is taken', () => {
  test('a text is a reply of it: as a step, as a matched one, as the answer of a step or a responder', async () => {
    const { emulator, client } = scripted([
      'one',
      match(() => true, 'two'),
      () => 'three',
      async () => 'four',
    ]);
    const said: unknown[] = [];
    for (let count = 0; count < 4; count++) said.push((await client.messages.create(params)).content);
    expect(said).toEqual(['one', 'two', 'three', 'four'].map((each) => [{ type: 'text', text: each }]));
    emulator.assertDone();
    const plain = new Anthropic({ apiKey: 'k', fetch: createEmulator({ respond: () => 'five' }).fetch });
    expect((await plain.messages.create(params)).content).toEqual([{ type: 'text', text: 'five' }]);
    expect(() => scripted(['left']).emulator.assertDone()).toThrow('step 1 was not used: reply of text');
  });

  test('blocks of the API are those of this package', async () => {
    const { client } = scripted([
      reply([
        'First.',
        { type: 'thinking', thinking: 'plan', signature: 'signed' },
        { type: 'text', text: 'Then.' },
        { type: 'tool_use', id: 'toolu_1', name: 'grep', input: { pattern: 'x' } },
        odd({ type: 'hologram', depth: 3 }),
      ]),
    ]);
    const message = await client.messages.stream(params).finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toEqual([
      { type: 'text', text: 'First.' },
      { type: 'thinking', thinking: 'plan', signature: 'signed' },
      { type: 'text', text: 'Then.' },
      { type: 'tool_use', id: 'toolu_1', name: 'grep', input: { pattern: 'x' } },
      { type: 'hologram', depth: 3 },
    ]);
    const again = scripted([reply(message.content, { stopReason: message.stop_reason })]);
    expect((await again.client.messages.create(params)).content).toEqual(message.content);
  });
});

const expected = "expected reply('...'), apiError(529) or a text";
const message = { type: 'message', role: 'assistant', content: [{ type: 'text', text: 'x' }] };

const noAnswers: readonly (readonly [what: string, answer: unknown, problem: string])[] = [
  ['nothing', undefined, ` is undefined: ${expected}.`],
  [
    'a message',
    message,
    ` is an object of the type "message": ${expected}. A message of the API becomes one with reply(message.content, { stopReason: message.stop_reason }).`,
  ],
  [
    'a block',
    text('x'),
    ` is an object of the kind "text": ${expected}. A block becomes one with reply(block).`,
  ],
  ['blocks', [text('x')], ` is a list: ${expected}. A list of blocks becomes one with reply([...]).`],
  [
    'a reply that was changed',
    { ...reply('x'), content: ['x', 7] },
    `: reply content[1]: expected a block such as text('...') or toolUse('name', { ... }), a block of the API, or a text, got 7.`,
  ],
  [
    'a reply with a misspelt member',
    { ...reply('x'), delay: 5 },
    ': reply options: there is no "delay". Known: ',
  ],
  [
    'an error without a status',
    { ...apiError(529), status: undefined },
    ': error.status: expected a status from 300 to 599, got undefined.',
  ],
];

describe('what is no answer is a 500 that nobody retries and that says what it was', () => {
  test.each(noAnswers)('%s, of a responder', async (_, answer, problem) => {
    const emulator = createEmulator({ respond: (() => answer) as Responder });
    const client = new Anthropic({ apiKey: 'k', fetch: emulator.fetch, maxRetries: 2 });
    const error: unknown = await client.messages.create(params).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      status: 500,
      apiMessage: expect.stringContaining(`pawl emulator: the answer of the responder${problem}`) as string,
    });
    expect(emulator.requests).toHaveLength(1);
  });

  test.each(noAnswers)('%s, of a step, which it names', async (_, answer, problem) => {
    const { emulator, client } = scripted(['first', (() => answer) as Step]);
    await client.messages.create(params);
    const error: unknown = await client.messages
      .create(params, { maxRetries: 2 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      status: 500,
      apiMessage: expect.stringContaining(`pawl emulator: the answer of step 2${problem}`) as string,
    });
    expect(emulator.requests).toHaveLength(2);
    expect(() => emulator.assertDone()).toThrow(`- unexpected: the answer of step 2${problem}`);
  });

  test.each(noAnswers.filter(([, answer]) => answer !== undefined))(
    '%s, as a step, is refused before anything is asked',
    (_, answer, problem) => {
      expect(() => script(['first', odd(answer)])).toThrow(`script: step 2${problem}`);
      expect(() => script([match(() => true, odd(answer))])).toThrow(`script: step 1${problem}`);
    },
  );

  test('what cannot be sent, whatever it is', async () => {
    const { emulator, client } = scripted([reply(whole({ type: 'hologram', depth: 1n }))]);
    await expect(client.messages.create(params, { maxRetries: 2 })).rejects.toMatchObject({
      status: 500,
      apiMessage:
        'pawl emulator: the answer to request #1 cannot be sent: Do not know how to serialize a BigInt',
    });
    expect(emulator.requests).toMatchObject([{ status: 500, ended: 'complete' }]);
  });

  test('what is thrown by a responder', async () => {
    const respond: Responder = () => {
      throw new Error('oops');
    };
    const client = new Anthropic({ apiKey: 'k', fetch: createEmulator({ respond }).fetch });
    await expect(client.messages.create(params)).rejects.toMatchObject({
      apiMessage: 'pawl emulator: the responder threw: oops',
    });
  });
});

const block =
  "expected a block such as text('...') or toolUse('name', { ... }), a block of the API, or a text";
const options =
  'stopReason, stopSequence, stopDetails, usage, model, container, delayMs, chunk, fault, fields, headers';
const responder = 'expected a responder such as script([...])';

describe('refused where it is written', () => {
  test.each<[string, () => unknown, string]>([
    [
      'a misspelt option',
      () => reply('x', odd({ stopreason: 'end_turn' })),
      `reply options: there is no "stopreason". Known: ${options}.`,
    ],
    [
      'options that are none',
      () => reply('x', odd('end_turn')),
      'reply options: expected an object of options, got "end_turn".',
    ],
    [
      'the name of a fault',
      () => reply('x', { fault: odd('stall') }),
      'reply options.fault: expected a fault such as fault.stall(), got "stall".',
    ],
    [
      'a fault that was not made',
      () => reply('x', { fault: odd(fault.stall) }),
      'reply options.fault: expected a fault such as fault.stall(), got a function.',
    ],
    [
      'a misspelt place',
      () => reply('x', { fault: fault.stall(odd({ afterEvent: 1 })) }),
      'reply options.fault: there is no "afterEvent". Known: id, afterEvents, ',
    ],
    [
      'a misspelt chunk',
      () => reply('x', { chunk: odd({ sizes: 1 }) }),
      'reply options.chunk: there is no "sizes". Known: size, ',
    ],
    [
      'a split nobody knows',
      () => reply('x', { chunk: { split: odd('utf16') } }),
      'reply options.chunk.split: expected one of "utf8", "json", "eol", got "utf16".',
    ],
    [
      'a delay that is none',
      () => reply('x', { delayMs: -1 }),
      'reply options.delayMs: expected a number of 0 or above, got -1.',
    ],
    [
      'a header that is none',
      () => reply('x', { headers: { 'no name': 'x' } }),
      'reply options.headers: expected an object of header names and texts, got an object.',
    ],
    ['no content', () => reply(odd(undefined)), `reply content: ${block}, got undefined.`],
    [
      'a reply in a reply',
      () => reply(odd([reply('x')])),
      `reply content[0]: ${block}, got an object of the kind "reply".`,
    ],
    ['a text that is none', () => reply(text(odd(5))), 'reply content.text: expected a text, got 5.'],
    [
      'a call without a name',
      () => reply([toolUse(odd(undefined))]),
      'reply content[0].name: expected a text, got undefined.',
    ],
    [
      'a block without its text',
      () => reply(odd({ kind: 'text' })),
      'reply content.text: expected a text, got undefined.',
    ],
    [
      'a block of the API without its text',
      () => reply(odd({ type: 'text' })),
      'reply content.text: expected a text, got undefined.',
    ],
    [
      'a fault without an id',
      () => reply('x', { fault: odd({ ms: 5 }) }),
      'reply options.fault.id: expected one of "connection-refused", ',
    ],
    [
      'a block of the API with a misspelt member',
      () => reply(odd({ type: 'text', txt: 'x' })),
      'reply content: there is no "txt". Known: type, text, citations.',
    ],
    [
      'an error of no status',
      () => apiError(odd('529')),
      'apiError status: expected a status from 300 to 599, got "529".',
    ],
    [
      'an error with a misspelt option',
      () => apiError(529, odd({ retry: 1 })),
      'apiError options: there is no "retry". Known: type, message, ',
    ],
    [
      'a script of one step',
      () => script(odd(reply('x'))),
      'script: expected a list, got an object of the kind "reply".',
    ],
    [
      'a match without a condition',
      () => match(odd(reply('x')), 'y'),
      'match: when: expected a function, got an object of the kind "reply".',
    ],
    [
      'a route to a reply',
      () => route([[() => true, odd(reply('x'))]]),
      `route[0][1]: ${responder}, got an object of the kind "reply".`,
    ],
    [
      'steps for a responder',
      () => createEmulator({ respond: odd(['x']) }),
      `createEmulator options.respond: ${responder}, got a list.`,
    ],
    [
      'a misspelt option of an emulator',
      () => createEmulator(odd({ script: [] })),
      'createEmulator options: there is no "script". Known: respond, models, ',
    ],
    [
      'a misspelt limit',
      () => createEmulator({ rateLimits: odd({ rpm: 5 }) }),
      'createEmulator options.rateLimits: there is no "rpm". Known: requestsPerMinute, ',
    ],
    [
      'a record of a number',
      () => createEmulator({ record: odd(5) }),
      'createEmulator options.record: expected true or false, got 5.',
    ],
    [
      'a model without an id',
      () => createEmulator({ models: [odd('claude-next')] }),
      'createEmulator options.models[0]: expected a model with an id, such as { ...catalogue[0], id: "..." }, got "claude-next".',
    ],
    [
      'a misspelt option of the librarian',
      () => librarian(odd({ delay: 1 })),
      'librarian options: there is no "delay". Known: delayMs, reads, terms.',
    ],
    [
      'a recording without a file',
      () => record(odd({})),
      'record options.file: expected a text, got undefined.',
    ],
    [
      'an order nobody knows',
      () => replay({ file: 'x', order: odd('random') }),
      'replay options.order: expected one of "strict", "any", got "random".',
    ],
    [
      'a step in JSON that is none',
      () => parseScript('["x", { "replies": [] }]'),
      'The script is invalid: step 2: expected a text, { "reply": ... } or { "error": 529 }, got an object.',
    ],
    ['JSON that is none', () => parseScript('[x'), 'The script is invalid: Unexpected token'],
  ])('%s', (_, make, problem) => {
    expect(make).toThrow(problem);
  });

  test('a misspelt option of a server', async () => {
    await expect(startEmulator(odd({ ports: 1 }))).rejects.toThrow(
      'startEmulator options: there is no "ports". Known: respond, models, ',
    );
  });
});
