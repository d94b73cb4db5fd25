import type { AttemptWatch } from '../loop/admission.ts';
import type { Client, StreamEvent } from '../api.ts';
import { asObject } from '../cache/cache-marks.ts';
import { LostReply, notSent } from './lost-reply.ts';
import { observeAttempts } from './request-attempts.ts';
import type { RunState } from '../loop/run-state.ts';
import type { ModelRequest } from '../journal/session-state.ts';
import { isTraced, spanOfCall, type TraceSpan } from './trace-span.ts';

/** A response whose headers are there. */
export interface Sent {
  /** The SDK's own reader of the body, where its trace spans have to see it read; otherwise null. */
  readonly stream: AsyncIterable<StreamEvent> | null;
  readonly response: Response;
  /** The span of this call, where the SDK made one. */
  readonly span: TraceSpan | undefined;
}

/** Sends a request through the agent's client, which retries it until headers come. */
export async function sendRequest(
  run: RunState,
  request: ModelRequest,
  signal: AbortSignal,
  attempts: readonly AttemptWatch[],
): Promise<Sent> {
  const client = await run.spec.client();
  const { betas } = run.spec;
  const asBytes = takesBytes(client);
  const traced = isTraced(client) ? spanOfCall() : undefined;
  const options = {
    signal,
    middleware: [observeAttempts(run, client.maxRetries, attempts), ...(traced ? [traced.middleware] : [])],
    // The SDK sends a byte body as it is; only its type has to be named.
    ...(asBytes && { body: request.bytes, headers: { 'content-type': 'application/json' } }),
  };
  // With a byte body the SDK looks at the messages only to describe them in its trace spans.
  const isHidden = asBytes && client.openTelemetry?.traces?.contentMode !== 'content';
  const body = isHidden ? { ...request.params, messages: [] } : asObject(request, isFirstParty(client));
  const sent =
    betas.length > 0
      ? createBeta(client, { ...body, betas: [...betas] }, options)
      : client.messages.create(body, options);
  if (!hasResponse(sent)) throw notOfSdk(sent);
  const { data, response } = await sent.withResponse();
  const stream = traced ? (data as unknown as AsyncIterable<StreamEvent>) : null;
  return { stream, response, span: traced?.span() };
}

type Create = Client['messages']['create'];

function hasResponse(sent: unknown): boolean {
  return typeof (Object(sent) as { readonly withResponse?: unknown }).withResponse === 'function';
}

/** A stand-in for a client that answers with a message, or a promise of one. */
function notOfSdk(sent: unknown): LostReply {
  // Nobody waits for it.
  Promise.resolve(sent).catch(() => {});
  return new LostReply(
    'config',
    "The client's messages.create has to return what that of @anthropic-ai/sdk does, which has withResponse(). " +
      'To stand in for the API, give a client of the SDK a fetch of your own: new Anthropic({ apiKey, fetch }).',
    false,
  );
}

/** The beta namespace sends and receives the same shapes, with more fields in them. */
function createBeta(client: Client, request: object, options: object): ReturnType<Create> {
  if (!client.beta) throw notSent('config', 'The agent names betas, but its client has no beta.messages.');
  return client.beta.messages.create(request as never, options) as unknown as ReturnType<Create>;
}

/** Clients of other platforms and clients with middleware rewrite the body, for which they need it as an object. */
function takesBytes(client: Client): boolean {
  return isFirstParty(client) && client.middleware?.length === 0;
}

/** Whether it is the client for the API itself: platforms of others may not know all of its fields. */
function isFirstParty(client: Client): boolean {
  return client.constructor.name === 'Anthropic';
}
