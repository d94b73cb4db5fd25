export { doctor } from './doctor.ts';
export type { Diagnosis, Patient, Verify } from './doctor.ts';
export type { SessionFinding } from '../session/session-findings.ts';
export { httpFetch } from './http-fetch.ts';
export { image, MediaError, pdf } from './media.ts';
export type { ImageOptions, MediaErrorCode, MediaSource, PdfOptions } from './media.ts';
