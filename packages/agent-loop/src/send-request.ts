import type { AttemptWatch } from './admission.ts';
import type { Client, StreamEvent } from './api.ts';
import { asObject } from './cache-marks.ts';
import { LostReply } from './lost-reply.ts';
import { observeAttempts } from './request-attempts.ts';
import type { RunState } from './run-state.ts';
import type { ModelRequest } from './session-state.ts';

/** A response whose headers are there. */
export interface Sent {
  /** The SDK's own reader of the body, where its trace spans have to see it read; otherwise null. */
  readonly stream: AsyncIterable<StreamEvent> | null;
  readonly response: Response;
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
  const options = {
    signal,
    middleware: [observeAttempts(run, client.maxRetries, attempts)],
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
  const { data, response } = await sent.withResponse();
  return { stream: isTraced(client) ? (data as unknown as AsyncIterable<StreamEvent>) : null, response };
}

/** Whether somebody collects the SDK's spans, which end when its own reader has read the reply. */
function isTraced(client: Client): boolean {
  const api = (globalThis as { [key: symbol]: { readonly trace?: unknown } | undefined })[OPEN_TELEMETRY];
  return api?.trace !== undefined || client.openTelemetry?.tracerProvider !== undefined;
}

/** Where the OpenTelemetry API of this process keeps what is registered with it. */
const OPEN_TELEMETRY = Symbol.for('opentelemetry.js.api.1');

type Create = Client['messages']['create'];

/** The beta namespace sends and receives the same shapes, with more fields in them. */
function createBeta(client: Client, request: object, options: object): ReturnType<Create> {
  if (!client.beta)
    throw new LostReply('config', 'The agent names betas, but its client has no beta.messages.', false);
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
