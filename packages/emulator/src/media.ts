import { imageSize } from 'image-size';
import type { JsonObject } from './json.ts';
import { asObject, asString } from './json.ts';

/** Tokens of a medium for models since 4.7 and for older ones, or what is wrong with it. */
export type Medium =
  | { readonly high: number; readonly low: number; readonly pages: number }
  | { readonly problem: string };

const maxImageBytes = 10 * 1024 * 1024;
const maxSide = 8000;
const tokensPerPage = 2000;

/** Sizes up an image block. Images by URL and by file id are not fetched: they count as one of 1,092 x 1,092. */
export function measureImage(block: JsonObject): Medium {
  const source = asObject(block['source']);
  if (source['type'] !== 'base64') return sized(1092, 1092);
  const data = asString(source['data']) ?? '';
  const bytes = Math.floor((data.length * 3) / 4);
  if (bytes > maxImageBytes)
    return { problem: `image exceeds 10 MB maximum: ${bytes} bytes > ${maxImageBytes} bytes` };
  const start = decode(data.slice(0, 349_524));
  if (start === undefined) return { problem: 'Invalid base64 data' };
  return measureBytes(start, asString(source['media_type']) ?? '');
}

function measureBytes(start: string, mediaType: string): Medium {
  try {
    const { width, height, type } = imageSize(Uint8Array.from(start, (unit) => unit.charCodeAt(0)));
    if (type !== undefined && `image/${type === 'jpg' ? 'jpeg' : type}` !== mediaType) {
      return {
        problem: `The image was specified using the ${mediaType} media type, but does not appear to be a ${mediaType} image`,
      };
    }
    if (Math.max(width, height) > maxSide) {
      return { problem: `At least one of the image dimensions exceed max allowed size: ${maxSide} pixels` };
    }
    return sized(width, height);
  } catch {
    return { problem: 'Could not process image' };
  }
}

function sized(width: number, height: number): Medium {
  return { high: patches(width, height, 2576, 4784), low: patches(width, height, 1568, 1568), pages: 0 };
}

/** Patches of 28 pixels after scaling down to the longest side and the most tokens a model takes. */
function patches(width: number, height: number, longest: number, most: number): number {
  const scale = Math.min(1, longest / Math.max(width, height));
  const count = Math.ceil((width * scale) / 28) * Math.ceil((height * scale) / 28);
  return Math.min(most, count);
}

/** Sizes up a document block: text by its length (counted elsewhere), PDFs by their pages. */
export function measureDocument(block: JsonObject): Medium {
  const source = asObject(block['source']);
  if (source['type'] === 'url' || source['type'] === 'file') return pagesOf(1);
  if (source['type'] !== 'base64') return pagesOf(0);
  const text = decode(asString(source['data']) ?? '');
  if (text === undefined || !text.startsWith('%PDF')) return { problem: 'The PDF specified was not valid.' };
  return pagesOf(Math.max(1, text.match(/\/Type\s*\/Page(?![a-zA-Z])/g)?.length ?? 0));
}

function pagesOf(pages: number): Medium {
  return { high: pages * tokensPerPage, low: pages * tokensPerPage, pages };
}

function decode(base64: string): string | undefined {
  try {
    return atob(base64);
  } catch {
    return undefined;
  }
}
