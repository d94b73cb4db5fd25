import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import {
  type Agent,
  type AgentEvent,
  createAgent,
  defineTool,
  type InferSchema,
  type RunResult,
  type Tool,
  type ToolContext,
} from '../../src/index.ts';

// Every callback knows the input that the schema produces, without an annotation.

const four = defineTool({
  name: 'four',
  description: 'zod 4',
  input: z.object({
    city: z.string(),
    unit: z.enum(['c', 'f']).default('c'),
    days: z.string().transform(Number),
    note: z.string().optional(),
  }),
  effect: 'read',
  access: (input) => {
    expectTypeOf(input.unit).toEqualTypeOf<'c' | 'f'>();
    return { reads: [input.city] };
  },
  approve: (input, call) => {
    expectTypeOf(call.callId).toEqualTypeOf<string>();
    return input.days > 3;
  },
  reconcile: (input, ctx) => {
    expectTypeOf(ctx.idempotencyKey).toEqualTypeOf<string>();
    return input.city === '' ? undefined : 'done';
  },
  run(input, ctx) {
    expectTypeOf(input).toEqualTypeOf<{
      city: string;
      unit: 'c' | 'f';
      days: number;
      note?: string | undefined;
    }>();
    expectTypeOf(ctx).toEqualTypeOf<ToolContext>();
    return { city: input.city, list: [1, null, true] };
  },
});
expectTypeOf(four).toEqualTypeOf<
  Tool<{ city: string; unit: 'c' | 'f'; days: number; note?: string | undefined }>
>();

const three = defineTool({
  name: 'three',
  description: 'zod 3',
  input: z3.object({
    city: z3.string(),
    unit: z3.enum(['c', 'f']).default('c'),
    days: z3.string().transform(Number),
  }),
  run(input) {
    expectTypeOf(input).toEqualTypeOf<{ city: string; unit: 'c' | 'f'; days: number }>();
    return 'text';
  },
});

const json = defineTool({
  name: 'json',
  description: 'JSON Schema',
  input: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      unit: { enum: ['c', 'f'] },
      days: { type: 'array', items: { type: 'integer' } },
      place: {
        type: 'object',
        properties: { zip: { type: ['string', 'null'] } },
        required: ['zip'],
        additionalProperties: false,
      },
    },
    required: ['city', 'place'],
    additionalProperties: false,
  },
  access: ({ city }) => ({ writes: [city.toUpperCase()] }),
  run(input) {
    expectTypeOf(input.city).toEqualTypeOf<string>();
    expectTypeOf(input.unit).toEqualTypeOf<'c' | 'f' | undefined>();
    expectTypeOf(input.days).toEqualTypeOf<number[] | undefined>();
    expectTypeOf(input.place.zip).toEqualTypeOf<string | null>();
    return [{ type: 'text', text: input.city }];
  },
});

/** A schema of a library that implements Standard Schema. */
interface ByHand {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: { n: string }; readonly output: { n: number } } | undefined;
    readonly validate: (value: unknown) => { value: { n: number } };
    readonly jsonSchema: { readonly input: (options: { target: string }) => Record<string, unknown> };
  };
}
declare const byHand: ByHand;
const standard = defineTool({
  name: 'standard',
  description: 'Standard Schema',
  input: byHand,
  run(input) {
    expectTypeOf(input).toEqualTypeOf<{ n: number }>();
  },
});
expectTypeOf<InferSchema<ByHand>>().toEqualTypeOf<{ n: number }>();

// Tools of every kind fit into one list.

const sdkZod = betaZodTool({
  name: 'sdk',
  description: 'x',
  inputSchema: z.object({ n: z.number() }),
  run: ({ n }) => String(n),
});
const sdkJson = betaTool({
  name: 'sdk_json',
  description: 'x',
  inputSchema: { type: 'object', properties: { n: { type: 'number' } } },
  run: () => '',
});
const readable = defineTool(sdkZod, { effect: 'read', timeoutMs: 5 });
expectTypeOf(readable).toEqualTypeOf<Tool>();

const agent = createAgent({
  model: 'claude-sonnet-5-5',
  tools: [
    four,
    three,
    json,
    standard,
    sdkZod,
    sdkJson,
    readable,
    { type: 'web_search_20260318', name: 'web_search', max_uses: 2 },
    { type: 'code_execution_20260521', name: 'code_execution' },
    { type: 'mcp_toolset', mcp_server_name: 'docs' },
  ],
});
expectTypeOf(agent).toEqualTypeOf<Agent<never>>();
expectTypeOf((await agent.run('x')).output).toEqualTypeOf<null>();

// The output is what the schema produces, or null where the run ended otherwise.

const forecast = createAgent({
  model: 'claude-sonnet-5-5',
  output: z.object({ city: z.string(), celsius: z.string().transform(Number) }),
});
const result = await forecast.run('x');
expectTypeOf(result).toEqualTypeOf<RunResult<{ city: string; celsius: number }>>();
expectTypeOf(result.output).toEqualTypeOf<{ city: string; celsius: number } | null>();
// Without a type argument the names stand for any output.
const agents: Agent[] = [agent, forecast];
expectTypeOf(await Promise.all(agents.map((each) => each.run('x')))).toEqualTypeOf<RunResult[]>();
expectTypeOf((await forecast.stream('x').result).output).toEqualTypeOf<{
  city: string;
  celsius: number;
} | null>();

const olderForecast = createAgent({ model: 'claude-sonnet-5-5', output: z3.object({ city: z3.string() }) });
expectTypeOf((await olderForecast.run('x')).output).toEqualTypeOf<{ city: string } | null>();

const plainForecast = createAgent({
  model: 'claude-sonnet-5-5',
  output: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
});
expectTypeOf((await plainForecast.run('x')).output).toEqualTypeOf<{ city: string } | null>();

// Wrong uses.

defineTool({
  name: 'wrong',
  description: 'x',
  input: z.object({ city: z.string() }),
  // @ts-expect-error the input has no such field
  run: ({ country }) => String(country),
});
defineTool({
  name: 'wrong',
  description: 'x',
  input: z.object({}),
  // @ts-expect-error a map is not JSON
  run: () => new Map(),
});
defineTool({
  name: 'wrong',
  description: 'x',
  input: z.object({}),
  // @ts-expect-error there is no such effect
  effect: 'write',
  run: () => '',
});
defineTool({
  name: 'wrong',
  description: 'x',
  input: z.object({}),
  // @ts-expect-error durations end in Ms
  timeout: 5,
  run: () => '',
});
// @ts-expect-error the model has to be told what the tool does
defineTool({ name: 'wrong', input: z.object({}), run: () => '' });
// @ts-expect-error a schema is of an object
defineTool({ name: 'wrong', description: 'x', input: { type: 'array' }, run: () => '' });
// @ts-expect-error a tool without run is no tool
createAgent({ model: 'claude-sonnet-5-5', tools: [{ name: 'wrong', input_schema: { type: 'object' } }] });
// @ts-expect-error there is no such option
createAgent({ model: 'claude-sonnet-5-5', temperature: 1 });
// @ts-expect-error there is no such limit
createAgent({ model: 'claude-sonnet-5-5', limits: { steps: 1 } });
// @ts-expect-error a decision is yes, no or an object with allow
createAgent({ model: 'claude-sonnet-5-5', approve: () => 'yes' });
// @ts-expect-error an effort of the API
createAgent({ model: 'claude-sonnet-5-5', effort: 'extreme' });

// The contract's examples.

declare function readTemperature(city: string, unit: 'c' | 'f', signal: AbortSignal): Promise<number>;
declare const signal: AbortSignal;

const weather = defineTool({
  name: 'get_weather',
  description: 'Current temperature for a city.',
  input: z.object({ city: z.string(), unit: z.enum(['c', 'f']).default('c') }),
  effect: 'read',
  access: ({ city }) => ({ reads: [`city:${city}`] }),
  approve: false,
  timeoutMs: 10_000,
  maxResultBytes: 262_144,
  async run({ city, unit }, ctx) {
    return readTemperature(city, unit, ctx.signal);
  },
});
const concierge = createAgent({
  name: 'concierge',
  model: 'claude-sonnet-5-5',
  system: 'Be brief.',
  tools: [weather],
  limits: { turns: 20, timeMs: 600_000, idleMs: 60_000, concurrency: 8 },
});
await concierge.run('Coat or no coat in Oslo?');
await using stream = concierge.stream('...', { signal });
for await (const event of stream) {
  expectTypeOf(event).toEqualTypeOf<AgentEvent>();
  if (event.type === 'text-delta') expectTypeOf(event.text).toEqualTypeOf<string>();
  if (event.type === 'tool-end')
    expectTypeOf(event.outcome).toEqualTypeOf<
      'ok' | 'error' | 'denied' | 'cancelled' | 'timeout' | 'unknown'
    >();
}
const { body, inputTokens } = await concierge.preview('...');
expectTypeOf(body.model).toEqualTypeOf<InferModel>();
expectTypeOf(inputTokens).toEqualTypeOf<number>();
type InferModel = Parameters<typeof createAgent>[0]['model'];
