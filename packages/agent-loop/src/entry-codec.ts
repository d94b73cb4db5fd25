import type { Entry } from './events.ts';
import { jsonOf } from './json-cache.ts';
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

/** Fields that a record leaves out when the last record of its type had the same value. */
const CARRIED = [
  'turn',
  'attempt',
  'model',
  'maxTokens',
  'effect',
  'outcome',
  'source',
  'brokenCalls',
] as const;
/** Types whose record leaves out what the reply's tool call says already. */
const OF_CALL: ReadonlySet<string> = new Set(['tool-start', 'tool-end', 'approval-request', 'approval']);

type Fields = Record<string, unknown>;
interface Call {
  readonly index: number;
  readonly id: string;
  readonly name: unknown;
  readonly input: unknown;
}
interface RunContext {
  readonly index: number;
  readonly runId: unknown;
  readonly agent: unknown;
  readonly parentRunId: unknown;
}

/**
 * Writes entries as JSON texts that lean on the ones before them: position, run, agent and what repeats are left out,
 * and so is what a reply's tool calls say already. One decoder must read all texts of one encoder, in order; hints
 * before the JSON object tell it what to fill in:
 *
 * - `r2`: the run, agent and parent of the third run that was met. Without it: as in the text before.
 * - `c5`: the tool call that was the sixth of all calls in replies: its id, and its name and input where left out.
 * - `+137`: milliseconds since the entry before. Without it, `at` says when.
 * - `f`: nothing is carried over from the last text of this type. `x`: all that went before is to be forgotten.
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
    let hints = this.#restart ? 'x ' : '';
    this.#restart = false;
    const out: Fields = { type: entry.type };
    hints += this.#context(fields, out);
    hints += this.#call(fields, out);
    hints += this.#carry(entry.type, fields, out);
    hints += this.#time(fields['at'], out);
    if (entry.type === 'reply') this.#meet(fields['message']);
    const { text, contentAt } = withContentLast(fields, out);
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
      for (const name of ['callId', 'tool', 'input', 'idempotencyKey'])
        if (fields[name] !== undefined) out[name] = fields[name];
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

  #meet(message: unknown): void {
    forEachCall(message, (block) => {
      const { id, name, input } = block;
      this.#open.set(id, { index: this.#calls, id, name, input });
      this.#calls += 1;
    });
  }
}

/** Reads the texts of one EntryEncoder, in their order. */
export class EntryDecoder {
  readonly #carried = new Map<string, Fields>();
  readonly #runs: RunContext[] = [];
  readonly #open = new Map<number, Call>();
  #run: RunContext | undefined;
  #calls = 0;
  #at = Number.NaN;
  #seq: number;

  /** `seq`: the position of the first entry. Default 0. */
  constructor({ seq = 0 }: { readonly seq?: number } = {}) {
    this.#seq = seq;
  }

  /** The entry of a text. Throws a SyntaxError for one that no encoder wrote. */
  decode(text: string): Entry {
    return this.decodeParts(text, undefined);
  }

  /** As `decode`, for a text whose content was taken out and is kept elsewhere, as JSON text. */
  decodeParts(text: string, content: string | undefined): Entry {
    const jsonAt = text.indexOf('{');
    if (jsonAt < 0) throw new SyntaxError('The text of an entry holds no JSON object.');
    const fields: Fields = JSON.parse(jsonAt === 0 ? text : text.slice(jsonAt));
    const type = fields['type'];
    if (typeof type !== 'string') throw new SyntaxError('An entry has no type.');
    const hints = jsonAt === 0 ? NO_HINTS : this.#hints(text, jsonAt, type);
    if (hints.passed !== undefined) fields['at'] = this.#at + hints.passed;
    const at = fields['at'];
    this.#at = typeof at === 'number' ? at : Number.NaN;
    this.#fillRun(fields, hints.run);
    if (hints.call !== undefined) this.#fillCall(fields, type, hints.call);
    this.#fillCarried(fields, type);
    if (content !== undefined) fields['content'] = JSON.parse(content);
    if (type === 'reply') this.#meet(fields['message']);
    fields['seq'] = this.#seq;
    this.#seq += 1;
    return fields as unknown as Entry;
  }

  #hints(text: string, end: number, type: string): Hints {
    const hints: Hints = {};
    for (let at = 0; at < end;) {
      const next = text.indexOf(' ', at);
      const kind = text.charAt(at);
      if (next < 0 || next >= end) throw unknownHint(text.slice(at, end));
      const number = next === at + 1 ? Number.NaN : Number(text.slice(at + 1, next));
      if (kind === '+' && number >= 0) hints.passed = number;
      else if (kind === 'c' && number >= 0) hints.call = number;
      else if (kind === 'r' && number >= 0) hints.run = number;
      else if (kind === 'x' && next === at + 1) this.#forget();
      else if (kind === 'f' && next === at + 1) this.#carried.delete(type);
      else throw unknownHint(text.slice(at, next));
      at = next + 1;
    }
    if (hints.passed !== undefined && Number.isNaN(this.#at))
      throw new SyntaxError('The first entry tells no time.');
    return hints;
  }

  #forget(): void {
    this.#carried.clear();
    this.#runs.length = 0;
    this.#open.clear();
    this.#run = undefined;
    this.#calls = 0;
    this.#at = Number.NaN;
  }

  #fillRun(fields: Fields, index: number | undefined): void {
    if (index !== undefined) {
      this.#run = this.#runs[index];
      if (!this.#run) throw new SyntaxError(`An entry names the run ${index}, which none before it met.`);
    } else if ('runId' in fields) {
      const { runId, agent, parentRunId } = fields;
      this.#run = { index: this.#runs.length, runId, agent, parentRunId };
      this.#runs.push(this.#run);
      return;
    }
    const run = this.#run;
    if (!run) return;
    fields['runId'] = run.runId;
    fields['agent'] = run.agent;
    if (run.parentRunId !== undefined) fields['parentRunId'] = run.parentRunId;
  }

  #fillCall(fields: Fields, type: string, index: number): void {
    const call = this.#open.get(index);
    if (!call) throw new SyntaxError(`An entry names the tool call ${index}, which is not open.`);
    fields['callId'] = call.id;
    fields['tool'] = call.name;
    if (inputIsImplied(type) && fields['input'] === undefined) fields['input'] = call.input;
    if (type === 'tool-start') fields['idempotencyKey'] ??= keyOf(fields['runId'], call.id);
    if (type === 'tool-end') this.#open.delete(index);
  }

  #fillCarried(fields: Fields, type: string): void {
    let base = this.#carried.get(type);
    if (!base) this.#carried.set(type, (base = {}));
    for (const name of CARRIED) {
      const value = fields[name];
      if (value !== undefined) base[name] = value;
      else if (base[name] !== undefined) fields[name] = Array.isArray(base[name]) ? [] : base[name];
    }
  }

  #meet(message: unknown): void {
    forEachCall(message, ({ id, name, input }) => {
      this.#open.set(this.#calls, { index: this.#calls, id, name, input });
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

interface Hints {
  run?: number;
  call?: number;
  passed?: number;
}
const NO_HINTS: Hints = {};
/** Eleven days. Longer waits say when they ended. */
const MAX_PASSED_MS = 1e9;

/** What `EntryEncoder` handles by rules of its own. */
const HANDLED: ReadonlySet<string> = new Set([
  ...'type seq at runId agent parentRunId callId tool input idempotencyKey'.split(' '),
  ...CARRIED,
]);

/** Adds the remaining fields, and the content as the last. */
function withContentLast(fields: Fields, out: Fields): EncodedEntry {
  let content: unknown;
  let message: Fields | undefined;
  for (const name of Object.keys(fields)) {
    if (HANDLED.has(name)) continue;
    const value = fields[name];
    if (name === 'content' && isSpliced(value)) content = value;
    else if (name === 'message' && isMessage(fields['type'], value)) message = value;
    else out[name] = typeof value === 'number' && isTime(name) ? rounded(value) : value;
  }
  if (message && content === undefined) {
    const { content: blocks, ...rest } = message;
    out['message'] = rest;
    return spliced(JSON.stringify(out), '}}', blocks);
  }
  if (message) out['message'] = message;
  const text = JSON.stringify(out);
  return content === undefined ? { text, contentAt: -1 } : spliced(text, '}', content);
}

function spliced(text: string, closing: string, content: unknown): EncodedEntry {
  const json = typeof content === 'object' && content !== null ? jsonOf(content) : JSON.stringify(content);
  const head = `${text.slice(0, -closing.length)},"content":`;
  return { text: `${head}${json}${closing}`, contentAt: head.length };
}

function isSpliced(content: unknown): boolean {
  return typeof content === 'string' || Array.isArray(content);
}

/** Whether this is a reply's message, with content and something else, so that the comma before the content is right. */
function isMessage(type: unknown, value: unknown): value is Fields {
  if (type !== 'reply' || typeof value !== 'object' || value === null) return false;
  const { content, role } = value as Fields;
  return isSpliced(content) && typeof role === 'string';
}

function isTime(name: string): boolean {
  return name.endsWith('Ms');
}

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
}

/** Empty lists are carried over like words and numbers. */
function isCarried(value: unknown, last: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 && Array.isArray(last) && last.length === 0;
  return value === last && typeof value !== 'object';
}

function unknownHint(hint: string): SyntaxError {
  return new SyntaxError(`An entry has the unknown hint ${JSON.stringify(hint)}.`);
}

function inputIsImplied(type: unknown): boolean {
  return type === 'tool-start' || type === 'approval-request';
}

function keyOf(runId: unknown, callId: string): string {
  return `${String(runId)}:${callId}`;
}

interface CallBlock {
  readonly type: 'tool_use';
  readonly id: string;
  readonly name: unknown;
  readonly input: unknown;
}

function forEachCall(message: unknown, visit: (block: CallBlock) => void): void {
  const content = (message as { content?: unknown } | null | undefined)?.content;
  if (!Array.isArray(content)) return;
  for (const block of content as readonly Partial<CallBlock>[])
    if (block?.type === 'tool_use' && typeof block.id === 'string') visit(block as CallBlock);
}
