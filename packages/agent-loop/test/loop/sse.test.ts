import { Stream } from '@anthropic-ai/sdk/core/streaming';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder } from '../../src/request/sse.ts';

type Frame = readonly [event: string | null, data: string];

function decode(pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new SseDecoder((event, data) => frames.push([event, data]));
  for (const piece of pieces) decoder.feed(piece);
  decoder.end();
  return frames;
}

/** What the SDK's own reader makes of the same bytes. */
async function decodeWithSdk(bytes: Uint8Array<ArrayBuffer>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const { event, data } of Stream.rawEvents(new Response(bytes))) frames.push([event, data]);
  return frames;
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe('the decoder of event streams', () => {
  it('reads frames with any line ending, comments, several data lines and a byte order mark', () => {
    const text =
      '\uFEFFevent: a\ndata: 1\n\n: comment\r\nevent:b\r\ndata:2\r\ndata: 3\r\n\r\ndata\r\rid: 7\n\n';
    expect(decode([new TextEncoder().encode(text)])).toEqual([
      ['a', '1'],
      ['b', '2\n3'],
      [null, ''],
    ]);
  });

  it('drops a frame that is cut off', () => {
    expect(decode([new TextEncoder().encode('event: a\ndata: 1\n\nevent: b\ndata: 2\n')])).toEqual([
      ['a', '1'],
    ]);
  });

  it('agrees with the SDK on every stream, however it is cut', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        '',
        '',
        'event: x',
        'event:y',
        'data: {"a":1}',
        'data:',
        'data',
        ': ping',
        'retry: 1',
        'dataset: 1',
      ),
      fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
    );
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(stream, fc.array(fc.nat(), { maxLength: 8 }), async (lines, at) => {
        // The last line is ended, and followed by an empty one, so that both readers end after a whole frame.
        const bytes = new TextEncoder().encode(`${lines.map((pair) => pair.join('')).join('')}\n\n\n`);
        expect(decode(cut(bytes, at))).toEqual(await decodeWithSdk(bytes));
      }),
      { numRuns: 2000, seed: 7 },
    );
  });
});
