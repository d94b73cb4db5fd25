/** The text of a request body in any form fetch takes. */
export async function requestText(body: RequestInit['body'], request: Request | undefined): Promise<string> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  if (body === undefined || body === null) return request ? request.text() : '';
  return new Response(body).text();
}
