import { createEmulator, fault, reply, text, toolUse } from '@pawl/emulator';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgentEvent, type Delta, createAgent, defineTool, RunError } from '../../src/index.ts';
import { EventQueue } from '../../src/agent/event-queue.ts';
import { clientOf, entriesOf, expectSound, play, stage, story } from './stage.ts';

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

describe('a stream', () => {
  test('is told in the order of the journal, whole, to whoever reads it slowly', async () => {
    const set = stage({
      steps: [reply('One two three four five six.', { chunk: { size: 1 } })],
    });
    const stream = set.agent.stream('Go.');
    const events: AgentEvent[] = [];
    for await (const event of stream) {
      events.push(event);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(story(events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'text: One two three four five six.',
      'reply: end_turn',
      'run-end: completed',
    ]);
    expectSound(set);
  });

  test('that nobody reads runs to its end', async () => {
    const set = stage({ steps: [reply('Hi.')] });
    const stream = set.agent.stream('Go.');
    expect(await stream.result).toMatchObject({ outcome: 'completed', runId: stream.runId });
    expectSound(set);
  });

  test('read after the end still tells everything', async () => {
    const set = stage({ steps: [reply('Hi.')] });
    const stream = set.agent.stream('Go.');
    await stream.result;
    const events: AgentEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(story(events)).toEqual([
      'run-start',
      'input of the user',
      'request 1.1',
      'text: Hi.',
      'reply: end_turn',
      'run-end: completed',
    ]);
  });

  test('holds no more than the transcript while nobody reads', async () => {
    const set = stage({ steps: [reply('x'.repeat(20_000), { chunk: { size: 1, eventsPerWrite: 1000 } })] });
    const stream = set.agent.stream('Go.');
    await stream.result;
    const events: AgentEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.length).toBeLessThan(300);
    const deltas = events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []));
    expect(deltas.join('')).toBe('x'.repeat(20_000));
  });

  test('can be read once', async () => {
    const set = stage({ steps: [reply('Hi.')] });
    const stream = set.agent.stream('Go.');
    for await (const _event of stream);
    expect(() => stream[Symbol.asyncIterator]()).toThrow('can be read once');
  });

  test('of a run that fails tells its end, then throws the error that the result rejects with', async () => {
    const set = stage({ maxRetries: 0, steps: [reply('', { fault: fault.connectionReset() })] });
    const stream = set.agent.stream('Go.');
    const events: AgentEvent[] = [];
    const thrown = await (async () => {
      for await (const event of stream) events.push(event);
    })().catch((error: unknown) => error);
    expect(RunError.is(thrown)).toBe(true);
    expect(story(events).at(-1)).toBe('run-end: failed');
    await expect(stream.result).rejects.toBe(thrown);
  });

  test('of a run that fails, and that nobody awaits, is no unhandled rejection', async () => {
    const set = stage({ maxRetries: 0, steps: [reply('', { fault: fault.connectionReset() })] });
    set.agent.stream('Go.');
    const started = set.agent.stream(' ');
    await expect(started.result).rejects.toThrow('expected a text or content blocks');
    set.agent.stream(' ');
  });

  test('names its run before it begins, in every event', async () => {
    const set = stage({ name: 'scout', steps: [reply('Hi.')] });
    const stream = set.agent.stream('Go.');
    for await (const event of stream) expect(event).toMatchObject({ runId: stream.runId, agent: 'scout' });
    expect(stream.runId).toMatch(/^run_/);
  });
});

test('both ways of running give the same result and send the same bytes', async () => {
  const look = defineTool({
    name: 'look',
    description: 'Looks.',
    effect: 'read',
    input: { type: 'object' },
    run: () => 'seen',
  });
  const steps = () => [reply([text('Hm.'), toolUse('look', { a: 1 }, { id: 'toolu_1' })]), reply('Done.')];
  const streamed = stage({ tools: [look], steps: steps() });
  const plain = stage({ tools: [look], steps: steps() });
  const { result } = await play(streamed.agent);
  const other = await plain.agent.run('Go.');
  expect(other.messages).toEqual(result?.messages);
  expect(other.usage).toEqual(result?.usage);
  const bodies = ({ emulator }: typeof plain) => emulator.requests.map(({ bodyText }) => bodyText);
  expect(bodies(plain)).toEqual(bodies(streamed));
});

test('runs at once do not mix', async () => {
  const emulator = createEmulator({
    respond: ({ body }) => reply(`You said ${JSON.stringify(body.messages[0]?.content)}`),
  });
  const agent = createAgent({ model: 'claude-sonnet-5-5', client: clientOf(emulator.fetch) });
  const texts = await Promise.all(
    Array.from({ length: 300 }, async (_, index) => (await agent.run(`number ${index}`)).text),
  );
  expect(texts).toEqual(texts.map((_, index) => `You said "number ${index}"`));
});

describe('the queue between a run and its reader', () => {
  const base = { runId: 'r', agent: 'a', at: 0 };
  const delta: fc.Arbitrary<Delta> = fc
    .oneof(
      fc.record({ type: fc.constant('text-delta' as const), text: fc.string({ maxLength: 3 }) }),
      fc.record({ type: fc.constant('thinking-delta' as const), text: fc.string({ maxLength: 3 }) }),
      fc.record({
        type: fc.constant('tool-input-delta' as const),
        callId: fc.constantFrom('1', '2'),
        tool: fc.constant('t'),
        partialJson: fc.string({ maxLength: 3 }),
      }),
      fc.record({
        type: fc.constant('tool-progress' as const),
        callId: fc.constantFrom('1', '2'),
        tool: fc.constant('t'),
        message: fc.string({ maxLength: 3 }),
      }),
    )
    .map((event) => ({ ...base, ...event }));
  const kept: fc.Arbitrary<AgentEvent> = fc.constant({
    ...base,
    seq: 0,
    type: 'run-start' as const,
    model: 'm',
  });
  const runs = fc.array(fc.oneof({ weight: 20, arbitrary: delta }, { weight: 1, arbitrary: kept }), {
    minLength: 200,
    maxLength: 1500,
  });

  test('loses nothing that is kept, keeps the order, and joins deltas to the same text, however slowly it is read', async () => {
    await fc.assert(
      fc.asyncProperty(runs, fc.constantFrom(0, 0.5, 1, 2), async (pushes, speed) => {
        const queue = new EventQueue();
        const seen: AgentEvent[] = [];
        const sent = pushes.map((event, seq) => ('seq' in event ? { ...event, seq } : event));
        // Reads `speed` events for every one that is pushed, as far as there are any.
        let ahead = queue.next();
        const take = async (): Promise<boolean> => {
          const event = await Promise.race([ahead, Promise.resolve(undefined)]);
          if (!event) return false;
          seen.push(event);
          ahead = queue.next();
          return true;
        };
        let allowance = 0;
        for (const event of sent) {
          queue.push(event);
          allowance += speed;
          while (allowance >= 1 && (await take())) allowance -= 1;
        }
        queue.close();
        for (let event = await ahead; event; event = await queue.next()) seen.push(event);
        expect(entriesOf(seen)).toEqual(entriesOf(sent));
        expect(joined(seen)).toEqual(joined(sent));
        expect(seen.length).toBeLessThanOrEqual(sent.length);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  /** All deltas of each stretch between kept events, joined by kind; of progress only the last counts. */
  function joined(events: readonly AgentEvent[]): unknown {
    const whole: Record<string, string> = {};
    let stretch = 0;
    for (const event of events) {
      if ('seq' in event) stretch += 1;
      else if (event.type === 'text-delta' || event.type === 'thinking-delta')
        whole[`${stretch} ${event.type}`] = (whole[`${stretch} ${event.type}`] ?? '') + event.text;
      else if (event.type === 'tool-input-delta')
        whole[`${stretch} ${event.callId}`] = (whole[`${stretch} ${event.callId}`] ?? '') + event.partialJson;
      else if (event.type === 'tool-progress') whole[`progress ${event.callId}`] = event.message;
    }
    return Object.fromEntries(
      Object.entries(whole).filter(([key, value]) => value !== '' || key.startsWith('progress')),
    );
  }
});
