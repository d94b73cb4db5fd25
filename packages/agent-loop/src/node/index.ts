export { httpFetch } from './http-fetch.ts';
export { image, MediaError, pdf } from './media.ts';
export type { ImageOptions, MediaErrorCode, MediaSource, PdfOptions } from './media.ts';
