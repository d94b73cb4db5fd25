import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type ToolOutput } from '../../src/index.ts';
import { answered, answerOf, failed } from '../support/agent-under-test.ts';

/** What the model reads of a tool that gives `output`. The request that holds it passes the emulator's checks. */
const given = (output: unknown, more: object = {}) =>
  answerOf(
    defineTool({
      name: 'give',
      description: 'Gives.',
      input: z.object({}),
      run: () => output as ToolOutput,
      ...more,
    }),
  );

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const pdf = btoa('%PDF-1.7 /Type /Page');
const base64 = (media_type: string, data: string) => ({ type: 'base64', media_type, data });
const image = (source: object, more: object = {}) => ({ type: 'image', source, ...more });
const document = (source: object, more: object = {}) => ({ type: 'document', source, ...more });
const text = { type: 'text', text: 'Oslo' };
const found = { type: 'search_result', source: 'a.md', title: 'A', content: [text] };

/** The header of a PNG of so many pixels. */
function pngOf(width: number, height: number): string {
  const header = Uint8Array.from(atob(png), (unit) => unit.charCodeAt(0));
  new DataView(header.buffer).setUint32(16, width);
  new DataView(header.buffer).setUint32(20, height);
  return btoa(String.fromCharCode(...header));
}

describe('blocks that the API takes are sent as blocks', () => {
  test.each<[string, object]>([
    ['an image in base64', image(base64('image/png', png))],
    [
      'an image that must not be scaled',
      image(base64('image/png', png), { transformations: { oversized_image: 'error' } }),
    ],
    ['an image by URL', image({ type: 'url', url: 'https://a.example/b.svg' })],
    ['an image by file id', image({ type: 'file', file_id: 'file_1' })],
    ['a PDF', document(base64('application/pdf', pdf), { title: 'A', context: null })],
    ['a text as document', document({ type: 'text', media_type: 'text/plain', data: 'x' })],
    ['blocks as document', document({ type: 'content', content: [text] }, { citations: { enabled: true } })],
    ['a search result', { ...found, citations: { enabled: false } }],
    ['a text of a reply that cites nothing', { ...text, citations: null }],
  ])('%s', async (_, block) => {
    expect(await given([block])).toEqual(answered('call_1', [block]));
  });

  test('an absent field may be undefined', async () => {
    expect(await given([{ ...text, citations: undefined }])).toEqual(answered('call_1', [text]));
  });

  test('without the markers of a cache, of which a conversation may have four', async () => {
    const marked = { ...text, cache_control: { type: 'ephemeral' } };
    expect(await given([marked, marked, marked, marked, marked])).toEqual(
      answered('call_1', [text, text, text, text, text]),
    );
    expect(await given([marked], { maxResultBytes: 2 })).toEqual(
      answered('call_1', [
        { type: 'text', text: 'Os' },
        { type: 'text', text: expect.stringContaining('[Cut: ') as string },
      ]),
    );
  });

  test('in Unicode throughout', async () => {
    const half = 'a\uD800';
    expect(
      await given([
        document({ type: 'text', media_type: 'text/plain', data: half }),
        { ...found, title: half, content: [{ type: 'text', text: half }] },
      ]),
    ).toEqual(
      answered('call_1', [
        document({ type: 'text', media_type: 'text/plain', data: 'a\uFFFD' }),
        { ...found, title: 'a\uFFFD', content: [{ type: 'text', text: 'a\uFFFD' }] },
      ]),
    );
  });
});

describe('data that only looks like blocks is JSON text', () => {
  test.each<[string, unknown]>([
    ['a row of texts', [{ type: 'text', text: 'row', id: 5 }]],
    ['a text that cites', [{ ...text, citations: [{ type: 'char_location' }] }]],
    ['an image that is a link', [image({ type: 'url', url: 'https://a.example', size: 3 })]],
    ['an image of a source nobody knows', [image({ type: 'nope' })]],
    ['a document of a source nobody knows', [document({ type: 'nope' })]],
    ['a document without its text', [document({ type: 'text', media_type: 'text/plain', data: '' })]],
    ['a document with a number', [document({ type: 'url', url: 'https://a.example' }, { pages: 2 })]],
    ['a hit with a score', [{ ...found, score: 0.5 }]],
    ['a hit without text', [{ ...found, content: [{ type: 'text', text: '' }] }]],
    ['a reference with an id', [{ type: 'tool_reference', tool_name: 'hammer', id: 1 }]],
    ['the state of a browser', [{ type: 'browser_state', a: 1 }]],
    ['blocks and data', [text, { type: 'text', text: 'row', id: 5 }]],
  ])('%s', async (_, output) => {
    expect(await given(output)).toEqual(answered('call_1', JSON.stringify(output)));
  });
});

describe('bytes that the API refuses are an error that says what to return', () => {
  const noImage = (problem: string) =>
    failed(
      'call_1',
      `Error: The tool returned an image that the API refuses: ${problem}. Return a JPEG, PNG, GIF or WebP in base64 with its own media_type, of at most 10 MiB and 8,000 pixels a side, or text.`,
    );
  const noPdf = (problem: string) =>
    failed(
      'call_1',
      `Error: The tool returned a document that the API refuses: ${problem}. Return a PDF in base64 with the media_type application/pdf, or text.`,
    );

  test.each<[string, object, unknown]>([
    [
      'a vector image',
      image(base64('image/svg+xml', btoa('<svg/>'))),
      noImage('its media_type is "image/svg+xml"'),
    ],
    ['no bytes', image(base64('image/png', '')), noImage('its data is empty')],
    [
      'a data URL',
      image(base64('image/png', `data:image/png;base64,${png}`)),
      noImage('its data is not base64'),
    ],
    [
      'another type than it says',
      image(base64('image/jpeg', png)),
      noImage('its media_type is image/jpeg, but its data is image/png'),
    ],
    [
      'no image',
      image(base64('image/png', btoa('not found'))),
      noImage('its data is no image of these types'),
    ],
    [
      'half an image',
      image(base64('image/png', png.slice(0, 16))),
      noImage('its data is damaged or cut short'),
    ],
    [
      'a screenshot of a long page',
      image(base64('image/png', pngOf(1280, 8001))),
      noImage('it has 1280 x 8001 pixels'),
    ],
    [
      'an image that is too large',
      image(base64('image/png', png.padEnd(10_485_764, 'A'))),
      noImage('its base64 has more than 10 MiB'),
    ],
    [
      'an image with fields of its own',
      image(base64('image/png', png), { alt: 'A dot' }),
      noImage('it has fields that the API does not know'),
    ],
    [
      'a document that is no PDF',
      document(base64('text/html', btoa('<p>'))),
      noPdf('its media_type is "text/html"'),
    ],
    ['a PDF that is none', document(base64('application/pdf', btoa('<p>'))), noPdf('its data is no PDF')],
    ['an empty PDF', document(base64('application/pdf', '')), noPdf('its data is empty')],
  ])('%s', async (_, block, result) => {
    expect(await given([text, block])).toEqual(result);
  });
});
