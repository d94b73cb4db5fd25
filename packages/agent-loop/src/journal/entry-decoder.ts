import {
  type Call,
  CARRIED,
  type Fields,
  forEachCall,
  inputIsImplied,
  isMessage,
  isObject,
  keyOf,
  type RunContext,
} from './entry-fields.ts';
import type { Entry } from './events.ts';

interface Hints {
  envelope?: true;
  run?: number;
  call?: number;
  passed?: number;
}
const NO_HINTS: Hints = {};
/** Reads the texts of one EntryEncoder, in their order. */
export class EntryDecoder {
  readonly #carried = new Map<string, Fields>();
  readonly #runs: RunContext[] = [];
  readonly #open = new Map<number, Call>();
  #run: RunContext | undefined;
  #calls = 0;
  #at = Number.NaN;
  #envelope: Fields | undefined;
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
    if (type === 'reply') {
      if (hints.envelope) fields['message'] = this.#completed(fields['message']);
      this.#keepEnvelope(fields['message']);
      this.#meet(fields['message']);
    } else if (type === 'tool-start' && typeof fields['callId'] === 'string') {
      fields['idempotencyKey'] ??= keyOf(fields['runId'], fields['callId']);
    }
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
      else if (kind === 'm' && next === at + 1) hints.envelope = true;
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
    this.#envelope = undefined;
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

  #completed(message: unknown): Fields {
    const last = this.#envelope;
    if (!last || !isObject(message))
      throw new SyntaxError('A reply leans on one before it, and there is none.');
    const whole: Fields = { ...last, ...message };
    const [usage, lastUsage] = [message['usage'], last['usage']];
    if (isObject(usage) && isObject(lastUsage)) whole['usage'] = { ...lastUsage, ...usage };
    return whole;
  }

  #keepEnvelope(message: unknown): void {
    if (!isMessage(message)) return;
    const { content: _, ...envelope } = message;
    this.#envelope = envelope;
  }

  #meet(message: unknown): void {
    forEachCall(message, ({ id, name, input }) => {
      this.#open.set(this.#calls, { index: this.#calls, id, name, input });
      this.#calls += 1;
    });
  }
}

function unknownHint(hint: string): SyntaxError {
  return new SyntaxError(`An entry has the unknown hint ${JSON.stringify(hint)}.`);
}
