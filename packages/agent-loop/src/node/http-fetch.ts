import type { exchange } from './exchange.ts';
import { asPlain, globalFetch } from './way-back.ts';

let send: typeof exchange | undefined;

/**
 * A `fetch` over node:http for `new Anthropic({ fetch: httpFetch })`: it behaves like Node's global fetch at a
 * fraction of the CPU time and memory, keeps idle connections for 30 s, and has no limit of 300 s for the
 * headers or between two pieces of the body. A connection that does not open within 10 s fails.
 *
 * It hands over to `globalThis.fetch` whenever it is not surely equivalent: a redirect, a proxy from the
 * environment (`NODE_USE_ENV_PROXY`, `--use-env-proxy`), a global dispatcher or `fetch` that somebody
 * replaced, a body other than text or bytes, a `Request`, headers that frame the message, and any option
 * besides `method`, `headers`, `body` and `signal`. `PAWL_FETCH=global` in the environment hands over all.
 *
 * Bytes are sent without a copy: do not change them until the promise settles.
 *
 * @throws TypeError `fetch failed` (with `cause`) when no reply came; nothing is sent twice, except on a
 *   kept-alive connection that the server had closed before the request reached it.
 * @throws the signal's reason, from the promise or from reading the body, once it is aborted.
 */
export async function httpFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const request = asPlain(httpFetch, input, init);
  if (!request) return globalFetch(httpFetch, input, init);
  // With the first request: loading node:http costs a third of what importing the SDK does.
  send ??= (await import('./exchange.ts')).exchange;
  request.signal?.throwIfAborted();
  return send(request, () => globalFetch(httpFetch, input, init));
}
