import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readImageHeader } from '../../src/image-header.ts';
import { image, MediaError, pdf } from '../../src/node/index.ts';

/** The first bytes of an image of each format, which are all that tells its type and dimensions. */
const png = (width: number, height: number) => {
  const bytes = Buffer.alloc(33);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  bytes.write('IHDR', 12);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
};
const gif = (width: number, height: number) => {
  const bytes = Buffer.alloc(20);
  bytes.write('GIF89a');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes;
};
const jpeg = (width: number, height: number) => {
  const app0 = Buffer.from([0xff, 0xe0, 0, 16, ...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  const frame = Buffer.from([0xff, 0xc0, 0, 17, 8, 0, 0, 0, 0, 3, 1, 17, 0, 2, 17, 0, 3, 17, 0, 0xff, 0xd9]);
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), app0, frame, Buffer.alloc(64)]);
};
const webp = (width: number, height: number) => {
  const bytes = Buffer.alloc(40);
  bytes.write('RIFF');
  bytes.writeUInt32LE(32, 4);
  bytes.write('WEBPVP8X', 8);
  bytes.writeUInt32LE(10, 16);
  bytes.writeUIntLE(width - 1, 24, 3);
  bytes.writeUIntLE(height - 1, 27, 3);
  return bytes;
};

const PDF =
  '%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 12 >>\nendobj\n';

async function folder(): Promise<
  AsyncDisposable & { write(name: string, bytes: Uint8Array | string): Promise<string> }
> {
  const path = await mkdtemp(join(tmpdir(), 'pawl-media-'));
  return {
    async write(name, bytes) {
      await writeFile(join(path, name), bytes);
      return join(path, name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

async function refusal(block: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await block.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MediaError);
  const { code, message } = error as MediaError;
  return { code, message };
}

describe('image', () => {
  test.for([
    ['image/png', png],
    ['image/gif', gif],
    ['image/jpeg', jpeg],
    ['image/webp', webp],
  ] as const)('%s is told by its content, whatever the name says', async ([media_type, make]) => {
    const bytes = make(8_000, 20);
    const source = { type: 'base64', media_type, data: bytes.toString('base64') };
    await using dir = await folder();
    const path = await dir.write('picture.txt', bytes);
    const expected = { type: 'image', source };
    expect(
      await Promise.all([image(path), image(pathToFileURL(path)), image(String(pathToFileURL(path)))]),
    ).toEqual([expected, expected, expected]);
    expect(await image(new Uint8Array(bytes))).toEqual(expected);
    const { code, message } = await refusal(image(make(20, 8_001)));
    expect([code, message]).toEqual([
      'too-many-pixels',
      'The given data is 20 x 8001 pixels; the API accepts 8000 a side. Scale it down or cut it into parts.',
    ]);
  });

  test('an http URL is handed over unread, with options', async () => {
    const cache_control = { type: 'ephemeral' } as const;
    expect(await image('https://example.com/a b.png', { cache_control })).toEqual({
      type: 'image',
      source: { type: 'url', url: 'https://example.com/a%20b.png' },
      cache_control,
    });
    expect(await image(new URL('http://example.com/a'))).toMatchObject({
      source: { url: 'http://example.com/a' },
    });
  });

  test('what the API would refuse is refused with what is wrong and what to do', async () => {
    await using dir = await folder();
    const big = await dir.write('big.png', png(10, 10));
    await truncate(big, 8_000_000);
    const cases: [() => Promise<unknown>, string, RegExp][] = [
      [async () => image(await dir.write('empty.png', '')), 'empty', /empty\.png is empty/],
      [async () => image('absent.png'), 'not-found', /absent\.png does not exist/],
      [async () => image(tmpdir()), 'unreadable', /could not be read/],
      [
        async () => image(big),
        'too-large',
        /7\.6 MiB, 10\.2 MiB in base64; the API accepts 10 MiB in base64 \(7\.5 MiB of file\)/,
      ],
      [
        async () => image(Buffer.from('hello, this is text')),
        'wrong-type',
        /not an image of a format that the API accepts.*Convert/,
      ],
      [async () => image(Buffer.from(PDF)), 'wrong-type', /is a PDF.*pdf\(\)/],
      [
        async () => image(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>')),
        'wrong-type',
        /not an image of a format that the API accepts/,
      ],
      [async () => image(png(0, 5)), 'corrupt', /0 x 5/],
      [async () => image(new Uint8Array(png(5, 5).subarray(0, 18))), 'corrupt', /damaged or cut short/],
      [async () => image('data:image/png;base64,AAAA'), 'unreadable', /scheme "data:"/],
    ];
    for (const [block, code, message] of cases) {
      expect(await refusal(block())).toEqual({ code, message: expect.stringMatching(message) });
    }
  });

  test('the largest image that fits is accepted', async () => {
    const bytes = Buffer.concat([png(10, 10), Buffer.alloc((10 * 1_048_576 * 3) / 4 - 33)]);
    expect(await image(bytes)).toMatchObject({ source: { media_type: 'image/png' } });
    expect((await refusal(image(Buffer.concat([bytes, Buffer.alloc(1)])))).code).toBe('too-large');
  });
});

/** The forms of WebP that are no `VP8X`, and a JPEG with much before its frame. */
const webpLossless = (width: number, height: number) => {
  const bytes = Buffer.alloc(40);
  bytes.write('RIFF');
  bytes.write('WEBPVP8L', 8);
  bytes[20] = 0x2f;
  bytes.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 21);
  return bytes;
};
const webpLossy = (width: number, height: number) => {
  const bytes = Buffer.alloc(40);
  bytes.write('RIFF');
  bytes.write('WEBPVP8 ', 8);
  bytes.writeUInt16LE(width, 26);
  bytes.writeUInt16LE(height, 28);
  return bytes;
};

describe('dimensions', () => {
  test.for([
    ['png', png],
    ['gif', gif],
    ['jpeg', jpeg],
    ['webp, extended', webp],
    ['webp, lossless', webpLossless],
    ['webp, lossy', webpLossy],
  ] as const)('%s: every cut before they are told is found', ([, make]) => {
    const whole = make(640, 333);
    expect(readImageHeader(whole)).toMatchObject({ width: 640, height: 333 });
    for (let length = 0; length < whole.length; length += 1) {
      let header: unknown;
      try {
        header = readImageHeader(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        continue;
      }
      if (header !== null) expect(header).toMatchObject({ width: 640, height: 333 });
    }
  });
});

describe('pdf', () => {
  test('a file, bytes and a URL, with options', async () => {
    await using dir = await folder();
    const source = {
      type: 'base64',
      media_type: 'application/pdf',
      data: Buffer.from(PDF).toString('base64'),
    };
    const options = { title: 'T', context: 'C', citations: true };
    const extra = { title: 'T', context: 'C', citations: { enabled: true } };
    expect(await pdf(await dir.write('report', PDF), options)).toEqual({
      type: 'document',
      source,
      ...extra,
    });
    expect(await pdf(Buffer.from(`junk\n${PDF}`))).toMatchObject({ type: 'document' });
    expect(await pdf('https://example.com/a.pdf', { citations: false })).toEqual({
      type: 'document',
      source: { type: 'url', url: 'https://example.com/a.pdf' },
      citations: { enabled: false },
    });
  });

  test('what the API would refuse is refused', async () => {
    await using dir = await folder();
    const big = await dir.write('big.pdf', PDF);
    await truncate(big, 26_000_000);
    const many = PDF.replace('/Count 12', '/Count 601');
    const manyFirst = PDF.replace(
      '/Type /Pages /Kids [3 0 R] /Count 12',
      '/Count 700 /Kids [3 0 R] /Type /Pages',
    );
    const cases: [() => Promise<unknown>, string, RegExp][] = [
      [async () => pdf(png(1, 1)), 'wrong-type', /does not begin like a PDF/],
      [async () => pdf(Buffer.alloc(0)), 'empty', /is empty/],
      [async () => pdf(big), 'too-large', /32 MiB in base64.*Files API/],
      [async () => pdf(Buffer.from(many)), 'too-many-pages', /has 601 pages; the API accepts 600/],
      [async () => pdf(Buffer.from(manyFirst)), 'too-many-pages', /has 700 pages/],
      [
        async () => pdf(Buffer.from(`${PDF}trailer\n<< /Encrypt 9 0 R >>`)),
        'encrypted',
        /without a password/,
      ],
    ];
    for (const [block, code, message] of cases) {
      expect(await refusal(block())).toEqual({ code, message: expect.stringMatching(message) });
    }
  });

  test('an outline with many entries is not a page count', async () => {
    const outline = `${PDF}5 0 obj\n<< /Type /Outlines /Count 5000 >>\nendobj\n`;
    expect(await pdf(Buffer.from(outline))).toMatchObject({ type: 'document' });
  });
});
