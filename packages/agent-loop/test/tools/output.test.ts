import { reply, text, thinking } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { ConfigError, createAgent, defineTool, RunError } from '../../src/index.ts';
import { answered, assistant, called, calling, said, user } from '../support/agent-under-test.ts';
import {
  clientOf,
  conversations,
  endOf,
  expectSound,
  play,
  stage,
  type StageOptions,
  story,
} from '../loop/stage.ts';

const forecast = z.object({
  city: z.string().min(2),
  celsius: z.number(),
  sky: z.enum(['clear', 'grey']).default('clear'),
  day: z.string().optional(),
});
const right = '{"city":"Oslo","celsius":-3}';
const wrong = '{"city":"O","celsius":"cold"}';
const problems =
  'city: Too small: expected string to have >=2 characters\ncelsius: Invalid input: expected number, received string';
const correction = (what: string) =>
  `Your reply does not fit the required output format:\n${what}\nReply again with the corrected output only.`;

async function run(options: StageOptions) {
  const set = stage({ output: forecast as never, ...options });
  const played = await play(set.agent, 'Weather in Oslo?');
  expectSound(set);
  return { ...set, ...played };
}

describe('an output schema', () => {
  test('goes to the API as its output format, and the checked value is the result', async () => {
    const { result, emulator } = await run({ steps: [reply(right)], effort: 'low' });
    expect(result).toMatchObject({
      outcome: 'completed',
      text: right,
      output: { city: 'Oslo', celsius: -3, sky: 'clear' },
    });
    expect(emulator.requests[0]?.body).toEqual({
      model: 'claude-sonnet-5-5',
      max_tokens: 32_000,
      output_config: {
        effort: 'low',
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: {
              city: { type: 'string', description: '{minLength: 2}' },
              celsius: { type: 'number' },
              sky: { enum: ['clear', 'grey'], description: '{default: "clear"}' },
              day: { type: 'string' },
            },
            additionalProperties: false,
            required: ['city', 'celsius'],
          },
        },
      },
      stream: true,
      messages: [user('Weather in Oslo?')],
    });
  });

  test.each<[string, unknown, unknown]>([
    [
      'zod 3',
      z3.object({ city: z3.string(), celsius: z3.number().transform((value) => `${value}°`) }),
      { city: 'Oslo', celsius: '-3°' },
    ],
    [
      'JSON Schema',
      {
        type: 'object',
        properties: { city: { type: 'string' }, celsius: { type: 'number' } },
        required: ['city'],
      },
      { city: 'Oslo', celsius: -3 },
    ],
  ])('may be of %s', async (_, output, value) => {
    const { result } = await run({ output: output as never, steps: [reply(right)] });
    expect(result?.output).toEqual(value);
  });

  test('is looked at only when the model is done: tools run before, thinking is no part of it', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      effect: 'read',
      run: () => '-3',
    });
    const { result, messages } = await run({
      tools: [look],
      steps: [
        reply([text('Let me look.'), ...calling(['look'])]),
        reply([thinking('cold', { shown: true }), text(right)]),
      ],
    });
    expect(result?.output).toEqual({ city: 'Oslo', celsius: -3, sky: 'clear' });
    expect(messages.slice(0, 3)).toEqual([
      user('Weather in Oslo?'),
      assistant(said('Let me look.'), called('look', {}, 'call_1')),
      user([answered('call_1', '-3')]),
    ]);
  });
});

describe('an output that does not fit', () => {
  test('is corrected by the model, told every problem; the history only grows', async () => {
    const { result, events, emulator } = await run({
      steps: [reply(wrong), reply('It is cold.'), reply(right)],
    });
    expect(result).toMatchObject({ outcome: 'completed', turns: 3, output: { city: 'Oslo', celsius: -3 } });
    expect(conversations(emulator)[2]).toEqual([
      user('Weather in Oslo?'),
      assistant(said(wrong)),
      user(correction(problems)),
      assistant(said('It is cold.')),
      user(correction('The text is not JSON: Unexpected token \'I\', "It is cold." is not valid JSON')),
    ]);
    expect(story(events).filter((line) => !line.startsWith('text'))).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'reply: end_turn',
      'input of the output-check',
      'request 2.1',
      'reply: end_turn',
      'input of the output-check',
      'request 3.1',
      'reply: end_turn',
      'run-end: completed',
    ]);
  });

  test('fails the run as output-invalid after limits.outputRetries corrections, with everything known', async () => {
    const played = await run({ limits: { outputRetries: 1 }, steps: [reply(wrong), reply(wrong)] });
    expect(endOf(played)).toBe('output-invalid');
    expect(played.error?.message).toBe(
      `The model's output does not fit the agent's output schema: ${problems}`,
    );
    expect(played.error).toMatchObject({ text: wrong, turns: 2, steps: [{ turn: 1 }, { turn: 2 }] });
    expect(played.error?.usage?.output_tokens).toBeGreaterThan(0);
    expect(played.messages.at(-1)).toEqual(assistant(said(wrong)));
  });

  test('0 corrections fail at once', async () => {
    const played = await run({ limits: { outputRetries: 0 }, steps: [reply('no')] });
    expect(endOf(played)).toBe('output-invalid');
  });

  test('a check that throws counts as a problem of the output', async () => {
    const picky = z.object({ city: z.string() }).transform(({ city }) => {
      if (city === 'Oslo') throw new Error('not Oslo again');
      return city;
    });
    const { result, emulator } = await run({
      output: picky as never,
      steps: [reply('{"city":"Oslo"}'), reply('{"city":"Bergen"}')],
    });
    expect(result?.output).toBe('Bergen');
    expect((conversations(emulator)[1] as unknown[]).at(-1)).toEqual(
      user(correction('The output could not be checked: not Oslo again')),
    );
  });
});

describe('a reply that ends otherwise keeps its message and usage, and is not checked', () => {
  test.each([
    ['max_tokens', 'truncated'],
    ['refusal', 'refused'],
    ['model_context_window_exceeded', 'context-full'],
  ])('%s', async (stopReason, outcome) => {
    const { result } = await run({ steps: [reply('{"city":"Os', { stopReason })] });
    expect(result).toMatchObject({
      outcome,
      output: null,
      reply: { stop_reason: stopReason, content: [said('{"city":"Os')] },
    });
    expect(result?.usage.output_tokens).toBeGreaterThan(0);
  });
});

const openFields =
  'has fields of any name, which the output format of the API has no place for: the model could only leave them out. Name each, or use a list such as z.array(z.object({ key: z.string(), value: z.number() })).';
const anything =
  'may be anything, and the API has to be told what. Use z.string(), z.union([...]), or JSON as a text.';
const tuple =
  'is a tuple, which the output format of the API has no place for. Use z.object({ first: ..., second: ... }).';
const recursive = 'is recursive, which the output format of the API can not be. Write its levels out.';

const tree = z.object({
  name: z.string(),
  get children(): z.ZodArray<typeof tree> {
    return z.array(tree);
  },
});
const json = (a: object) => ({ type: 'object', properties: { a } });

describe('an output that the API could not be asked for is refused, with its place and the remedy', () => {
  test.each<[string, unknown, string]>([
    ['a record', z.object({ r: z.record(z.string(), z.number()) }), `#/properties/r ${openFields}`],
    ['a record at the top', z.record(z.string(), z.number()), `# ${openFields}`],
    ['a loose object', z.looseObject({ a: z.string() }), `# ${openFields}`],
    ['a catchall', z.object({ a: z.object({}).catchall(z.number()) }), `#/properties/a ${openFields}`],
    ['anything', z.object({ a: z.any() }), `#/properties/a ${anything}`],
    ['anything in a list', z.object({ a: z.array(z.unknown()) }), `#/properties/a/items ${anything}`],
    ['a tuple', z.object({ a: z.tuple([z.string(), z.number()]) }), `#/properties/a ${tuple}`],
    ['recursion', tree, `#/properties/children/items ${recursive}`],
    ['any JSON', z.object({ a: z.json() }), `#/properties/a/anyOf/4/items ${recursive}`],
    [
      'a record in an alternative',
      z.object({ a: z.union([z.string(), z.record(z.string(), z.string())]) }),
      `#/properties/a/anyOf/1 ${openFields}`,
    ],
    [
      'more fields (JSON Schema)',
      { ...json({ type: 'string' }), additionalProperties: true },
      `# ${openFields}`,
    ],
    ['an object of no fields (JSON Schema)', json({ type: 'object' }), `#/properties/a ${openFields}`],
    ['no type (JSON Schema)', json({ description: 'What?' }), `#/properties/a ${anything}`],
    [
      'a list of anything (JSON Schema)',
      json({ type: 'array' }),
      '#/properties/a is a list of anything, and the API has to be told of what. Add its items.',
    ],
    [
      'several types (JSON Schema)',
      json({ type: ['object', 'null'], properties: {} }),
      "#/properties/a is of several types. Write anyOf: [{ type: 'object', ... }, { type: 'null' }].",
    ],
    [
      'a definition of an older draft (JSON Schema)',
      {
        ...json({ $ref: '#/definitions/b' }),
        $schema: 'http://json-schema.org/draft-07/schema#',
        definitions: { b: { type: 'string' } },
      },
      '#/properties/a refers to #/definitions/b. Only references to "#/$defs/..." are sent.',
    ],
  ])('%s', (_, output, problem) => {
    const make = () => createAgent({ model: 'claude-sonnet-5-5', output: output as z.ZodObject });
    expect(make).toThrow(new ConfigError('output', problem));
    const plain = createAgent({ name: 'plain', description: 'Plain.', model: 'claude-sonnet-5-5' });
    expect(() => plain.asTool({ output: output as z.ZodObject })).toThrow(new ConfigError('output', problem));
  });

  test.each<[string, unknown]>([
    [
      'closed objects in lists and alternatives',
      z.object({ a: z.array(z.union([z.object({ b: z.literal(1) }), z.null()])) }),
    ],
    ['what may be absent or null', z.object({ a: z.string().nullish(), b: z.object({}).nullable() })],
    ['a strict object', z.strictObject({ a: z.enum(['x', 'y']) })],
    ['a definition used twice', { ...json({ $ref: '#/$defs/b' }), $defs: { b: { type: 'string' } } }],
  ])('%s can be sent', async (_, output) => {
    const { emulator } = await run({
      output: output as never,
      limits: { outputRetries: 0 },
      steps: [reply('no')],
    });
    expect(emulator.requests).toHaveLength(1);
  });

  test('of zod 3, whose converter comes with the first run, it fails that run before anything is sent', async () => {
    const { emulator } = stage({});
    const agent = createAgent({
      model: 'claude-sonnet-5-5',
      client: clientOf(emulator.fetch),
      output: z3.object({ r: z3.record(z3.number()) }),
    });
    const error: unknown = await agent.run('Go.').catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && [error.code, error.message]).toEqual([
      'config',
      `output: #/properties/r ${openFields}`,
    ]);
    expect(emulator.requests).toEqual([]);
  });
});
