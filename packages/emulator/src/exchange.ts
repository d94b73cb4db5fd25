import type { JsonObject } from './json.ts';
import type { Ending, RecordedRequest, RefusedRequest, RequestBody } from './types.ts';

/** A request as it reaches the emulator, from memory or from a socket. */
export interface Incoming {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyText: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** The record of one request while it is being served. */
export interface Exchange {
  readonly id: string;
  readonly incoming: Incoming;
  /** Sets the parsed body. */
  parsed(body: RequestBody): void;
  /** The response headers are sent now. */
  begin(status: number): void;
  /** What has been billed so far. */
  bill(usage: JsonObject): void;
  /** The first call decides how the request ended. */
  end(ending: Ending): void;
  readonly ended: Ending;
}

/** The requests seen so far, and the refused ones among them. */
export interface RequestLog {
  readonly requests: readonly RecordedRequest[];
  readonly refusals: readonly RefusedRequest[];
  open(id: string, incoming: Incoming, at: number): Exchange;
  refuse(refused: RefusedRequest): void;
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/** A log that keeps the newest `max` requests (Infinity: all, 0: none). */
export function createRequestLog(max: number): RequestLog {
  const requests: RecordedRequest[] = [];
  const refusals: RefusedRequest[] = [];
  return {
    requests,
    refusals,
    refuse: (refused) => {
      refusals.push(refused);
    },
    open: (id, incoming, at) => {
      const record: Mutable<RecordedRequest> = {
        id,
        method: incoming.method,
        path: incoming.target,
        headers: maskSecrets(incoming.headers),
        body: undefined,
        bodyText: incoming.bodyText,
        at,
        status: 0,
        ended: 'open',
        usage: null,
      };
      if (max > 0) requests.push(record);
      if (requests.length > max) requests.shift();
      return exchangeOf(record, incoming);
    },
  };
}

function exchangeOf(record: Mutable<RecordedRequest>, incoming: Incoming): Exchange {
  return {
    id: record.id,
    incoming,
    parsed: (body) => {
      record.body = body;
    },
    begin: (status) => {
      record.status = status;
    },
    bill: (usage) => {
      record.usage = usage;
    },
    end: (ending) => {
      if (record.ended === 'open') record.ended = ending;
    },
    get ended() {
      return record.ended;
    },
  };
}

const secretHeaders = new Set(['authorization', 'x-api-key', 'cookie', 'proxy-authorization']);

function maskSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, secretHeaders.has(name) ? '***' : value]),
  );
}
