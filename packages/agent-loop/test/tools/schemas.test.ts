import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { createAgent, defineTool, RunError, type Tool } from '../../src/index.ts';
import { answered, answerOf, failed, turnOf } from '../support/agent-under-test.ts';
import { stage } from '../loop/stage.ts';

/** A tool that answers with the input it was given. */
const mirror = (input: unknown, more: object = {}): Tool =>
  defineTool({
    name: 'mirror',
    description: 'Gives back what it gets.',
    input: input as z.ZodObject,
    run: (given) => JSON.stringify(given),
    ...more,
  });

/** The tool as the API is told of it. */
async function sent(input: unknown): Promise<unknown> {
  const { emulator } = await turnOf([mirror(input)], []);
  return emulator.requests[0]?.body?.tools;
}
const told = (input_schema: object) => [
  { name: 'mirror', description: 'Gives back what it gets.', input_schema },
];

const text = { type: 'string' };

/** Known by an id to the registry of zod, and so written as a definition. */
const named = z.object({
  name: z.string(),
  get children(): z.ZodArray<typeof named> {
    return z.array(named);
  },
});
z.globalRegistry.add(named, { id: 'Tree' });

const tree = z.object({
  name: z.string(),
  get children(): z.ZodArray<typeof tree> {
    return z.array(tree);
  },
});

describe('zod 4', () => {
  test('reaches the API in its input view: a default makes a field optional, a transform shows what goes in', async () => {
    const input = z.object({
      city: z.string().describe('Name of the city'),
      unit: z.enum(['c', 'f']).default('c'),
      days: z.string().transform(Number),
      at: z.codec(z.iso.date(), z.date(), {
        decode: (day) => new Date(day),
        encode: (day) => day.toISOString(),
      }),
    });
    expect(await sent(input)).toEqual(
      told({
        type: 'object',
        properties: {
          city: { type: 'string', description: 'Name of the city' },
          unit: { type: 'string', enum: ['c', 'f'], default: 'c' },
          days: text,
          at: expect.objectContaining({ type: 'string', format: 'date' }) as unknown,
        },
        required: ['city', 'days', 'at'],
      }),
    );
    expect(await answerOf(mirror(input), { city: 'Oslo', days: '3', at: '2026-11-20' })).toEqual(
      answered('call_1', '{"city":"Oslo","unit":"c","days":3,"at":"2026-11-20T00:00:00.000Z"}'),
    );
  });

  test.each([
    [
      'a record',
      z.record(z.string(), z.number()),
      { type: 'object', propertyNames: text, additionalProperties: { type: 'number' } },
    ],
    ['no fields', z.object({}), { type: 'object', properties: {} }],
    [
      'strictness',
      z.strictObject({ a: z.string() }),
      { type: 'object', properties: { a: text }, required: ['a'], additionalProperties: false },
    ],
    [
      'an intersection',
      z.object({ a: z.string() }).and(z.object({ b: z.string() })),
      { type: 'object', properties: { a: text, b: text }, required: ['a', 'b'] },
    ],
    [
      'an id of its own',
      z.object({ a: z.string() }).meta({ id: 'Place' }),
      { type: 'object', properties: { a: text }, required: ['a'] },
    ],
    [
      'recursion and an id of its own',
      named,
      {
        type: 'object',
        properties: { name: text, children: { type: 'array', items: { $ref: '#/$defs/Tree' } } },
        required: ['name', 'children'],
        $defs: {
          Tree: {
            type: 'object',
            properties: { name: text, children: { type: 'array', items: { $ref: '#/$defs/Tree' } } },
            required: ['name', 'children'],
          },
        },
      },
    ],
    [
      'recursion',
      tree,
      {
        type: 'object',
        properties: { name: text, children: { type: 'array', items: { $ref: '#' } } },
        required: ['name', 'children'],
      },
    ],
  ])('an object with %s', async (_, input, schema) => {
    expect(await sent(input)).toEqual(told(schema));
  });
});

describe('zod 3', () => {
  const input = z3.object({
    city: z3.string(),
    unit: z3.enum(['c', 'f']).default('c'),
    days: z3.string().transform(Number),
  });

  test('is converted by its own converter, in the input view', async () => {
    expect(await sent(input)).toEqual(
      told({
        type: 'object',
        properties: { city: text, unit: { type: 'string', enum: ['c', 'f'], default: 'c' }, days: text },
        required: ['city', 'days'],
        additionalProperties: false,
      }),
    );
    expect(await answerOf(mirror(input), { city: 'Oslo', days: '3' })).toEqual(
      answered('call_1', '{"city":"Oslo","unit":"c","days":3}'),
    );
  });

  test.each([
    ['an effect', input.refine(() => true)],
    ['a preprocess', z3.preprocess((value) => value, input)],
    ['a brand', input.brand('City')],
    ['a pipeline', input.pipe(z3.any())],
    ['a catch and readonly', input.catch({ city: '', unit: 'c', days: 1 }).readonly()],
    ['a lazy schema', z3.lazy(() => input)],
  ])('the object inside %s is found', async (_, wrapped) => {
    expect(await sent(wrapped)).toMatchObject(told({ type: 'object', required: ['city', 'days'] }));
  });

  test('what is wrong with the input is told by path [results/invalid-input]', async () => {
    const nested = z3.object({ place: z3.object({ city: z3.string() }), days: z3.array(z3.number()) });
    expect(await answerOf(mirror(nested), { place: {}, days: [1, 'two'] })).toEqual(
      failed(
        'call_1',
        "The input does not fit the tool's schema. Nothing was run. Problems:\nplace.city: Required\ndays.1: Expected number, received string",
      ),
    );
  });

  test('without a Standard Schema interface is refused', () => {
    const old = { _def: { typeName: 'ZodObject' }, _output: {}, _input: {} };
    expect(() => mirror(old)).toThrow(
      'tool mirror: input: this zod 3 schema has no Standard Schema interface. Use zod 3.24 or later.',
    );
  });
});

/** A schema of nobody's library: an object whose `n` is an even number, which comes out halved. */
function evenNumber(validate: 'now' | 'later') {
  const check = (value: unknown) => {
    const { n } = value as { n: unknown };
    return typeof n === 'number' && n % 2 === 0
      ? { value: { half: n / 2 } }
      : { issues: [{ message: 'must be even', path: [{ key: 'n' }] }, { message: 'try 2' }] };
  };
  return {
    '~standard': {
      version: 1,
      vendor: 'by-hand',
      validate: (value: unknown) => (validate === 'now' ? check(value) : Promise.resolve(check(value))),
      jsonSchema: {
        input: ({ target }: { target: string }) => ({
          $schema: target,
          type: 'object',
          properties: { n: { type: 'number' } },
        }),
      },
    },
  } as const;
}

describe('Standard Schema', () => {
  test.each(['now', 'later'] as const)('a hand-written schema that checks %s', async (when) => {
    const input = evenNumber(when);
    expect(await sent(input)).toEqual(told({ type: 'object', properties: { n: { type: 'number' } } }));
    expect(await answerOf(mirror(input), { n: 6 })).toEqual(answered('call_1', '{"half":3}'));
    expect(await answerOf(mirror(input), { n: 7 })).toEqual(
      failed(
        'call_1',
        "The input does not fit the tool's schema. Nothing was run. Problems:\nn: must be even\ntry 2",
      ),
    );
  });

  test('a schema of a library that shows no more of itself than the standard', async () => {
    const { '~standard': standard } = z.object({ n: z.number(), unit: z.string().default('c') });
    const input = { '~standard': standard };
    expect(await sent(input)).toEqual(
      told({
        type: 'object',
        properties: { n: { type: 'number' }, unit: { type: 'string', default: 'c' } },
        required: ['n'],
      }),
    );
    expect(await answerOf(mirror(input), { n: 2 })).toEqual(answered('call_1', '{"n":2,"unit":"c"}'));
  });

  test('a schema may be a function, as those of ArkType are', async () => {
    const callable = Object.assign(() => {}, evenNumber('now'));
    expect(await answerOf(mirror(callable), { n: 2 })).toEqual(answered('call_1', '{"half":1}'));
  });

  test('a check that throws is an error result', async () => {
    const input = evenNumber('now');
    const broken = {
      '~standard': {
        ...input['~standard'],
        validate() {
          throw new Error('out of order');
        },
      },
    };
    expect(await answerOf(mirror(broken), { n: 2 })).toEqual(
      failed('call_1', 'The input could not be checked. Nothing was run: out of order'),
    );
  });
});

describe('JSON Schema', () => {
  const input = {
    type: 'object',
    properties: {
      city: { type: 'string', minLength: 2 },
      unit: { enum: ['c', 'f'], default: 'c' },
      days: { type: 'array', items: { type: 'integer', minimum: 1 }, maxItems: 2 },
      place: {
        type: 'object',
        properties: { zip: { type: ['string', 'null'] } },
        required: ['zip'],
        additionalProperties: false,
      },
    },
    required: ['city'],
  };

  test('reaches the API as it is; defaults are filled in and unknown fields stay', async () => {
    expect(await sent(input)).toEqual(told(input));
    expect(
      await answerOf(mirror(input), { city: 'Oslo', days: [1], place: { zip: null }, other: true }),
    ).toEqual(answered('call_1', '{"city":"Oslo","unit":"c","days":[1],"place":{"zip":null},"other":true}'));
  });

  test('input is validated, every problem with its path [results/invalid-input]', async () => {
    const wrong = { city: 'O', unit: 'k', days: [0, 1.5], place: { zip: 1, extra: 1 } };
    const { content } = (await answerOf(mirror(input), wrong)) as { content: string };
    expect(content.split('\n')).toEqual([
      "The input does not fit the tool's schema. Nothing was run. Problems:",
      'city: Too small: expected string to have >=2 characters',
      'unit: Invalid option: expected one of "c"|"f"',
      'days.0: Too small: expected number to be >=1',
      'days.1: Invalid input: expected int, received number',
      'place.zip: Invalid input',
      'place: Unrecognized key: "extra"',
    ]);
  });

  test.each([
    [
      'a reference',
      { n: { $ref: '#/$defs/n' } },
      { $defs: { n: { type: 'integer' } } },
      { n: 1 },
      { n: 'x' },
    ],
    ['a constant', { k: { const: 'a' } }, {}, { k: 'a' }, { k: 'b' }],
    ['a pattern', { k: { type: 'string', pattern: '^a' } }, {}, { k: 'ab' }, { k: 'ba' }],
    ['a format', { k: { type: 'string', format: 'date' } }, {}, { k: '2026-11-20' }, { k: 'soon' }],
    [
      'the length of a list of anything',
      { k: { type: 'array', items: {}, minItems: 2 } },
      {},
      { k: [1, 'a'] },
      { k: [1] },
    ],
    [
      'a constraint on what is referred to',
      { k: { allOf: [{ $ref: '#/$defs/text' }, { type: 'string', maxLength: 2 }] } },
      { $defs: { text: { type: 'string', minLength: 1 } } },
      { k: 'ab' },
      { k: 'abc' },
    ],
    [
      'a constraint on alternatives of a type',
      { k: { type: 'number', anyOf: [{ type: 'integer' }, { type: 'number', maximum: 0 }], minimum: -1 } },
      {},
      { k: -0.5 },
      { k: -2 },
    ],
    [
      'alternatives in two dimensions',
      {
        k: {
          type: 'string',
          anyOf: [{ const: 'a' }, { const: 'b' }],
          oneOf: [{ const: 'a' }, { const: 'c' }],
        },
      },
      {},
      { k: 'a' },
      { k: 'b' },
    ],
    ['a type beside the values it lists', { k: { type: 'string', enum: ['a'] } }, {}, { k: 'a' }, { k: 'b' }],
    ['alternatives', { k: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, {}, { k: null }, { k: 1 }],
    [
      'unique items',
      { k: { type: 'array', items: { type: 'number' }, uniqueItems: true } },
      {},
      { k: [1, 2] },
      { k: [1, 1] },
    ],
  ])('%s is checked', async (_, properties, more, right, wrong) => {
    const tool = () => mirror({ type: 'object', properties, ...more });
    expect(await answerOf(tool(), right)).toEqual(answered('call_1', JSON.stringify(right)));
    expect(await answerOf(tool(), wrong)).toMatchObject({ is_error: true });
  });
});

describe('every schema', () => {
  test('tells at most ten problems', async () => {
    const input = z.object(
      Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`f${index}`, z.string()])),
    );
    const { content } = (await answerOf(mirror(input), {})) as { content: string };
    const lines = content.split('\n');
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe('... and 2 more');
  });

  test('further fields of the tool pass through as they are', async () => {
    const more = { strict: true, input_examples: [{ a: 'x' }], cache_control: { type: 'ephemeral' } };
    const input = { type: 'object', properties: { a: text }, required: ['a'], additionalProperties: false };
    const { emulator } = await turnOf([mirror(input, { request: more })], []);
    expect(emulator.requests[0]?.body?.tools).toEqual([{ ...more, ...told(input)[0] }]);
  });

  test('one that proves unusable only when its converter is there fails the run as config, before anything is sent', async () => {
    const nothing = z3.object({}).transform(() => ({}));
    Object.defineProperty(nothing._def, 'schema', { value: z3.object({}), writable: true });
    const tool = mirror(nothing);
    Object.assign(nothing._def, { schema: z3.any() });
    const { agent, emulator } = stage({ tools: [tool] });
    const error: unknown = await agent.run('Go.').catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && [error.code, error.message]).toEqual([
      'config',
      'tool mirror: input: became an empty JSON Schema. Describe an object, such as z.object({ city: z.string() }).',
    ]);
    expect(emulator.requests).toEqual([]);
  });

  test('nothing is converted for zod 3, and no client made, before the first run', () => {
    expect(() => createAgent({ model: 'claude-sonnet-5-5', tools: [mirror(z3.object({}))] })).not.toThrow();
  });
});
