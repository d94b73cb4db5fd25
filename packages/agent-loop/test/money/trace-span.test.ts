import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  context,
  type Context,
  type ContextManager,
  ROOT_CONTEXT,
  type Span,
  trace,
  type TracerProvider,
} from '@opentelemetry/api';
import { reply, toolUse } from '@pawl/emulator';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAgent, defineTool } from '../../src/index.ts';
import { clientOf, play, stage } from '../loop/stage.ts';

interface Collected {
  readonly name: string;
  readonly attributes: Attributes;
  ended: boolean;
}
let spans: Collected[] = [];

beforeEach(() => {
  spans = [];
  trace.setGlobalTracerProvider(collector);
  context.setGlobalContextManager(contexts());
});
afterEach(() => {
  trace.disable();
  context.disable();
});

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen',
});
const steps = [
  reply([toolUse('look')], { usage: { input_tokens: 10, output_tokens: 20 } }),
  reply('Done.', { usage: { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 300 } }),
];

test("what a call cost and what the cache saved is on the SDK's span of that call, and on no other", async () => {
  const { agent } = stage({ name: 'scout', tools: [look], steps });
  const outer = collector.getTracer('test').startSpan('outer');
  const { result } = await context.with(trace.setSpan(context.active(), outer), () => play(agent));
  expect(result?.cost.usd).toBe(0.00032);
  expect(spans.map(({ name, ended }) => [name, ended])).toEqual([
    ['outer', false],
    ['anthropic.messages.create', true],
    ['anthropic.messages.create', true],
  ]);
  expect(spans[0]?.attributes).toEqual({});
  const of = { 'pawl.run.id': result?.runId, 'pawl.agent.name': 'scout' };
  expect(spans[1]?.attributes).toMatchObject({
    ...of,
    'gen_ai.usage.output_tokens': 20,
    'pawl.cost.usd': 0.00022,
    'pawl.cache.saved_usd': 0,
  });
  expect(spans[2]?.attributes).toMatchObject({
    ...of,
    'gen_ai.usage.cache_read.input_tokens': 300,
    'pawl.cost.usd': 0.0001,
    'pawl.cache.saved_usd': 0.00057,
  });
});

test.each(['registered', 'handed to the client'])(
  'the span is found without a context manager, its provider %s',
  async (where) => {
    context.disable();
    if (where !== 'registered') trace.disable();
    const { emulator } = stage({ steps });
    const tracing = where === 'registered' ? {} : { openTelemetry: { tracerProvider: collector } };
    const client = clientOf(emulator.fetch, tracing);
    const agent = createAgent({ name: 'scout', model: 'claude-sonnet-5-5', client, tools: [look] });
    const { result } = await play(agent);
    expect(spans.map(({ attributes, ended }) => [attributes['pawl.cost.usd'], ended])).toEqual([
      [0.00022, true],
      [0.0001, true],
    ]);
    expect(spans[0]?.attributes['pawl.run.id']).toBe(result?.runId);
  },
);

test('an SDK that shows no span to its middleware is asked for the active one', async () => {
  const { emulator } = stage({ steps: [reply('Done.')] });
  const client = clientOf(emulator.fetch, {
    // Stands for another version: the options of the call are shown without what is not documented.
    middleware: [
      (request, next, shown) => {
        delete (shown.options as { __span?: unknown } | undefined)?.__span;
        return next(request);
      },
    ],
  });
  await play(createAgent({ model: 'claude-sonnet-5-5', client }));
  expect(spans[0]?.attributes).toHaveProperty(['pawl.run.id']);
});

test('where the SDK makes no span, the one that is active is left alone', async () => {
  const { emulator } = stage({ steps });
  const client = clientOf(emulator.fetch, { openTelemetry: false });
  const agent = createAgent({ model: 'claude-sonnet-5-5', client, tools: [look] });
  const outer = collector.getTracer('test').startSpan('outer');
  await context.with(trace.setSpan(context.active(), outer), () => play(agent));
  expect(spans.map(({ name, attributes }) => [name, attributes])).toEqual([['outer', {}]]);
});

test('an agent without a client has spans as soon as somebody collects them', async () => {
  const { emulator } = stage({ steps: [reply('One.'), reply('Two.'), reply('Three.')] });
  vi.stubEnv('ANTHROPIC_API_KEY', 'key');
  vi.stubGlobal('fetch', emulator.fetch);
  const agent = createAgent({ model: 'claude-sonnet-5-5' });
  trace.disable();
  context.disable();
  await play(agent);
  trace.setGlobalTracerProvider(collector);
  await play(agent);
  expect(spans).toHaveLength(1);
  expect(spans[0]).toMatchObject({ ended: true, attributes: { 'pawl.agent.name': 'agent' } });
  trace.disable();
  await play(agent);
  expect(spans).toHaveLength(1);
});

test('an unknown price is no attribute', async () => {
  const { agent } = stage({ steps: [reply('Done.', { model: 'claude-next' })] });
  await play(agent);
  expect(Object.keys(spans[0]?.attributes ?? {}).filter((key) => key.startsWith('pawl.'))).toEqual([
    'pawl.run.id',
    'pawl.agent.name',
  ]);
});

test('a collector that fails does not fail the call', async () => {
  const { agent } = stage({ steps: [reply('Done.')] });
  failing = true;
  const { result } = await play(agent);
  failing = false;
  expect(result?.outcome).toBe('completed');
});

let failing = false;

/** Keeps what spans say until they end, as an exporter does. */
const collector: TracerProvider = {
  getTracer: () => ({
    startSpan(name, { attributes = {} } = {}) {
      const collected: Collected = { name, attributes: { ...attributes }, ended: false };
      spans.push(collected);
      return spanOf(collected, spans.length);
    },
    startActiveSpan: () => {
      throw new Error('The SDK does not use it.');
    },
  }),
};

function spanOf(collected: Collected, index: number): Span {
  const id = index.toString(16);
  const span: Span = {
    spanContext: () => ({ traceId: id.padStart(32, '1'), spanId: id.padStart(16, '1'), traceFlags: 1 }),
    setAttribute: (key, value) => span.setAttributes({ [key]: value }),
    setAttributes(attributes) {
      if (failing) throw new Error('The collector is down.');
      if (!collected.ended) Object.assign(collected.attributes, attributes);
      return span;
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: () => span,
    updateName: () => span,
    end: () => void (collected.ended = true),
    isRecording: () => !collected.ended,
    recordException: () => {},
  };
  return span;
}

function contexts(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...args) => storage.run(active, () => work.call(self as never, ...args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}
