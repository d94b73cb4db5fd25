import type { Middleware } from '@anthropic-ai/sdk';
import type { Client, Message } from '../api.ts';
import { priceFields } from '../money/reply-price.ts';
import type { RunState } from '../loop/run-state.ts';

/** A span of OpenTelemetry, as far as it is used. */
export interface TraceSpan {
  setAttributes(attributes: Readonly<Record<string, string | number>>): unknown;
}

/** What the OpenTelemetry API of a process keeps for all of its copies: https://opentelemetry.io/docs/specs/otel/ */
interface Telemetry {
  readonly trace?: unknown;
  readonly propagation?: unknown;
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

const TELEMETRY = Symbol.for('opentelemetry.js.api.1');
const ACTIVE_SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

/**
 * The API is asked where it registers itself, and not imported: it is a dependency of the SDK and not of this package, and
 * most programs have no use for it.
 */
function telemetry(): Telemetry | undefined {
  return (globalThis as { [key: symbol]: Telemetry | undefined })[TELEMETRY];
}

/** Whether this process has anything that the SDK's spans could go to. */
export function hasTelemetry(): boolean {
  const { trace, propagation } = telemetry() ?? {};
  return trace !== undefined || propagation !== undefined;
}

/** Whether somebody collects the SDK's spans, which end when its own reader has read the reply. */
export function isTraced(client: Client): boolean {
  return telemetry()?.trace !== undefined || client.openTelemetry?.tracerProvider !== undefined;
}

function activeSpan(): TraceSpan | undefined {
  return telemetry()?.context?.active().getValue(ACTIVE_SPAN) as TraceSpan | undefined;
}

/**
 * Finds the span that the SDK makes for a call. The options of the call, which the SDK shows to its middleware, carry it.
 * The field has no place in its documented interface: where another version has none, the span is the active one while the
 * HTTP requests of the call are sent, for which the process needs a context manager. Where the SDK makes no span, the
 * active one is still that of whoever called, which is none of ours to describe.
 */
export function spanOfCall(): {
  readonly middleware: Middleware;
  readonly span: () => TraceSpan | undefined;
} {
  const outer = activeSpan();
  let found: TraceSpan | undefined;
  return {
    middleware: (request, next, context) => {
      const active = activeSpan();
      found = carriedSpan(context?.options) ?? (active === outer ? undefined : active);
      return next(request);
    },
    span: () => found,
  };
}

function carriedSpan(options: unknown): TraceSpan | undefined {
  const { __span: call } = Object(options) as { readonly __span?: { readonly span?: unknown } };
  const span = call?.span as Partial<TraceSpan> | undefined;
  return typeof span?.setAttributes === 'function' ? (span as TraceSpan) : undefined;
}

/** Adds to the span of a call what the SDK does not know. Its tokens, cached ones too, the SDK has put there. */
export function describeCost(run: RunState, span: TraceSpan, message: Message): void {
  const { usd, savedUsd } = priceFields(run, message);
  try {
    span.setAttributes({
      'pawl.run.id': run.runId,
      'pawl.agent.name': run.spec.name,
      ...(typeof usd === 'number' && { 'pawl.cost.usd': usd }),
      ...(typeof savedUsd === 'number' && { 'pawl.cache.saved_usd': savedUsd }),
    });
  } catch (err) {
    // Whoever collects spans must not fail the call they tell of.
    run.logger.debug({ err }, 'could not record telemetry');
  }
}
