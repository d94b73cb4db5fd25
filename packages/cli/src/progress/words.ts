import { stripVTControlCharacters } from 'node:util';
import type { Ending, RunningTool, TreeTotal, Wait } from './run-tree.ts';

const WAITS: Readonly<Record<Wait['reason'], string>> = {
  retry: 'to try again',
  'rate-limit': 'for the rate limit',
  overloaded: 'for an overloaded server',
  concurrency: 'for others to finish',
  conflict: 'for an earlier call',
  budget: 'for what others have reserved',
  cache: 'for a shared prefix to be cached',
  spread: 'its turn in a burst',
  'first-answer': 'for the first answer',
};

/** What a run waits for, and how much longer, in words. */
export function waitText({ reason, until }: Wait, now: number): string {
  const left = until - now;
  return `waits ${WAITS[reason]}${left > 0 ? `, about ${durationText(left)}` : ''}`;
}

/** How a run ended, in words. */
export function endingText(outcome: Ending, reason: string | null): string {
  const text = outcome.replaceAll('-', ' ');
  return reason === null || outcome === 'completed' ? text : `${text}: ${safe(reason)}`;
}

/** A duration as `0.4 s`, `12 s` or `3 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Tokens and money, as `12.3k in, 450 out, $0.0123`. */
export function totalText({ inputTokens, outputTokens, usd }: TreeTotal): string {
  const tokens = `${countText(inputTokens)} in, ${countText(outputTokens)} out`;
  return `${tokens}, ${usd === null ? 'price unknown' : moneyText(usd)}`;
}

/** A tool with the first thing that its input says. */
export function toolText({ tool, input, message }: RunningTool): string {
  const told = message === null ? hintOf(input) : safe(message);
  return told === '' ? safe(tool) : `${safe(tool)} ${told}`;
}

/** On one line, and without what could move a terminal's cursor: names and messages come from models and tools. */
export function safe(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

/** The first text of an input: mostly what it is about. */
function hintOf(input: unknown): string {
  if (typeof input !== 'object' || input === null) return '';
  const first = Object.values(input).find((value) => typeof value === 'string');
  const text = safe(first ?? '');
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function countText(tokens: number): string {
  if (tokens < 1000) return String(tokens);
  if (tokens < 1_000_000) return `${(tokens / 1000).toFixed(tokens < 100_000 ? 1 : 0)}k`;
  return `${(tokens / 1_000_000).toFixed(1)}M`;
}

function moneyText(usd: number): string {
  return `$${usd.toFixed(usd !== 0 && usd < 1 ? 4 : 2)}`;
}
