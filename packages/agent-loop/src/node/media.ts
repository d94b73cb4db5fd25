import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ImageHeader, readImageHeader } from '../image-header.ts';
import type {
  Base64ImageSource,
  DocumentBlockParam,
  ImageBlockParam,
} from '@anthropic-ai/sdk/resources/messages';

/** What can be wrong with an image or a PDF before it is sent; `MediaError.code` is one of these. */
export type MediaErrorCode =
  | 'not-found'
  | 'unreadable'
  | 'empty'
  | 'wrong-type'
  | 'corrupt'
  | 'encrypted'
  | 'too-large'
  | 'too-many-pixels'
  | 'too-many-pages';

/** An image or PDF that the API would refuse. The message says what was found, what is accepted and what to do. */
export class MediaError extends Error {
  readonly code: MediaErrorCode;

  constructor(code: MediaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MediaError';
    this.code = code;
  }
}

/** Where media comes from: a path, a `file:` URL, an http(s) URL that the API fetches itself, or the bytes. */
export type MediaSource = string | URL | Uint8Array;

/** Options of `image`. */
export type ImageOptions = Partial<Pick<ImageBlockParam, 'cache_control' | 'transformations'>>;

/** Options of `pdf`. */
export interface PdfOptions extends Partial<Pick<DocumentBlockParam, 'cache_control'>> {
  /** Shown to the model beside the document, and in citations. */
  title?: string;
  /** Told to the model about the document, and never cited. */
  context?: string;
  /** Whether the reply cites the document; the API wants the same for all documents of a request. Default: false. */
  citations?: boolean;
}

const MIB = 1_048_576;
/** The API counts an image as it is sent, in base64: about 7.5 MiB of file. */
const IMAGE_MAX_BASE64_BYTES = 10 * MIB;
/** The API's limit for a whole request, in which a PDF travels as base64: about 24 MiB of file. */
const REQUEST_MAX_BYTES = 32 * MIB;
const IMAGE_MAX_SIDE_PX = 8_000;
const PDF_MAX_PAGES = 600;
/** A PDF's header may follow some junk; readers look for it in this many bytes. */
const PDF_HEADER_WITHIN_BYTES = 1_024;

/**
 * An image as a content block for user input.
 *
 * A file or bytes are read and checked before anything is sent: JPEG, PNG, GIF or WebP by content (the name
 * does not matter), at most 10 MiB in base64 and 8,000 pixels a side. An http(s) URL is handed to the API unread.
 * @throws MediaError with a `code` when the API would refuse the image.
 */
export async function image(source: MediaSource, options: ImageOptions = {}): Promise<ImageBlockParam> {
  const url = remoteUrl(source);
  if (url) return { type: 'image', source: { type: 'url', url }, ...options };
  const { bytes, name } = await load(source, IMAGE_MAX_BASE64_BYTES, 'Scale it down or compress it more.');
  const media_type = checkedImageType(bytes, name);
  return { type: 'image', source: { type: 'base64', media_type, data: base64(bytes) }, ...options };
}

/**
 * A PDF as a content block for user input.
 *
 * A file or bytes are read and checked before anything is sent: a PDF by content, not encrypted, small enough
 * for a request of 32 MiB in base64, and at most 600 pages as far as the file tells without being parsed (models with a
 * window below 1M tokens take 100). An http(s) URL is handed to the API unread.
 * @throws MediaError with a `code` when the API would refuse the document.
 */
export async function pdf(source: MediaSource, options: PdfOptions = {}): Promise<DocumentBlockParam> {
  const { citations, ...rest } = options;
  const common = { ...rest, ...(citations !== undefined && { citations: { enabled: citations } }) };
  const url = remoteUrl(source);
  if (url) return { type: 'document', source: { type: 'url', url }, ...common };
  const { bytes, name } = await load(source, REQUEST_MAX_BYTES, 'Split it, or upload it with the Files API.');
  checkPdf(bytes, name);
  const data = base64(bytes);
  return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data }, ...common };
}

function remoteUrl(source: MediaSource): string | undefined {
  if (source instanceof Uint8Array) return undefined;
  const text = String(source);
  if (/^https?:\/\//i.test(text)) return new URL(text).href;
  const scheme = /^([a-z][a-z\d+.-]+):\/*/i.exec(text)?.[1]?.toLowerCase();
  // A Windows drive is one letter, so it never looks like a scheme here.
  if (scheme && scheme !== 'file') {
    throw new MediaError(
      'unreadable',
      `"${clip(text)}" has the scheme "${scheme}:"; expected a path, a file: or http(s): URL, or bytes.`,
    );
  }
  return undefined;
}

interface Loaded {
  readonly bytes: Uint8Array;
  /** How messages call it. */
  readonly name: string;
}

async function load(source: MediaSource, maxBase64Bytes: number, remedy: string): Promise<Loaded> {
  if (source instanceof Uint8Array) {
    checkSize(source.byteLength, maxBase64Bytes, 'The given data', remedy);
    return { bytes: source, name: 'The given data' };
  }
  const path = String(source).startsWith('file:') ? fileURLToPath(source) : String(source);
  try {
    // The size first: a file far over the limit is not read into memory to be refused.
    checkSize((await stat(path)).size, maxBase64Bytes, path, remedy);
    return { bytes: await readFile(path), name: path };
  } catch (error) {
    if (error instanceof MediaError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new MediaError('not-found', `${path} does not exist (relative to ${process.cwd()}).`, {
        cause: error,
      });
    }
    throw new MediaError('unreadable', `${path} could not be read: ${message}`, { cause: error });
  }
}

function checkSize(bytes: number, maxBase64Bytes: number, name: string, remedy: string): void {
  if (bytes === 0) throw new MediaError('empty', `${name} is empty.`);
  const encoded = Math.ceil(bytes / 3) * 4;
  if (encoded <= maxBase64Bytes) return;
  const limit = `${maxBase64Bytes / MIB} MiB in base64 (${mib((maxBase64Bytes / 4) * 3)} of file)`;
  throw new MediaError(
    'too-large',
    `${name} has ${mib(bytes)}, ${mib(encoded)} in base64; the API accepts ${limit}. ${remedy}`,
  );
}

function checkedImageType(bytes: Uint8Array, name: string): Base64ImageSource['media_type'] {
  const { mediaType, width, height } = readHeader(bytes, name);
  if (!(width > 0 && height > 0)) {
    throw new MediaError('corrupt', `${name} says it is ${width} x ${height} pixels.`);
  }
  if (Math.max(width, height) > IMAGE_MAX_SIDE_PX) {
    const limit = `the API accepts ${IMAGE_MAX_SIDE_PX} a side. Scale it down or cut it into parts.`;
    throw new MediaError('too-many-pixels', `${name} is ${width} x ${height} pixels; ${limit}`);
  }
  return mediaType;
}

function readHeader(bytes: Uint8Array, name: string): ImageHeader {
  let header: ImageHeader | null;
  try {
    header = readImageHeader(bytes);
  } catch (error) {
    throw new MediaError('corrupt', `${name} is damaged or cut short: its dimensions cannot be read.`, {
      cause: error,
    });
  }
  if (header) return header;
  if (isPdf(bytes)) {
    throw new MediaError('wrong-type', `${name} is a PDF, not an image. Use pdf() for it.`);
  }
  throw new MediaError(
    'wrong-type',
    `${name} is not an image of a format that the API accepts: JPEG, PNG, GIF or WebP. Convert it first.`,
  );
}

function isPdf(bytes: Uint8Array): boolean {
  return asBuffer(bytes).subarray(0, PDF_HEADER_WITHIN_BYTES).includes('%PDF-');
}

function checkPdf(bytes: Uint8Array, name: string): void {
  if (!isPdf(bytes)) {
    throw new MediaError(
      'wrong-type',
      `${name} does not begin like a PDF ("%PDF-"). Use image() for images, and text as it is.`,
    );
  }
  const text = asBuffer(bytes).toString('latin1');
  if (/\/Encrypt\s+\d+\s+\d+\s+R\b/.test(text)) {
    throw new MediaError(
      'encrypted',
      `${name} is encrypted, which the API refuses. Save it without a password or restrictions.`,
    );
  }
  const pages = declaredPages(text);
  if (pages > PDF_MAX_PAGES) {
    throw new MediaError(
      'too-many-pages',
      `${name} has ${pages} pages; the API accepts ${PDF_MAX_PAGES}. Split it.`,
    );
  }
}

/**
 * The page count a PDF states in its page tree, or 0 when that lies in a compressed part. Reading it there
 * takes a PDF parser; such a file is let through, and the API counts.
 */
function declaredPages(text: string): number {
  const tree = /\/Type\s*\/Pages\b[^>]{0,500}?\/Count\s+(\d+)|\/Count\s+(\d+)[^>]{0,500}?\/Type\s*\/Pages\b/g;
  let pages = 0;
  for (const [, after, before] of text.matchAll(tree)) pages = Math.max(pages, Number(after ?? before));
  return pages;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function base64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** Long enough to recognise, short enough for a message: a data: URL is a whole file. */
function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
