import type { AnswerSpec } from './answer-spec.ts';
import type { Body, BodyOptions } from './body.ts';
import { SocketCut, writeFrames } from './body.ts';
import { messageBody, streamEvents } from './events.ts';
import type { Exchange } from './exchange.ts';
import { faultyJson } from './fault-json.ts';
import { faultyFrames } from './fault-stream.ts';
import type { Fault } from './faults.ts';
import { hashOf } from './hash.ts';
import type { JsonObject } from './json.ts';
import { cutAtMaxTokens } from './max-tokens.ts';
import { buildMessage } from './message.ts';
import type { BuiltMessage } from './message.ts';
import type { Outcome } from './outcome.ts';
import type { Prepared } from './prepare.ts';
import { createRandom } from './random.ts';
import { toolUse, whole } from './blocks.ts';
import { commonHeaders, sendError } from './send.ts';
import type { EmulatorState } from './state.ts';
import { showsThinking } from './thinking.ts';
import type { ChunkOptions, ReplySpec } from './types.ts';
import { messageUsage } from './usage.ts';
import type { MessageUsage } from './usage.ts';

/** A request on its way to its answer. */
export interface Asked {
  readonly exchange: Exchange;
  readonly prepared: Prepared;
  readonly stream: boolean;
  /** Whether it came through the beta namespace. */
  readonly beta: boolean;
}

const noResponse = { 'connection-refused': 'ECONNREFUSED', 'connection-reset': 'ECONNRESET' } as const;

/** Turns what the responder said into what goes over the wire. */
export async function answer(state: EmulatorState, asked: Asked, spec: AnswerSpec): Promise<Outcome> {
  const { exchange, prepared } = asked;
  const { signal } = exchange.incoming;
  if (spec.delayMs !== undefined) await state.sleep(spec.delayMs, signal);
  if (spec.kind === 'error')
    return sendError(state, exchange, spec, { scripted: true, rateGroup: prepared.model.rateGroup });
  const fault = spec.fault;
  if (fault?.id === 'header-stall') await state.sleep(fault.ms ?? Infinity, signal);
  if (signal.aborted) {
    exchange.end('aborted');
    return { kind: 'no-response', code: 'ECONNRESET' };
  }
  if (fault?.id === 'connection-refused' || fault?.id === 'connection-reset') {
    exchange.end('cut');
    return { kind: 'no-response', code: noResponse[fault.id] };
  }
  return send(state, asked, withFaultyContent(spec));
}

/** Faults that are a matter of what the reply says rather than of how it is sent. */
function withFaultyContent(spec: ReplySpec): ReplySpec {
  if (spec.fault?.id === 'huge-tool-input') return withHugeInputs(spec, spec.fault);
  if (spec.fault?.id !== 'unknown-block') return spec;
  return {
    ...spec,
    content: [whole({ type: 'hologram', depth: 3, payload: { light: 'green' } }), ...spec.content],
  };
}

function withHugeInputs(spec: ReplySpec, { bytes = 262_144 }: Fault): ReplySpec {
  const padding = 'x'.repeat(bytes);
  const content = spec.content.map((block) => {
    if (block.kind !== 'call' || !block.json.endsWith('}')) return block;
    const head = block.json.trimEnd().slice(0, -1);
    return { ...block, json: `${head}${head.trim() === '{' ? '' : ','}"padding":"${padding}"}` };
  });
  return {
    ...spec,
    content: content.length > 0 ? content : [toolUse('padding', { padding })],
    chunk: { size: 64, ...spec.chunk },
  };
}

function send(state: EmulatorState, asked: Asked, spec: ReplySpec): Outcome {
  const { exchange, prepared, stream, beta } = asked;
  const { model, body } = prepared;
  const context = {
    // Ids must not repeat within a conversation, not even when another emulator with the same seed goes on with it.
    random: createRandom(hashOf(`${state.random.next()} ${prepared.prefix}`), prepared.prefix),
    model: body.model,
    tokenFactor: model.tokenFactor,
    showThinking: showsThinking(body.thinking, model),
    sign: prepared.sign,
  };
  const limited = state.options.enforceMaxTokens
    ? cutAtMaxTokens(spec, body.max_tokens, model.tokenFactor)
    : spec;
  const message = buildMessage(withBetaFields(limited, beta), context);
  const usage = messageUsage(message, prepared.prompt, served(prepared));
  const chunk = { ...state.options.chunk, ...spec.chunk };
  const meter = createMeter(state, asked, message, usage);
  prepared.commit();
  exchange.begin(200);
  const headers = { ...commonHeaders(state, exchange, model.rateGroup), ...spec.headers };
  const options = bodyOptions(state, exchange, spec.fault, chunk, meter);
  const streams = spec.fault?.id === 'sse-for-json' || (stream && !isWhole(spec.fault));
  if (!streams) {
    const text = JSON.stringify(messageBody(message, usage.final(message.outputTokens), true));
    meter.progress(message.outputTokens);
    return faultyJson(text, spec.fault, { headers, exchange, meter, options });
  }
  const frames = faultyFrames(streamEvents(message, usage, chunk), spec.fault, exchange.id);
  return {
    kind: 'response',
    status: 200,
    headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    body: metered(writeFrames(frames, options), meter),
  };
}

const wholeFaults = new Set<Fault['id']>(['html', 'empty-body', 'json-for-stream']);

function isWhole(fault: Fault | undefined): boolean {
  return fault !== undefined && wholeFaults.has(fault.id);
}

function withBetaFields(spec: ReplySpec, beta: boolean): ReplySpec {
  return beta ? { ...spec, fields: { context_management: null, ...spec.fields } } : spec;
}

function served({ body, model }: Prepared): Parameters<typeof messageUsage>[2] {
  return {
    serviceTier: 'standard',
    inferenceGeo: model.regions ? (body.inference_geo ?? 'global') : null,
    speed: body.speed === 'fast' ? 'fast' : 'standard',
  };
}

function bodyOptions(
  state: EmulatorState,
  exchange: Exchange,
  fault: Fault | undefined,
  chunk: ChunkOptions,
  meter: Meter,
): BodyOptions {
  const trickles = fault?.id === 'slow-trickle';
  return {
    chunk: trickles ? { ...chunk, bytes: fault.bytes ?? 16 } : chunk,
    sleep: state.sleep,
    signal: exchange.incoming.signal,
    onProgress: meter.progress,
    cutAfterBytes: fault?.id === 'cut' ? fault.bytes : undefined,
    pauseMs: trickles ? (fault.everyMs ?? 5) : undefined,
  };
}

/** Follows what a reply has produced, and bills it once when the reply is over. */
export interface Meter {
  readonly progress: (outputTokens: number) => void;
  readonly settle: (ending: 'complete' | 'aborted' | 'cut') => void;
}

function createMeter(
  state: EmulatorState,
  { exchange, prepared }: Asked,
  message: BuiltMessage,
  usage: MessageUsage,
): Meter {
  let produced = 0;
  let spent = 0;
  let settled = false;
  // Output counts against the rate limit while it is produced, not only when it is done.
  const spend = (outputTokens: number): void => {
    state.rates.spend(prepared.key, outputTokens - spent);
    spent = outputTokens;
  };
  const isFree = message.stopReason === 'refusal' && message.blocks.length === 0;
  return {
    progress: (outputTokens) => {
      produced = Math.max(produced, outputTokens);
      spend(produced);
    },
    settle: (ending) => {
      if (settled) return;
      settled = true;
      // A body that stops because nobody listens any more ends like a finished one, only with less produced.
      const isAborted =
        exchange.incoming.signal.aborted && (ending !== 'complete' || produced < message.outputTokens);
      exchange.end(isAborted ? 'aborted' : ending);
      const billed: JsonObject = usage.final(produced);
      spend(Number(billed['output_tokens']));
      if (isFree || produced === 0) return;
      exchange.bill(billed);
      state.ledger.add(message.model, billed);
    },
  };
}

/** Settles the meter however the body ends: to the end, by a cut, or by the client going away. */
async function* metered(body: Body, meter: Meter): Body {
  let ending: 'complete' | 'aborted' | 'cut' = 'aborted';
  try {
    yield* body;
    ending = 'complete';
  } catch (error) {
    if (error instanceof SocketCut) ending = 'cut';
    throw error;
  } finally {
    meter.settle(ending);
  }
}
