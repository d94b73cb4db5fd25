/** A call of fetch, read. */
export interface FetchCall {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  readonly headers: Headers;
  readonly bodyText: string;
}

/** Reads the arguments of a fetch call. A `Request` with a body is read from a copy, so that it can still be sent. */
export async function readFetchCall(
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<FetchCall> {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(urlOf(input));
  return {
    method: (init?.method ?? request?.method ?? 'GET').toUpperCase(),
    target: url.pathname + url.search,
    headers: new Headers(init?.headers ?? request?.headers),
    bodyText: await textOf(init?.body ?? undefined, request?.clone()),
  };
}

function urlOf(input: string | URL | Request): string {
  if (typeof input === 'string') return input;
  return input instanceof Request ? input.url : input.href;
}

async function textOf(body: RequestInit['body'], request: Request | undefined): Promise<string> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  if (body === undefined || body === null) return request ? request.text() : '';
  return new Response(body).text();
}
