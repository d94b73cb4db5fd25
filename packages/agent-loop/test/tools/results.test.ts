import { ToolError } from '@anthropic-ai/sdk/lib/tools/ToolError';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentEvent, defineTool, type ToolOutput } from '../../src/index.ts';
import { shapeOutput } from '../../src/tools/tool-content.ts';
import { answered, answerOf, failed, turnOf } from '../support/agent-under-test.ts';
import { virtualTime } from '../loop/time.ts';

const anything = z.object({});

/** A tool that gives `output`, whatever its type. */
const giving = (output: unknown, more: object = {}) =>
  defineTool({
    name: 'give',
    description: 'Gives.',
    input: anything,
    run: () => output as ToolOutput,
    ...more,
  });

/** A tool that throws `thrown`. */
const throwing = (thrown: unknown, more: object = {}) =>
  defineTool({
    name: 'fail',
    description: 'Fails.',
    input: anything,
    run() {
      throw thrown;
    },
    ...more,
  });

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };

describe('what a tool returns is what the model reads', () => {
  const document = {
    type: 'document',
    source: { type: 'text', media_type: 'text/plain', data: 'Oslo is cold.' },
  };
  const found = {
    type: 'search_result',
    source: 'a.md',
    title: 'A',
    content: [{ type: 'text', text: 'Oslo' }],
  };

  const once = { n: 1 };
  class Same {
    readonly n = 1;
    toJSON() {
      return this;
    }
  }

  test.each<[string, unknown, unknown]>([
    ['text', 'rain', 'rain'],
    ['an empty text', '', ''],
    ['nothing', undefined, ''],
    ['null', null, 'null'],
    ['a number', 7, '7'],
    ['a boolean', false, 'false'],
    ['an object', { sky: 'grey', at: [1, { deep: true }] }, '{"sky":"grey","at":[1,{"deep":true}]}'],
    ['an empty list', [], '[]'],
    ['what makes JSON of itself', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [
      'what makes JSON of itself inside',
      { at: new Date(0), of: new URL('https://a.example') },
      '{"at":"1970-01-01T00:00:00.000Z","of":"https://a.example/"}',
    ],
    [
      'objects of a class, and of none',
      {
        a: new (class {
          n = 1;
        })(),
        b: Object.create(null) as object,
        c: {},
      },
      '{"a":{"n":1},"b":{},"c":{}}',
    ],
    ['one object at two places', [once, once], '[{"n":1},{"n":1}]'],
    ['what makes JSON of itself by giving itself', new Same(), '{"n":1}'],
    ['undefined in a list', [undefined], '[null]'],
    ['fields that are undefined', { a: undefined, b: 1 }, '{"b":1}'],
    [
      'blocks',
      [{ type: 'text', text: 'See:' }, image, document, found],
      [{ type: 'text', text: 'See:' }, image, document, found],
    ],
    ['blocks with empty texts, which the API refuses', [{ type: 'text', text: '' }, image], [image]],
    ['blocks that hold nothing', [{ type: 'text', text: '' }], ''],
    ['data with a type that is no block', [{ type: 'text', body: 'x' }], '[{"type":"text","body":"x"}]'],
    ['blocks mixed with data', [image, 'x'], JSON.stringify([image, 'x'])],
    ['half a surrogate pair', 'a\uD800b', 'a\uFFFDb'],
    [
      'half a surrogate pair in a block',
      [{ type: 'text', text: '\uDC00' }],
      [{ type: 'text', text: '\uFFFD' }],
    ],
  ])('%s', async (_, output, content) => {
    expect(await answerOf(giving(output))).toEqual(answered('call_1', content));
  });

  test('a promise of any of them is waited for', async () => {
    expect(await answerOf(giving(Promise.resolve({ ok: true })))).toEqual(answered('call_1', '{"ok":true}'));
  });
});

describe('what is not JSON is an error that says what to return', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const kind = (what: string) =>
    `Error: The tool returned ${what}, which JSON cannot hold. Return a string, a JSON value or content blocks.`;
  const boom = () => {
    throw new Error('no disk');
  };
  class Closed {
    readonly #rows = [1];
    get rows() {
      return this.#rows;
    }
  }

  test.each<[string, unknown, string]>([
    ['a bigint', 1n, kind('a bigint')],
    ['a bigint inside', { rows: [{ id: 1n }] }, kind('a bigint as "rows[0].id"')],
    ['a cycle', cycle, kind('an object that holds itself as "self"')],
    [
      'a getter that throws',
      { a: Object.defineProperty({}, 'b', { get: boom, enumerable: true }) },
      kind('a getter that throws (no disk) as "a.b"'),
    ],
    ['a toJSON that throws', [{ toJSON: boom }], kind('an object whose toJSON throws (no disk) as "[0]"')],
    ['a function', () => {}, kind('a function')],
    ['a symbol', Symbol('x'), kind('a symbol')],
    ['a map, which JSON would empty', new Map([['a', 1]]), kind('a Map')],
    ['a set, which JSON would empty', new Set([1]), kind('a Set')],
    ['an error, which JSON would empty', new TypeError('x'), kind('a TypeError')],
    ['a map inside', { a: [{ b: new Map() }] }, kind('a Map as "a[0].b"')],
    ['a map that a toJSON gives', { a: { toJSON: () => new Map() } }, kind('a Map as "a"')],
    ['a promise inside', { a: 1, b: Promise.resolve(2) }, kind('a Promise as "b"')],
    ['a function inside, which JSON would leave out', { a: { b() {} } }, kind('a function as "a.b"')],
    ['a symbol in a list', [Symbol('x')], kind('a symbol as "[0]"')],
    [
      'an error inside, whose message JSON would leave out',
      { e: Object.assign(new Error('x'), { code: 1 }) },
      kind('an Error as "e"'),
    ],
    ['what a class keeps to itself', { at: new Closed() }, kind('a Closed as "at"')],
    ['what a class without a name keeps to itself', new (class {})(), kind('a class without a name')],
    ['what a library keeps to itself', [new URLSearchParams('a=1')], kind('a URLSearchParams as "[0]"')],
    ['a generator', (function* numbers() {})(), kind('a Generator')],
    ['an asynchronous generator', (async function* numbers() {})(), kind('an AsyncGenerator')],
    ['what is no number, which JSON would make null', { mean: 0 / 0 }, kind('NaN as "mean"')],
    ['an infinite number, which JSON would make null', [-1 / 0], kind('-Infinity as "[0]"')],
    [
      'a date of no time, which JSON would make null',
      { at: new Date('soon') },
      kind('an invalid Date as "at"'),
    ],
  ])('%s', async (_, output, content) => {
    expect(await answerOf(giving(output))).toEqual(failed('call_1', content));
  });
});

describe('maxResultBytes', () => {
  const notice = (bytes: number, shown: number) =>
    `\n\n[Cut: this result has ${bytes} bytes, only the first ${shown} are shown. Ask for a smaller part.]`;

  test.each([
    ['text that fits is whole', 'abcd', 4, 'abcd'],
    ['text that does not is cut with a notice', 'abcdef', 4, `abcd${notice(6, 4)}`],
    ['a character is kept whole or not at all', 'aäöü', 4, `aä${notice(7, 3)}`],
    ['a character of four bytes too', '🎉🎉', 7, `🎉${notice(8, 4)}`],
    ['nothing at all may fit', '🎉', 3, notice(4, 0)],
    ['JSON is cut as text', { a: 'bc' }, 5, `{"a":${notice(10, 5)}`],
    ['a byte order mark survives', '\uFEFFabc', 4, `\uFEFFa${notice(6, 4)}`],
  ])('%s', async (_, output, maxResultBytes, content) => {
    expect(await answerOf(giving(output, { maxResultBytes }))).toEqual(answered('call_1', content));
  });

  test('is 262,144 where nothing is said', async () => {
    expect(await answerOf(giving('a'.repeat(262_144)))).toEqual(answered('call_1', 'a'.repeat(262_144)));
    expect(await answerOf(giving('a'.repeat(262_145)))).toEqual(
      answered('call_1', `${'a'.repeat(262_144)}${notice(262_145, 262_144)}`),
    );
  });

  test('texts in blocks are cut, other blocks left out whole, and one notice tells of both', async () => {
    const output = [
      { type: 'text', text: 'äb' },
      image,
      { type: 'text', text: 'cdef' },
      { type: 'text', text: 'g' },
    ];
    const total = 3 + JSON.stringify(image).length + 4 + 1;
    expect(await answerOf(giving(output, { maxResultBytes: 5 }))).toEqual(
      answered('call_1', [
        { type: 'text', text: 'äb' },
        { type: 'text', text: 'cd' },
        {
          type: 'text',
          text: `[Cut: this result has ${total} bytes, at most 5 are shown. 3 of its 4 blocks are cut or left out. Ask for a smaller part.]`,
        },
      ]),
    );
  });

  test('holds for errors too', async () => {
    expect(await answerOf(throwing(new Error('far too long'), { maxResultBytes: 10 }))).toEqual(
      failed('call_1', `Error: far${notice(19, 10)}`),
    );
  });

  test('never lets through more than it says, and never a broken character', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 300 }), (text, maxBytes) => {
        const content = shapeOutput(text, maxBytes) as string;
        const [kept = '', cut] = content.split('\n\n[Cut: ');
        expect(content.isWellFormed()).toBe(true);
        if (cut === undefined) {
          expect(content).toBe(text.toWellFormed());
          return;
        }
        expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(maxBytes);
        expect(Buffer.byteLength(kept)).toBeGreaterThan(maxBytes - 4);
        expect(text.toWellFormed().startsWith(kept)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('never lets through more than it says in blocks either', () => {
    const block = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }).map((text) => ({ type: 'text' as const, text })),
      fc.constant(image),
    );
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 600 }),
        (blocks, max) => {
          const content = shapeOutput(blocks, max);
          if (content === '') return;
          const kept = (content as typeof blocks).filter(
            (each) => !('text' in each && each.text.startsWith('[Cut: ')),
          );
          const bytes = kept.map((each) =>
            Buffer.byteLength('text' in each ? each.text : JSON.stringify(each)),
          );
          expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(max);
          expect(
            kept.every((each) => !('text' in each) || (each.text !== '' && each.text.isWellFormed())),
          ).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what a tool throws is an error the model can act on [results/throw]', () => {
  test.each<[string, unknown, string]>([
    ['an Error', new Error('no such city'), 'Error: no such city'],
    ['an Error without message', new RangeError(), 'Error: RangeError'],
    ['text', 'no such city', 'Error: no such city'],
    ['null', null, 'Error: an unknown error was thrown'],
    ['undefined', undefined, 'Error: an unknown error was thrown'],
    ['an object with a message', { message: 'no such city', apiKey: 'x' }, 'Error: no such city'],
    ['an object without one', { apiKey: 'hunter2' }, 'Error: an unknown error was thrown'],
    [
      'an Error whose message is no text',
      Object.assign(new Error('x'), { message: { a: 1 } }),
      'Error: Error',
    ],
    ['half a surrogate pair', new Error('\uD800'), 'Error: \uFFFD'],
  ])('%s', async (_, thrown, content) => {
    expect(await answerOf(throwing(thrown))).toEqual(failed('call_1', content));
  });

  test('neither stack nor secrets reach the model, nor an endless text', async () => {
    const secret = `sk-ant-api03-${'x'.repeat(40)}`;
    const error = Object.assign(new Error(`401 for ${secret} at https://me:hunter2@db.local/x`), { secret });
    expect(await answerOf(throwing(error))).toEqual(
      failed('call_1', 'Error: 401 for sk-ant-[secret] at https://me:[secret]@db.local/x'),
    );
    const { content } = (await answerOf(throwing(new Error('🎉'.repeat(4000))))) as { content: string };
    expect(content).toBe(`Error: ${'🎉'.repeat(2000)} [cut]`);
  });

  test('a ToolError says it in its own words', async () => {
    expect(await answerOf(throwing(new ToolError('try Bergen')))).toEqual(failed('call_1', 'try Bergen'));
    class CityError extends ToolError {
      override readonly name = 'CityError';
    }
    expect(await answerOf(throwing(new CityError('try Bergen')))).toEqual(failed('call_1', 'try Bergen'));
  });

  test('the blocks of a ToolError are text alone, as the API wants errors to be', async () => {
    const error = new ToolError([{ type: 'text', text: 'see' }, image as never]);
    expect(await answerOf(throwing(error))).toEqual(
      failed('call_1', [
        { type: 'text', text: 'see' },
        { type: 'text', text: '[A block of type image is left out.]' },
      ]),
    );
  });

  test('a ToolError whose content is none is told by its message', async () => {
    const error = Object.assign(new ToolError('out of order'), { content: 1n });
    expect(await answerOf(throwing(error, { timeoutMs: 1000 }))).toEqual(
      failed('call_1', 'Error: out of order'),
    );
  });
});

describe('one call that goes wrong never loses its siblings', () => {
  const fine = defineTool({ name: 'fine', description: 'Works.', input: anything, run: () => 'fine' });
  const strict = defineTool({
    name: 'strict',
    description: 'Checks.',
    input: z.object({ n: z.number() }),
    run: () => '',
  });
  const endless = defineTool({
    name: 'endless',
    description: 'Ignores its signal.',
    input: anything,
    timeoutMs: 50,
    run: () => new Promise<string>(() => {}),
  });

  test('thrown, unknown, invalid, broken and late calls are answered in place [results/every-call] [results/unknown-tool] [results/cut-input]', async () => {
    const time = virtualTime();
    const { results, events } = await turnOf(
      [fine, strict, endless, throwing(new Error('boom'))],
      [
        ['fine'],
        ['fail'],
        ['nobody'],
        ['strict', { n: 'one' }],
        ['fine', '{"a": '],
        ['fine', '[1]'],
        ['endless'],
        ['fine'],
      ],
      { time },
    );
    expect(results).toEqual([
      answered('call_1', 'fine'),
      failed('call_2', 'Error: boom'),
      failed('call_3', 'There is no tool named "nobody". Available tools: fine, strict, endless, fail.'),
      failed(
        'call_4',
        "The input does not fit the tool's schema. Nothing was run. Problems:\nn: Invalid input: expected number, received string",
      ),
      failed(
        'call_5',
        'The input of this call is not valid JSON (Unexpected end of JSON input). Nothing was run. Send the call again with complete, valid JSON.',
      ),
      failed(
        'call_6',
        'The input of this call is not valid JSON (it is not a JSON object). Nothing was run. Send the call again with complete, valid JSON.',
      ),
      failed(
        'call_7',
        'The tool did not end within 50 ms and is no longer waited for. It may or may not have taken effect: check before repeating it.',
      ),
      answered('call_8', 'fine'),
    ]);
    const started = events.flatMap((event) => (event.type === 'tool-start' ? [event.callId] : []));
    expect(started).toEqual(['call_1', 'call_2', 'call_7', 'call_8']);
  });

  test('an empty streamed input is the empty object [results/empty-input]', async () => {
    const { results } = await turnOf([fine], [['fine', '']]);
    expect(results).toEqual([answered('call_1', 'fine')]);
  });
});

describe('a tool that ignores its signal', () => {
  test('is timed out on its own, told so, and nothing it does later is heard', async () => {
    const time = virtualTime();
    const late: { aborted: boolean; reason: unknown }[] = [];
    const slow = defineTool({
      name: 'slow',
      description: 'Ends late.',
      input: anything,
      effect: 'read',
      timeoutMs: 50,
      async run(_, ctx) {
        ctx.progress('begun');
        await time.sleep(80);
        ctx.progress('too late');
        late.push({ aborted: ctx.signal.aborted, reason: (ctx.signal.reason as Error).name });
        return 'too late';
      },
    });
    const patient = defineTool({
      name: 'patient',
      description: 'Keeps the run going.',
      input: anything,
      run: () => time.sleep(100).then(() => 'patient'),
    });
    const { results, events } = await turnOf([slow, patient], [['slow'], ['patient']], { time });
    expect(results).toEqual([
      failed(
        'call_1',
        'The tool did not end within 50 ms and is no longer waited for. It changed nothing: it can be repeated, perhaps with a smaller request.',
      ),
      answered('call_2', 'patient'),
    ]);
    expect(late).toEqual([{ aborted: true, reason: 'TimeoutError' }]);
    expect(events.flatMap((event) => toolTimes(event))).toEqual([
      ['tool-progress', 'slow', 'begun'],
      ['tool-end', 'slow', 50],
      ['tool-end', 'patient', 100],
    ]);
  });
});

function toolTimes(event: AgentEvent): unknown[] {
  if (event.type === 'tool-progress') return [[event.type, event.tool, event.message]];
  return event.type === 'tool-end' ? [[event.type, event.tool, event.durationMs]] : [];
}
