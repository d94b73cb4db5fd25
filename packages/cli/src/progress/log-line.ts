import type { AgentEvent } from '@pawl/agent-loop';
import { type RunNode, totalOf } from './run-tree.ts';
import { durationText, endingText, safe, toolText, totalText, waitText } from './words.ts';

/** A shorter wait is not worth a line. */
const TOLD_MS = 100;

/** What an event is worth where nothing can be redrawn: a line, or null for most of them. `run` has folded it already. */
export function logLine(event: AgentEvent, run: RunNode): string | null {
  const text = textOf(event, run);
  return text === null ? null : `${pathOf(run)}: ${text}`;
}

function textOf(event: AgentEvent, run: RunNode): string | null {
  switch (event.type) {
    case 'run-start':
      return event.resumed ? 'goes on' : 'begins';
    case 'tool-start':
      return `runs ${toolText({ ...event, startedAt: event.at, message: null })}`;
    case 'tool-end':
      return event.outcome === 'ok' ? null : `${safe(event.tool)} ended: ${event.outcome}`;
    case 'approval-request':
      return `${safe(event.tool)} needs a decision`;
    case 'wait':
      // Of a thousand steps of a script most wait for their places, and short waits are over before they are read.
      return event.path !== undefined || event.delayMs < TOLD_MS
        ? null
        : waitText({ reason: event.reason, until: event.at + event.delayMs }, event.at);
    case 'warning':
      return `warning: ${safe(event.message)}`;
    case 'reply-lost':
      return `a reply was lost: ${safe(event.message)}`;
    case 'run-end':
      return `${endingText(event.outcome, event.reason)}, ${totalText(totalOf(run))}, ${durationText(event.at - run.startedAt)}`;
    default:
      return null;
  }
}

function pathOf(run: RunNode): string {
  return run.parent ? `${pathOf(run.parent)} > ${safe(run.agent)}` : safe(run.agent);
}
