import { reply, text, thinking } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { createAgent, defineTool, RunError } from '../../src/index.ts';
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

test('a format that the API cannot express is told as config before anything is sent', async () => {
  const { emulator } = stage({});
  const agent = createAgent({
    model: 'claude-sonnet-5-5',
    client: clientOf(emulator.fetch),
    output: z.object({ anything: z.unknown() }),
  });
  const error: unknown = await agent.run('Go.').catch((thrown: unknown) => thrown);
  expect(RunError.is(error) && error.code).toBe('config');
  expect(emulator.requests).toEqual([]);
});
