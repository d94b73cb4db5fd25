import { readImageHeader } from '../image-header.ts';

/** Bytes in a content block, in base64. */
export interface Base64Source {
  readonly media_type: string;
  readonly data: string;
}

const MIB = 1_048_576;
/** See https://platform.claude.com/docs/en/build-with-claude/vision: the API counts an image as it is sent. */
const IMAGE_MAX_BASE64_BYTES = 10 * MIB;
const IMAGE_MAX_SIDE_PX = 8_000;
const IMAGE_TYPES: readonly string[] = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
/** So much of an image tells its type and dimensions: 256 KiB of it. */
const HEADER_BASE64_BYTES = 349_528;
/** A PDF's header may follow some junk; readers look for it in 1,024 bytes. */
const PDF_HEADER_BASE64_BYTES = 1_368;

/** Why the API would refuse an image, or undefined. It looks at the bytes, whatever the media type says. */
export function imageProblem({ media_type, data }: Base64Source): string | undefined {
  if (!IMAGE_TYPES.includes(media_type)) return `its media_type is ${quoted(media_type)}`;
  if (data === '') return 'its data is empty';
  if (data.length > IMAGE_MAX_BASE64_BYTES) return 'its base64 has more than 10 MiB';
  const start = decoded(data, HEADER_BASE64_BYTES);
  if (!start) return 'its data is not base64';
  try {
    const header = readImageHeader(start);
    if (!header) return 'its data is no image of these types';
    const { mediaType, width, height } = header;
    if (mediaType !== media_type) return `its media_type is ${media_type}, but its data is ${mediaType}`;
    const isTooLarge = Math.max(width, height) > IMAGE_MAX_SIDE_PX;
    return isTooLarge ? `it has ${width} x ${height} pixels` : undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // What stands before the dimensions may be longer than what was looked at.
    return data.length > HEADER_BASE64_BYTES ? undefined : 'its data is damaged or cut short';
  }
}

/** Why the API would refuse a document of bytes, or undefined. */
export function pdfProblem({ media_type, data }: Base64Source): string | undefined {
  if (media_type !== 'application/pdf') return `its media_type is ${quoted(media_type)}`;
  if (data === '') return 'its data is empty';
  const start = decoded(data, PDF_HEADER_BASE64_BYTES);
  if (!start) return 'its data is not base64';
  return new TextDecoder('latin1').decode(start).includes('%PDF-') ? undefined : 'its data is no PDF';
}

/** The first bytes of base64, or undefined where it is none. */
function decoded(base64: string, length: number): Uint8Array | undefined {
  try {
    const start = atob(base64.slice(0, length));
    const bytes = new Uint8Array(start.length);
    for (let at = 0; at < start.length; at += 1) bytes[at] = start.charCodeAt(at);
    return bytes;
  } catch {
    return undefined;
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
