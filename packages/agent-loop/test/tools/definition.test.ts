import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { ConfigError, createAgent, defineTool } from '../../src/index.ts';

const city = z.object({ city: z.string() });
const valid = { name: 'weather', description: 'Tells the weather.', input: city, run: () => 'rain' };

/** The message of the ConfigError that `make` throws. */
function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'nothing was refused';
}

const define = (change: object) => () => defineTool({ ...valid, ...change } as never);
const create = (change: object) => () => createAgent({ model: 'claude-sonnet-5-5', ...change });

describe('defineTool refuses', () => {
  test.each([
    [
      'no options',
      () => defineTool(undefined as never),
      'defineTool: expected an object of options, got undefined.',
    ],
    [
      'an empty name',
      define({ name: '' }),
      'tool name: must be 1 to 64 letters, digits, "_" or "-", got "".',
    ],
    [
      'a name with a dot',
      define({ name: 'a.b' }),
      'tool name: must be 1 to 64 letters, digits, "_" or "-", got "a.b".',
    ],
    [
      'a name of 65 characters',
      define({ name: 'n'.repeat(65) }),
      `tool name: must be 1 to 64 letters, digits, "_" or "-", got "${'n'.repeat(65)}".`,
    ],
    [
      'no description',
      define({ description: undefined }),
      'tool weather: description: is empty. Say what the tool does and when to use it; the model chooses by it.',
    ],
    [
      'a blank description',
      define({ description: ' \n' }),
      'tool weather: description: is empty. Say what the tool does and when to use it; the model chooses by it.',
    ],
    ['no run', define({ run: undefined }), 'tool weather: run: must be a function.'],
    [
      'no input',
      () => defineTool({ name: 'weather', description: 'x', run: () => '' } as never),
      'tool weather: input: expected a schema such as z.object({ ... }), got undefined.',
    ],
    [
      'a misspelt option',
      define({ timeout: 500 }),
      'tool weather: there is no option "timeout". Did you mean timeoutMs? Known: name, description, input, request, run, effect, reconcile, access, approve, timeoutMs, maxResultBytes.',
    ],
    [
      'an effect it does not know',
      define({ effect: 'write' }),
      "tool weather: effect: must be 'read', 'idempotent' or 'once', got \"write\".",
    ],
    [
      'a timeout of nothing',
      define({ timeoutMs: 0 }),
      'tool weather: timeoutMs: must be a number above 0, got 0.',
    ],
    [
      'a timeout that a timer cannot wait for',
      define({ timeoutMs: Infinity }),
      'tool weather: timeoutMs: must be at most 2147483647 ms (24.8 days), got Infinity.',
    ],
    [
      'a result size that is no number',
      define({ maxResultBytes: Number.NaN }),
      'tool weather: maxResultBytes: must be a whole number above 0, got NaN.',
    ],
    [
      'half a byte of a result',
      define({ maxResultBytes: 1.5 }),
      'tool weather: maxResultBytes: must be a whole number above 0, got 1.5.',
    ],
    [
      'a request of null',
      define({ request: null }),
      'tool weather: request: must be an object of fields, got null.',
    ],
    [
      'a behaviour of null',
      () => defineTool(sdkTool(), null as never),
      'tool sdk: expected an object of options, got null.',
    ],
    [
      'an access that is no function',
      define({ access: { reads: ['x'] } }),
      'tool weather: access: must be a function, got an object.',
    ],
    [
      'an approval that is neither yes, no nor a function',
      define({ approve: 'always' }),
      'tool weather: approve: must be true, false or a function, got "always".',
    ],
    [
      'a request field that has an option of its own',
      define({ request: { input_schema: {} } }),
      'tool weather: request.input_schema: has an option of its own. Use input.',
    ],
    [
      'reconciling what is repeated anyway',
      define({ effect: 'read', reconcile: () => 'rain' }),
      "tool weather: reconcile: is for the effect 'once': a call of the effect 'read' is repeated and never reconciled. Leave it out.",
    ],
    [
      'an unknown behaviour for a tool of the SDK',
      () => defineTool(sdkTool(), { timeout: 3 } as never),
      'tool sdk: there is no option "timeout". Did you mean timeoutMs? Known: effect, reconcile, access, approve, timeoutMs, maxResultBytes.',
    ],
    [
      'a tool of the SDK whose schema is empty',
      () => defineTool({ ...sdkTool(), input_schema: {} } as never),
      'tool sdk: input_schema: became an empty JSON Schema. Describe an object, such as z.object({ city: z.string() }).',
    ],
  ])('%s', (_, make, message) => {
    expect(refusal(make)).toBe(message);
  });
});

describe('an option that there is not is told what is meant where that is sure', () => {
  const asked = (make: () => unknown) => /"\. (.*?) ?Known: /.exec(refusal(make))?.[1];

  test.each([
    ['systemPrompt', 'Did you mean system?'],
    ['maxTurns', 'Did you mean limits.turns?'],
    ['max_turns', 'Did you mean limits.turns?'],
    ['max_tokens', 'Did you mean maxTokens?'],
    ['ouptut', 'Did you mean output?'],
    ['aprovalExpryMs', 'Did you mean approvalExpiryMs?'],
    ['apiKey', 'Did you mean client: new Anthropic({ apiKey })?'],
    ['baseURL', 'Did you mean client: new Anthropic({ baseURL })?'],
    ['temperature', 'The API takes no temperature any more: leave it out.'],
    ['top_p', 'The API takes no top_p any more: leave it out.'],
    ['verbose', ''],
    ['constructor', ''],
    ['nam', ''],
  ])('createAgent: %s', (key, hint) => {
    expect(asked(create({ [key]: 1 }))).toBe(hint);
  });

  test.each([
    ['inputSchema', 'Did you mean input?'],
    ['execute', 'Did you mean run?'],
    ['maxTurns', ''],
  ])('defineTool: %s', (key, hint) => {
    expect(asked(define({ [key]: 1 }))).toBe(hint);
  });

  test('limits: maxTurns', () => {
    expect(asked(create({ limits: { maxTurns: 1 } }))).toBe('Did you mean turns?');
  });
});

test('defineTool takes results of any size', () => {
  expect(define({ maxResultBytes: Infinity })()).toMatchObject({ maxResultBytes: Infinity });
});

test('a tool that is not made yet is told from one of the SDK, and so is an agent', () => {
  const given = { model: 'claude-sonnet-5-5', name: 'reader' };
  const withTools = (tool: unknown) => () => createAgent({ ...given, tools: [tool as never] });
  expect(refusal(withTools({ name: 'weather', description: 'x', input: city, run: () => '' }))).toBe(
    'tools: "weather" is not made yet. Wrap its options: defineTool({ ... }).',
  );
  expect(refusal(withTools({ name: 'weather', run: () => '' }))).toMatch(/^tools: "weather" is not made yet/);
  expect(refusal(withTools(createAgent(given)))).toBe(
    'tools: "reader" is an agent. Give it in subagents: [agent], or as a tool: agent.asTool().',
  );
});

function sdkTool() {
  return betaZodTool({ name: 'sdk', description: 'x', inputSchema: city, run: () => '' });
}

describe('a schema is refused that', () => {
  const union = (got: string) =>
    `tool weather: input: must describe an object at the top, got ${got}. Wrap it: z.object({ value: ... }).`;
  const empty =
    'tool weather: input: became an empty JSON Schema. Describe an object, such as z.object({ city: z.string() }).';
  const shape = (wrapped: string) =>
    `tool weather: input: expected a schema, got an object with schemas as its fields. Wrap it: z.object(${wrapped}).`;
  const unwritable = (what: string) =>
    `tool weather: input: cannot be written as JSON Schema (${what} cannot be represented in JSON Schema). Use types that exist in JSON.`;
  const zod3 = (got: string) =>
    `tool weather: input: must describe an object, got ${got}. Wrap it: z.object({ value: ... }).`;

  test.each([
    ['is null', null, 'tool weather: input: expected a schema such as z.object({ ... }), got null.'],
    ['is text', 'string', 'tool weather: input: expected a schema such as z.object({ ... }), got "string".'],
    ['is an empty JSON Schema', {}, empty],
    ['is a shape', { city: z.string() }, shape('{ city: ... }')],
    [
      'is a shape of more fields',
      { a: z3.string(), b: z3.string(), c: 1, d: 1 },
      shape('{ a: ..., b: ..., c: ..., ... }'),
    ],
    ['is a shape with a field named type', { type: z.string() }, shape('{ type: ... }')],
    ['takes anything (zod 4)', z.any(), empty],
    ['is a text (zod 4)', z.string(), union('"string"')],
    ['is a list (zod 4)', z.array(z.string()), union('"array"')],
    ['is a union (zod 4)', z.union([city, z.object({ zip: z.string() })]), union('a union (anyOf)')],
    ['may be null (zod 4)', city.nullable(), union('a union (anyOf)')],
    ['holds a date (zod 4)', z.object({ at: z.date() }), unwritable('Date')],
    ['holds a bigint (zod 4)', z.object({ n: z.bigint() }), unwritable('BigInt')],
    ['holds a map (zod 4)', z.object({ m: z.map(z.string(), z.string()) }), unwritable('Map')],
    ['is a text (zod 3)', z3.string(), zod3('ZodString')],
    ['is a union (zod 3)', z3.union([z3.object({}), z3.object({})]), zod3('ZodUnion')],
    ['may be absent (zod 3)', z3.object({}).optional(), zod3('ZodOptional')],
    [
      'is an intersection (zod 3)',
      z3.object({ a: z3.string() }).and(z3.object({ b: z3.string() })),
      'tool weather: input: must describe an object, got ZodIntersection. Use a.merge(b) or a.extend({ ... }).',
    ],
    ['is a list (JSON Schema)', { type: 'array', items: { type: 'string' } }, union('"array"')],
    [
      'is a union at the top (JSON Schema)',
      { type: 'object', oneOf: [{ type: 'object' }] },
      union('a union (oneOf)'),
    ],
    [
      'uses a keyword nothing here can check (JSON Schema)',
      { type: 'object', properties: { a: { not: { type: 'string' } } } },
      'tool weather: input: inputs cannot be checked against this JSON Schema (not is not supported in Zod (except { not: {} } for never)). Leave the keyword out or use zod.',
    ],
    [
      'constrains without a type, which would go unchecked (JSON Schema)',
      { type: 'object', properties: { a: { minLength: 3 } } },
      'tool weather: input: has "minLength" at #/properties/a without a "type". Add the type.',
    ],
    [
      'requires what it does not describe (JSON Schema)',
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a', 'b'] },
      'tool weather: input: requires "b" at #, which "properties" does not describe. Add it there.',
    ],
    [
      'cannot tell its JSON Schema (Standard Schema)',
      { '~standard': { version: 1, vendor: 'old', validate: (value: unknown) => ({ value }) } },
      'tool weather: input: this old schema cannot tell its JSON Schema (no "~standard".jsonSchema). Update the library or use its JSON Schema adapter, or pass plain JSON Schema or zod.',
    ],
    [
      'fails to tell its JSON Schema (Standard Schema)',
      {
        '~standard': {
          version: 1,
          vendor: 'odd',
          validate: (value: unknown) => ({ value }),
          jsonSchema: {
            input() {
              throw new Error('no draft-2020-12 here');
            },
          },
        },
      },
      'tool weather: input: cannot be written as JSON Schema (no draft-2020-12 here). Use types that exist in JSON.',
    ],
  ])('%s', (_, input, message) => {
    expect(refusal(define({ input }))).toBe(message);
  });
});

describe('JSON Schema is refused that would be passed over in silence', () => {
  test.each<[object, string]>([
    [
      { type: 'array', minItems: 2 },
      'has "minItems" at #/properties/a without "items". Add items: {} for any.',
    ],
    [
      { type: ['array', 'null'], maxItems: 2 },
      'has "maxItems" at #/properties/a without "items". Add items: {} for any.',
    ],
    [
      { $ref: '#/$defs/b', maxLength: 2 },
      'has "maxLength" beside "$ref" at #/properties/a, where it is not checked. Write allOf: [{ $ref }, { type, ... }].',
    ],
    [
      { $ref: '#/$defs/b', enum: ['x'] },
      'has "enum" beside "$ref" at #/properties/a, where it is not checked. Write allOf: [{ $ref }, { type, ... }].',
    ],
    [
      { anyOf: [{ type: 'number' }, { type: 'null' }], minimum: 3 },
      'has "minimum" at #/properties/a without a "type". Add the type.',
    ],
    [
      { anyOf: [{ type: 'number' }], allOf: [{ type: 'number' }] },
      'has "anyOf" and "allOf" at #/properties/a without a "type". Add the type.',
    ],
    [
      { enum: ['a', 'bb'], minLength: 2 },
      'has "minLength" beside "enum" at #/properties/a, where it is not checked. Leave it out.',
    ],
    [
      { type: 'object', dependencies: { b: ['c'] } },
      'has "dependencies" at #/properties/a, which is not checked here. Leave it out or use zod.',
    ],
    [
      { $dynamicRef: '#b' },
      'has "$dynamicRef" at #/properties/a, which is not checked here. Leave it out or use zod.',
    ],
    [
      { type: 'object', patternProperties: { '^x': {} }, additionalProperties: { type: 'number' } },
      'has "additionalProperties" with a schema beside "patternProperties" at #/properties/a, where it is not checked. Use one of them.',
    ],
  ])('%j', (a, problem) => {
    const input = { type: 'object', properties: { a }, $defs: { b: { type: 'string' } } };
    expect(refusal(define({ input }))).toBe(`tool weather: input: ${problem}`);
  });
});

describe('createAgent refuses', () => {
  test.each<[string, () => unknown, string]>([
    ['no model', create({ model: '' }), 'model: expected a model id such as "claude-sonnet-5-5", got "".'],
    [
      'half a turn',
      create({ limits: { turns: 1.5 } }),
      'limits.turns: must be a whole number above 0, got 1.5.',
    ],
    ['no turn', create({ limits: { turns: 0 } }), 'limits.turns: must be a whole number above 0, got 0.'],
    [
      'a time limit that a timer cannot wait for',
      create({ limits: { timeMs: Infinity } }),
      'limits.timeMs: must be at most 2147483647 ms (24.8 days), got Infinity.',
    ],
    [
      'a hook it does not know',
      create({ hooks: { beforeTools() {} } }),
      'hooks: there is no option "beforeTools". Did you mean beforeTool? Known: beforeRequest, afterReply, beforeTool, afterTool, onEvent.',
    ],
    [
      'a hook that is no function',
      create({ hooks: { beforeTool: true } }),
      'hooks.beforeTool: must be a function, got true.',
    ],
    ['an approval that is no function', create({ approve: true }), 'approve: must be a function, got true.'],
    [
      'an effort it does not know',
      create({ effort: 'huge' }),
      "effort: must be 'low', 'medium', 'high', 'xhigh', 'max', got \"huge\". Others can be set with request: { output_config: { effort } }.",
    ],
    [
      'thinking that is only switched on',
      create({ thinking: true }),
      "thinking: expected an object such as { type: 'adaptive' }, got true.",
    ],
    [
      'a tool choice in one word',
      create({ toolChoice: 'auto' }),
      'toolChoice: expected an object such as { type: \'auto\' }, got "auto".',
    ],
    ['a description that is no text', create({ description: 5 }), 'description: must be a text, got 5.'],
    ['tools that are no list', create({ tools: defineTool(valid) }), 'tools: must be a list, got an object.'],
    ['a tool that is nothing', create({ tools: [undefined] }), 'tools: expected a tool, got undefined.'],
    [
      'two tools of one name',
      create({ tools: [defineTool(valid), defineTool(valid)] }),
      'tools: two tools are named "weather". Names must differ.',
    ],
    [
      'a tool and a server tool of one name',
      create({
        tools: [
          defineTool({ ...valid, name: 'web_search' }),
          { type: 'web_search_20260318', name: 'web_search' },
        ],
      }),
      'tools: two tools are named "web_search". Names must differ.',
    ],
    [
      'a bare definition that nothing could run',
      create({ tools: [{ name: 'lookup', input_schema: { type: 'object' } }] }),
      'tools: "lookup" has no run function. Make it with defineTool.',
    ],
    [
      "a tool of the API's that nobody would run",
      create({ tools: [{ type: 'bash_20250124', name: 'bash' }] }),
      "tools: bash_20250124 is run by the caller, and has no run function here. Use the SDK's helper for it, or add run.",
    ],
    [
      'a tool without a name',
      create({ tools: [{ type: 'web_search_20260318' }] }),
      'tools: a tool has no name: {"type":"web_search_20260318"}.',
    ],
    [
      'a subagent without options',
      () => createAgent({ name: 'a', description: 'A.', model: 'claude-sonnet-5-5' }).asTool(null as never),
      'asTool: expected an object of options, got null.',
    ],
    ['no tokens', create({ maxTokens: 0 }), 'maxTokens: must be a whole number above 0, got 0.'],
    ['betas as one text', create({ betas: 'a' }), 'betas: must be a list of beta names, got "a".'],
    [
      'an output that is not of an object',
      create({ output: z.string() }),
      'output: must describe an object at the top, got "string". Wrap it: z.object({ value: ... }).',
    ],
    [
      'an output that is a shape',
      create({ output: { city: z.string() } }),
      'output: expected a schema, got an object with schemas as its fields. Wrap it: z.object({ city: ... }).',
    ],
    ...(
      [
        ['model', 'model'],
        ['max_tokens', 'maxTokens'],
        ['system', 'system'],
        ['tools', 'tools'],
        ['tool_choice', 'toolChoice'],
        ['thinking', 'thinking'],
        ['messages', 'the input of run()'],
        ['stream', 'nothing: the loop always streams'],
        ['betas', 'betas'],
      ] as const
    ).map(
      ([field, use]) =>
        [
          `request.${field}`,
          create({ request: { [field]: 1 } }),
          `request.${field}: has an option of its own. Use ${use}.`,
        ] satisfies [string, () => unknown, string],
    ),
  ])('%s', (_, make, message) => {
    expect(refusal(make)).toBe(message);
  });

  test('an option or a limit it does not know, and names those it knows', () => {
    expect(refusal(create({ verbose: true }))).toMatch(
      /^createAgent: there is no option "verbose"\. Known: name, description, model, system, /,
    );
    expect(refusal(create({ limits: { steps: 3 } }))).toMatch(
      /^limits: there is no option "steps"\. Known: turns, timeMs, idleMs, /,
    );
  });
});
