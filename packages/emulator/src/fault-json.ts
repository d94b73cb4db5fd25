import type { Meter } from './answer.ts';
import type { Body, BodyOptions } from './body.ts';
import { SocketCut, writeText } from './body.ts';
import type { Exchange } from './exchange.ts';
import type { Fault } from './faults.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject } from './json.ts';
import type { Outcome } from './outcome.ts';
import { errorBody } from './outcome.ts';
import { apiError } from './reply.ts';

/** What a whole reply needs besides its text. */
export interface JsonReply {
  readonly headers: Readonly<Record<string, string>>;
  readonly exchange: Exchange;
  readonly meter: Meter;
  readonly options: BodyOptions;
}

const json = 'application/json';

/** A reply that is sent whole, with its fault worked in. */
export function faultyJson(text: string, fault: Fault | undefined, reply: JsonReply): Outcome {
  const { exchange, meter } = reply;
  switch (fault?.id) {
    case 'html':
      return whole(
        '<!doctype html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>',
        'text/html',
        reply,
      );
    case 'empty-body':
      return whole('', json, reply);
    case 'truncated-json':
      return whole(text.slice(0, Math.floor(text.length / 2)), json, reply);
    case 'malformed-json':
      return whole(`${text.slice(0, -1)},}`, json, reply);
    case 'error-event': {
      const { type = 'overloaded_error', message = 'Overloaded' } = fault;
      exchange.begin(statusOf(type));
      exchange.end('cut');
      const body = errorBody(apiError(statusOf(type), { type, message }), exchange.id);
      return {
        kind: 'response',
        status: statusOf(type),
        headers: { ...reply.headers, 'content-type': json },
        body,
      };
    }
    case 'cut':
    case 'stall':
      meter.progress(0);
      return response(200, json, halfway(text, fault, reply), reply);
    case 'slow-trickle':
      return response(200, json, settled(writeText(text, reply.options), meter), reply);
    default:
      return whole(fault ? JSON.stringify(changed(asObject(JSON.parse(text)), fault)) : text, json, reply);
  }
}

const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};

function statusOf(type: string): number {
  return statuses[type] ?? 500;
}

function whole(text: string, contentType: string, reply: JsonReply): Outcome {
  reply.meter.settle('complete');
  return response(200, contentType, text, reply);
}

function response(status: number, contentType: string, body: string | Body, { headers }: JsonReply): Outcome {
  return { kind: 'response', status, headers: { ...headers, 'content-type': contentType }, body };
}

async function* halfway(text: string, fault: Fault, { options, meter }: JsonReply): Body {
  const bytes = new TextEncoder().encode(text);
  const half = Math.min(fault.bytes ?? Infinity, Math.floor(bytes.length / 2));
  let ending: 'complete' | 'aborted' | 'cut' = 'aborted';
  try {
    yield bytes.slice(0, half);
    if (fault.id === 'cut') {
      ending = 'cut';
      throw new SocketCut('cut');
    }
    await options.sleep(fault.ms ?? Infinity, options.signal);
    if (options.signal.aborted) return;
    yield bytes.slice(half);
    ending = 'complete';
  } finally {
    meter.settle(ending);
  }
}

async function* settled(body: Body, meter: Meter): Body {
  let ending: 'complete' | 'aborted' = 'aborted';
  try {
    yield* body;
    ending = 'complete';
  } finally {
    meter.settle(ending);
  }
}

function changed(message: JsonObject, fault: Fault): JsonObject {
  const content = asArray(message['content']);
  switch (fault.id) {
    case 'wrong-shape':
      if (fault.missing === undefined || fault.missing === 'everything') return { ok: true };
      return without(message, fault.missing);
    case 'missing-usage':
      return without(message, 'usage');
    case 'unknown-stop-reason':
      return { ...message, stop_reason: fault.stopReason ?? 'cosmic_ray' };
    case 'null-stop-reason':
      return { ...message, stop_reason: null };
    case 'cut-tool-input':
      return {
        ...message,
        stop_reason: 'max_tokens',
        content: content.map((block, index) =>
          index === content.length - 1 ? emptied(asObject(block)) : block,
        ),
      };
    default:
      return message;
  }
}

function without(message: JsonObject, member: string): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([key]) => key !== member));
}

function emptied(block: JsonObject): JsonObject {
  return 'input' in block ? { ...block, input: {} } : block;
}
