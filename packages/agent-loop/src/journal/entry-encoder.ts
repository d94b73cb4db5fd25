import {
  type Call,
  CARRIED,
  type Fields,
  forEachCall,
  inputIsImplied,
  isMessage,
  isObject,
  isSpliced,
  keyOf,
  type RunContext,
} from './entry-fields.ts';
import type { Entry } from './events.ts';
import { jsonOf } from '../request/json-cache.ts';
import { sameJson } from './same-json.ts';

/** An entry as text. */
export interface EncodedEntry {
  /** Hints, then the JSON object. */
  readonly text: string;
  /**
   * Where in `text` the value of the last field `content` begins, counted in UTF-16 code units; behind it stand only
   * closing braces. -1 where the entry has no content, or one that is neither text nor an array.
   */
  readonly contentAt: number;
}

/** What `EntryEncoder` handles by rules of its own. */
const HANDLED: ReadonlySet<string> = new Set([
  ...'type seq at runId agent parentRunId callId tool input idempotencyKey'.split(' '),
  ...CARRIED,
]);

/** Types whose record leaves out what the reply's tool call says already. */
const OF_CALL: ReadonlySet<string> = new Set(['tool-start', 'tool-end', 'approval-request', 'approval']);
/** Eleven days. Longer waits say when they ended. */
const MAX_PASSED_MS = 1e9;

/**
 * Writes entries as JSON texts that lean on the ones before them: position, run, agent and what repeats are left out,
 * and so is what a reply's tool calls say already. One decoder must read all texts of one encoder, in order; hints
 * before the JSON object tell it what to fill in:
 *
 * - `r2`: the run, agent and parent of the third run that was met. Without it: as in the text before.
 * - `m`: the reply's message, and its usage, have what is left out as those of the last reply.
 * - `c5`: the tool call that was the sixth of all calls in replies: its id, and its name and input where left out.
 * - `+137`: milliseconds since the entry before. Without it, `at` says when.
 * - `f`: nothing is carried over from the last text of this type. `x`: all that went before is to be forgotten: a reader
 *   can begin there.
 *
 * Times and durations are rounded to microseconds. Throws what `JSON.stringify` throws; the encoder is then useless, as
 * it is when a text did not get where it should: go on with a new one that is told so.
 */
export class EntryEncoder {
  readonly #carried = new Map<string, Fields>();
  readonly #runs = new Map<string, RunContext>();
  readonly #open = new Map<string, Call>();
  #run: RunContext | undefined;
  #calls = 0;
  #at = Number.NaN;
  #envelope: Fields | undefined;
  #restart: boolean;

  /** `restart`: earlier texts, if any, are of another encoder. They are kept, and nothing here leans on them. */
  constructor({ restart = false }: { readonly restart?: boolean } = {}) {
    this.#restart = restart;
  }

  /** The text of an entry. It holds no line break. */
  encode(entry: Entry): string {
    return this.encodeParts(entry).text;
  }

  /** The text of an entry, and where in it the content stands. */
  encodeParts(entry: Entry): EncodedEntry {
    const fields = entry as unknown as Fields;
    let hints = '';
    if (this.#restart) hints = 'x ';
    this.#restart = false;
    const out: Fields = { type: entry.type };
    hints += this.#context(fields, out);
    hints += this.#call(fields, out);
    hints += this.#carry(entry.type, fields, out);
    hints += this.#time(fields['at'], out);
    let lean: Fields | undefined;
    if (entry.type === 'reply') {
      this.#meet(fields['message']);
      lean = this.#lean(fields['message']);
      if (lean && lean !== this.#envelope) hints += 'm ';
    }
    const { text, contentAt } = withContentLast(fields, out, lean);
    return { text: hints + text, contentAt: contentAt < 0 ? -1 : contentAt + hints.length };
  }

  #context(fields: Fields, out: Fields): string {
    const { runId, agent, parentRunId } = fields;
    const last = this.#run;
    if (last && last.runId === runId && last.agent === agent && last.parentRunId === parentRunId) return '';
    const key = JSON.stringify([runId, agent, parentRunId]);
    const known = this.#runs.get(key);
    if (known) {
      this.#run = known;
      return `r${known.index} `;
    }
    this.#run = { index: this.#runs.size, runId, agent, parentRunId };
    this.#runs.set(key, this.#run);
    out['runId'] = runId;
    out['agent'] = agent;
    if (parentRunId !== undefined) out['parentRunId'] = parentRunId;
    return '';
  }

  #call(fields: Fields, out: Fields): string {
    const { callId, tool, input, idempotencyKey, type } = fields;
    const call = typeof callId === 'string' ? this.#open.get(callId) : undefined;
    const fits = call !== undefined && OF_CALL.has(type as string) && tool === call.name;
    if (!fits) {
      for (const name of ['callId', 'tool', 'input'])
        if (fields[name] !== undefined) out[name] = fields[name];
      const implied = type === 'tool-start' && typeof callId === 'string' && keyOf(fields['runId'], callId);
      if (idempotencyKey !== undefined && idempotencyKey !== implied) out['idempotencyKey'] = idempotencyKey;
      return '';
    }
    if (type === 'tool-end') this.#open.delete(call.id);
    const known = inputIsImplied(type) && sameJson(input, call.input);
    if (input !== undefined && !known) out['input'] = input;
    if (inputIsImplied(type) && input === undefined) out['input'] = null;
    if (idempotencyKey !== undefined && idempotencyKey !== keyOf(fields['runId'], call.id))
      out['idempotencyKey'] = idempotencyKey;
    return `c${call.index} `;
  }

  #carry(type: string, fields: Fields, out: Fields): string {
    let base = this.#carried.get(type);
    let hint = '';
    if (base && CARRIED.some((name) => base?.[name] !== undefined && fields[name] === undefined)) {
      base = undefined;
      hint = 'f ';
    }
    if (!base) this.#carried.set(type, (base = {}));
    for (const name of CARRIED) {
      const value = fields[name];
      if (value === undefined || isCarried(value, base[name])) continue;
      base[name] = value;
      out[name] = value;
    }
    return hint;
  }

  #time(at: unknown, out: Fields): string {
    const passed = typeof at === 'number' ? at - this.#at : Number.NaN;
    this.#at = typeof at === 'number' && Number.isInteger(at) ? at : Number.NaN;
    if (Number.isInteger(passed) && passed >= 0 && passed < MAX_PASSED_MS) return `+${passed} `;
    if (at !== undefined) out['at'] = typeof at === 'number' ? rounded(at) : at;
    return '';
  }

  /** A message without its content and, where possible, without what the last one said too. */
  #lean(message: unknown): Fields | undefined {
    if (!isMessage(message)) return undefined;
    const { content: _, ...envelope } = message;
    const last = this.#envelope;
    this.#envelope = envelope;
    return last && isSameShape(envelope, last) ? difference(envelope, last) : envelope;
  }

  #meet(message: unknown): void {
    forEachCall(message, (block) => {
      const { id, name, input } = block;
      this.#open.set(id, { index: this.#calls, id, name, input });
      this.#calls += 1;
    });
  }
}

/** The JSON text of an entry by itself, with every field, for stores that are queried. */
export function entryJson(entry: Entry): string {
  const fields = entry as unknown as Fields;
  const { type, seq, at, runId, agent, parentRunId, callId, tool, input, idempotencyKey } = fields;
  const out: Fields = {
    type,
    seq,
    at: typeof at === 'number' ? rounded(at) : at,
    runId,
    agent,
    parentRunId,
    callId,
    tool,
    input,
    idempotencyKey,
  };
  for (const name of CARRIED) if (fields[name] !== undefined) out[name] = fields[name];
  return withContentLast(fields, out).text;
}

/** Whether `now`, and its usage, have every field that `last` and its usage have: otherwise a reader would fill in too much. */
function isSameShape(now: Fields, last: Fields): boolean {
  const [usage, lastUsage] = [now['usage'], last['usage']];
  if (isObject(usage) && isObject(lastUsage) && !hasAll(usage, lastUsage)) return false;
  return hasAll(now, last);
}

function hasAll(now: Fields, last: Fields): boolean {
  return Object.keys(last).every((name) => now[name] !== undefined);
}

/** The fields that differ; of a usage that differs, those of its fields that do. */
function difference(now: Fields, last: Fields): Fields {
  const out: Fields = {};
  for (const [name, value] of Object.entries(now)) {
    const before = last[name];
    if (sameJson(value, before)) continue;
    out[name] = name === 'usage' && isObject(value) && isObject(before) ? difference(value, before) : value;
  }
  return out;
}

/** Empty lists are carried over like words and numbers. */
function isCarried(value: unknown, last: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 && Array.isArray(last) && last.length === 0;
  return value === last && typeof value !== 'object';
}

/** Adds the remaining fields, and the content as the last. `envelope`: what is to be said of a reply's message beside it. */
function withContentLast(fields: Fields, out: Fields, envelope?: Fields): EncodedEntry {
  let content: unknown;
  let message: Fields | undefined;
  for (const name of Object.keys(fields)) {
    if (HANDLED.has(name)) continue;
    const value = fields[name];
    if (name === 'content' && isSpliced(value)) content = value;
    else if (name === 'message' && fields['type'] === 'reply' && isMessage(value)) message = value;
    else out[name] = typeof value === 'number' && isTime(name) ? rounded(value) : value;
  }
  if (message && content === undefined) {
    const { content: blocks, ...rest } = message;
    out['message'] = envelope ?? rest;
    return spliced(JSON.stringify(out), '}}', blocks);
  }
  if (message) out['message'] = envelope ? { ...envelope, content: message['content'] } : message;
  const text = JSON.stringify(out);
  return content === undefined ? { text, contentAt: -1 } : spliced(text, '}', content);
}

function spliced(text: string, closing: string, content: unknown): EncodedEntry {
  const json = typeof content === 'object' && content !== null ? jsonOf(content) : JSON.stringify(content);
  const before = text.slice(0, -closing.length);
  const head = `${before}${before.endsWith('{') ? '' : ','}"content":`;
  return { text: `${head}${json}${closing}`, contentAt: head.length };
}

function isTime(name: string): boolean {
  return name.endsWith('Ms');
}

/** A duration or time to the microsecond. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
}
