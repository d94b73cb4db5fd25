import type { Body } from './body.ts';
import type { ErrorSpec } from './types.ts';

/** What goes back to the client: a response, or a connection that fails before one. */
export type Outcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | Body;
    }
  | { readonly kind: 'no-response'; readonly code: 'ECONNREFUSED' | 'ECONNRESET' };

/** The API's error body. */
export function errorBody(error: ErrorSpec, requestId: string): string {
  const { type, message, details } = error;
  return JSON.stringify({
    type: 'error',
    error: { type, message, ...(details && { details }) },
    request_id: requestId,
  });
}
