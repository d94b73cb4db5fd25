import process from 'node:process';

/** The body types that are sent as they are; anything else goes through the global fetch. */
type SentBody = string | Uint8Array | ArrayBuffer | null | undefined;

/** What is known to be equivalent to the global fetch: an http(s) URL, a plain body, and only options that are understood. */
export interface PlainRequest {
  readonly url: URL;
  readonly method: string;
  /** Names and values in turn, as node:http sends them unparsed. */
  readonly headers: string[];
  readonly body: { readonly bytes: Uint8Array; readonly isText: boolean } | undefined;
  readonly signal: AbortSignal | undefined;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Headers that frame the message or name the connection; node:http and the global fetch treat them differently. */
const FRAMING = new Set(
  (
    'connection content-length expect host keep-alive proxy-authorization proxy-connection te trailer ' +
    'transfer-encoding upgrade'
  ).split(' '),
);

/** Source text that only Node's own `fetch` has; a wrapper made by a test tool or a tracer does not. */
const NATIVE_MARK = "require('internal/deps/undici/undici')";

let nativeFetch: typeof fetch | undefined;
isNative(globalThis.fetch);

function isNative(candidate: typeof fetch): boolean {
  if (candidate === nativeFetch) return true;
  if (!Function.prototype.toString.call(candidate).includes(NATIVE_MARK)) return false;
  nativeFetch = candidate;
  return true;
}

/** Node reads these once, when it starts. */
const proxyIsOn = (() => {
  const flags = process.execArgv.concat((process.env['NODE_OPTIONS'] ?? '').split(/\s+/));
  const on = process.env['NODE_USE_ENV_PROXY'] === '1' || flags.includes('--use-env-proxy');
  return on && ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => process.env[name]);
})();

const DISPATCHERS = [
  Symbol.for('undici.globalDispatcher.1'),
  Symbol.for('undici.globalDispatcher.2'),
] as const;
const acceptedDispatchers = new WeakSet<object>();

/**
 * Whether a global dispatcher is one that undici makes by itself. A subclass, a mock, a proxy agent, a
 * composed one or an `Agent` with any option set was put there by somebody who wants it used.
 */
function isDefaultDispatcher(candidate: unknown): boolean {
  if (candidate === undefined) return true;
  if (typeof candidate !== 'object' || candidate === null) return false;
  if (acceptedDispatchers.has(candidate)) return true;
  const own = Object.getPrototypeOf(candidate) as { constructor: { name: string } };
  const base = Object.getPrototypeOf(own) as { constructor: { name: string }; dispatch?: unknown };
  const { dispatch } = candidate as { dispatch?: unknown };
  let isDefault = false;
  if (own.constructor.name === 'Agent') {
    isDefault =
      base.constructor.name === 'DispatcherBase' && dispatch === base.dispatch && hasNoOptions(candidate);
  } else if (own.constructor.name === 'Dispatcher1Wrapper') {
    // From undici 8 the first symbol holds an adapter to the dispatcher under the second one.
    isDefault = !Object.hasOwn(candidate, 'dispatch');
  }
  if (isDefault) acceptedDispatchers.add(candidate);
  return isDefault;
}

function hasNoOptions(agent: object): boolean {
  const bySymbol = new Map(Object.getOwnPropertySymbols(agent).map((symbol) => [symbol.description, symbol]));
  const read = (name: string) => (agent as Record<symbol, unknown>)[bySymbol.get(name) ?? Symbol()];
  const options = read('options');
  if (typeof options !== 'object' || options === null) return false;
  const plain = Object.values(options).every(
    (value) => value === undefined || value === Number.POSITIVE_INFINITY,
  );
  return plain && (read('factory') as { name?: string } | undefined)?.name === 'defaultFactory';
}

/** Whether the surroundings ask for the global fetch: a switch, a replaced fetch, a proxy, or a dispatcher. */
function surroundingsAreOrdinary(self: typeof fetch): boolean {
  return (
    (globalThis.fetch === self || isNative(globalThis.fetch)) &&
    !proxyIsOn &&
    process.env['PAWL_FETCH'] !== 'global' &&
    DISPATCHERS.every((symbol) => isDefaultDispatcher((globalThis as Record<symbol, unknown>)[symbol]))
  );
}

function isSent(body: unknown): body is SentBody {
  if (body === undefined || body === null || typeof body === 'string' || body instanceof ArrayBuffer)
    return true;
  return body instanceof Uint8Array && body.buffer instanceof ArrayBuffer;
}

function plainBody(body: SentBody): PlainRequest['body'] {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return { bytes: Buffer.from(body), isText: true };
  return { bytes: body instanceof ArrayBuffer ? new Uint8Array(body) : body, isText: false };
}

function plainUrl(input: string | URL | Request): URL | undefined {
  const url = typeof input === 'string' || input instanceof URL ? URL.parse(String(input)) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined;
  return url.username || url.password ? undefined : url;
}

/** Options that come with a prototype, such as a `Request`, keep their fields in getters that are not own. */
function hasOnlyKnownOptions(init: RequestInit): boolean {
  const prototype: unknown = Object.getPrototypeOf(init);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const [key, value] of Object.entries(init)) {
    const known = key === 'method' || key === 'headers' || key === 'body' || key === 'signal';
    if (!known && value !== undefined) return false;
  }
  return true;
}

function plainHeaders(given: RequestInit['headers']): string[] | undefined {
  const headers = given instanceof Headers ? given : new Headers(given);
  const flat: string[] = [];
  for (const [name, value] of headers) {
    if (FRAMING.has(name)) return undefined;
    flat.push(name, value);
  }
  return flat;
}

/** The request when it is surely equivalent over node:http, else `undefined`: then `globalFetch` has to send it. */
export function asPlain(
  self: typeof fetch,
  input: string | URL | Request,
  init: RequestInit,
): PlainRequest | undefined {
  if (!surroundingsAreOrdinary(self) || !hasOnlyKnownOptions(init)) return undefined;
  const { method = 'GET', body, signal } = init;
  if (!METHODS.has(method) || !isSent(body)) return undefined;
  if ((method === 'GET' || method === 'HEAD') && body !== undefined && body !== null) return undefined;
  if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) return undefined;
  const url = plainUrl(input);
  const headers = url && plainHeaders(init.headers);
  return headers && { url, method, headers, body: plainBody(body), signal: signal ?? undefined };
}

/** The way back: the global fetch of this moment, or Node's own when `self` was installed in its place. */
export function globalFetch(
  self: typeof fetch,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  if (globalThis.fetch !== self) return globalThis.fetch(input, init);
  if (!nativeFetch)
    throw new TypeError(
      "httpFetch was installed as the global fetch over one it does not know; pass it as the client's `fetch` instead",
    );
  return nativeFetch(input, init);
}
