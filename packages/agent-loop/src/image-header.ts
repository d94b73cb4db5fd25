import type { Base64ImageSource } from '@anthropic-ai/sdk/resources/messages';

/** What the first bytes of an image tell. */
export interface ImageHeader {
  readonly mediaType: Base64ImageSource['media_type'];
  readonly width: number;
  readonly height: number;
}

/**
 * Type and dimensions of a JPEG, PNG, GIF or WebP image, or null for anything else. Throws a RangeError where the image
 * ends before it has told them.
 *
 * Four headers are read here rather than by a library: it would be one more package in every installation, for those
 * few who send images, and it would read twenty formats that the API refuses.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(from, from + length));
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') {
    return { mediaType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') {
    return { mediaType: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (text(0, 4) === 'RIFF' && text(8, 4) === 'WEBP') {
    return { mediaType: 'image/webp', ...webpSize(view, text(12, 4)) };
  }
  if (text(0, 3) === '\xff\xd8\xff') return { mediaType: 'image/jpeg', ...jpegSize(view) };
  return null;
}

/** See https://developers.google.com/speed/webp/docs/riff_container: lossy, lossless and extended files differ. */
function webpSize(view: DataView, chunk: string): { width: number; height: number } {
  const uint24 = (at: number): number => view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  switch (chunk) {
    case 'VP8X':
      return { width: uint24(24) + 1, height: uint24(27) + 1 };
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8 ':
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    default:
      throw new RangeError('The first chunk is no image.');
  }
}

/** Follows the segments to the frame header. Those that begin a frame are C0 to CF, but for C4, C8 and CC. */
function jpegSize(view: DataView): { width: number; height: number } {
  for (let at = 2; ;) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at += 1;
    if (view.getUint8(at) !== 0xff) throw new RangeError('A segment does not begin with its marker.');
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
}
