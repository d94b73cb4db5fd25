import { ChildRecords, type SavedChildren } from '../children/child-records.ts';
import type { MessageParam, RequestParams, ToolUseBlock } from '../api.ts';
import { CacheLog, type SavedCacheLog } from '../cache/cache-log.ts';
import { type CacheMarks, markedMessages, marksMessages, NO_MARKS, withMarks } from '../cache/cache-marks.ts';
import { type CallRecord, CallRecords, type SavedCalls } from './call-records.ts';
import type { Checkpoint, KeptCheckpoint } from './checkpoint.ts';
import type { Entry, ForkEvent, RunEndEvent, SettingsEvent } from './events.ts';
import type { AnyMessage } from './kept-message.ts';
import type { KeptRow } from './kept-row.ts';
import { compactingAt } from '../money/compaction-plan.ts';
import { headRoom, RequestBody } from '../request/request-body.ts';
import { RunRecord, type SavedRun } from './run-record.ts';
import { RunSpend, type SavedRunSpend } from '../money/run-spend.ts';
import { Restoring, Saving } from './saved-state.ts';
import { type SavedScript, ScriptState } from '../team/script-state.ts';
import { type SavedTally, Tally } from '../money/tally.ts';
import { type SavedTranscript, Transcript } from './transcript.ts';

/** One request to the model. */
export interface ModelRequest {
  /** With cache markers. */
  readonly params: RequestParams;
  /** Parses those that are not. */
  readonly messages: readonly MessageParam[];
  /** The same, as far as they are parsed. */
  readonly all: readonly AnyMessage[];
  readonly bytes: Uint8Array;
  readonly marks: CacheMarks;
}

/** What one request may have otherwise than the others of its run. */
export type RequestChanges = Partial<Pick<RequestParams, 'max_tokens' | 'tool_choice'>>;

/** Of sessions that have none. Nothing is ever folded into them. */
const NO_CHILDREN = new ChildRecords();
const NONE_MARKED: ReadonlyMap<number, MessageParam> = new Map();
const NO_SCRIPTS = new ScriptState();

/** Of what a checkpoint's text means. A reader leaves alone what it does not know, and folds the entries. */
const CHECKPOINT_VERSION = 1;

/** Bytes that a checkpoint leaves free behind its messages, for those that follow. */
const ROOM = 1 << 18;

/** A state as a checkpoint has it. */
interface SavedState {
  readonly version: number;
  readonly transcript: SavedTranscript;
  readonly total: SavedTally;
  readonly spend: SavedRunSpend;
  readonly run: SavedRun | null;
  readonly prefix: SessionState['prefix'];
  readonly compactAt: number | null;
  readonly settings: (Omit<SettingsEvent, 'params'> & { readonly params: number | null }) | null;
  readonly calls: SavedCalls;
  readonly children: SavedChildren | null;
  readonly scripts: readonly SavedScript[] | null;
  readonly cache: SavedCacheLog;
  readonly paused: boolean;
  /** Bytes before the first message. */
  readonly before: number;
  /** What the parts name by number. */
  readonly params: readonly RequestParams[];
}

/**
 * The state of a session: a fold of its journal and nothing else. A single run is a session of one run.
 */
export class SessionState {
  readonly transcript: Transcript;
  /** Usage and steps of all runs, without those a fork has taken over from its parent. */
  total = new Tally();
  /** What they have used, as limits count it. */
  spend = new RunSpend();
  run: RunRecord | null = null;
  /** Of the first entry, or of the latest change. */
  prefix: { readonly model: string; readonly fingerprint: string } | null = null;
  /** The prompt size, in tokens, from which the API compacts, where that was decided on the way. */
  compactAt: number | null = null;
  /** What every request holds beside its messages, as last kept. */
  settings: SettingsEvent | null = null;
  readonly #calls = new CallRecords();
  // Most runs have none of these, and there may be thousands of runs: each is made with its first entry.
  #children: ChildRecords | undefined;
  #scripts: ScriptState | undefined;
  /** What the journal tells of its prompt cache. */
  readonly cache = new CacheLog();
  #body: RequestBody | undefined;
  /** The messages of the checkpoint that it was restored from, as long as nobody has built on them. */
  #kept: KeptRow | null = null;
  #marked:
    | { readonly params: RequestParams; readonly key: string; readonly fields: RequestParams }
    | undefined;
  #paused = false;
  #length = 0;

  constructor() {
    this.transcript = new Transcript({
      append: (message) => {
        this.#body?.append(message);
        this.cache.joined(message);
      },
      rewrite: () => {
        this.#body = undefined;
        this.#kept = null;
        this.cache.rewrite(this.transcript.messages);
      },
    });
  }

  /** The state that a checkpoint has; null where its text means something else to this version. */
  static restore(kept: KeptCheckpoint): SessionState | null {
    const saved = JSON.parse(kept.state) as SavedState;
    if (saved.version !== CHECKPOINT_VERSION) return null;
    const from = new Restoring(kept, saved.params);
    const state = new SessionState();
    const { prefix, compactAt, settings, children, scripts, run, paused } = saved;
    state.total = Tally.restore(saved.total, from);
    state.spend = RunSpend.restore(saved.spend);
    state.run = run && RunRecord.restore(run, from);
    state.settings = settings && { ...settings, params: from.params(settings.params) as RequestParams };
    state.#calls.restore(saved.calls);
    state.#children = children ? ChildRecords.restore(children) : undefined;
    state.#scripts = scripts ? ScriptState.restore(scripts, from) : undefined;
    state.cache.restore(saved.cache, from);
    state.#kept = state.transcript.restore(saved.transcript, kept, saved.before);
    state.prefix = prefix;
    state.compactAt = compactAt;
    state.#paused = paused;
    state.#length = kept.seq;
    return state;
  }

  /** How many entries it was folded from. */
  get length(): number {
    return this.#length;
  }

  /** The runs it has started. */
  get children(): ChildRecords {
    return this.#children ?? NO_CHILDREN;
  }

  /** The steps of `orchestrate`. */
  get scripts(): ScriptState {
    return this.#scripts ?? NO_SCRIPTS;
  }

  /** The calls of the last reply that have not ended. */
  openCalls(): readonly ToolUseBlock[] {
    return this.transcript.openCalls;
  }

  /**
   * The next request. Messages are serialised once for the life of the session. `changes` are for this request alone;
   * they must not touch what the history is signed over. `mark` decides on cache breakpoints, given the size of the body.
   */
  request(
    given: RequestParams,
    now: number,
    changes?: RequestChanges,
    mark: (bytes: number) => CacheMarks = () => NO_MARKS,
  ): ModelRequest {
    const { container, ...params } = given;
    const { transcript } = this;
    this.#body ??= this.#newBody(params);
    const marks = mark(this.#body.length);
    const head = this.#withMarks(given, params, marks);
    this.#body.lead(head);
    const id = this.transcript.container(now);
    const used =
      id === undefined || typeof container === 'string' ? container : container ? { ...container, id } : id;
    const fields = changes ? { ...head, ...changes } : head;
    const marked = marksMessages(marks) ? markedMessages(transcript.all, marks) : NONE_MARKED;
    this.cache.asking(changes ? { ...given, ...changes } : given, marks);
    return {
      params: used === undefined ? fields : { ...fields, container: used },
      get messages() {
        return transcript.messages;
      },
      get all() {
        return transcript.all;
      },
      marks,
      bytes:
        changes || marked.size > 0
          ? this.#body.copy({ params: changes && fields, messages: marked }, used)
          : this.#body.bytes(used),
    };
  }

  #newBody(params: Omit<RequestParams, 'container'>): RequestBody {
    const body = new RequestBody(params, this.#kept);
    for (const message of this.transcript.since(this.#kept?.ends.length ?? 0)) body.append(message);
    this.#kept = null;
    return body;
  }

  /** The same object as long as the breakpoints are the same, so that they are serialised once. */
  #withMarks(given: RequestParams, params: RequestParams, marks: CacheMarks): RequestParams {
    const key = `${marks.tools} ${marks.system} ${marks.end} ${marks.block}`;
    if (this.#marked?.params !== given || this.#marked.key !== key)
      this.#marked = { params: given, key, fields: withMarks(params, marks) };
    return this.#marked.fields;
  }

  /** What is known of a call of the last reply. */
  callOf(block: ToolUseBlock): CallRecord {
    return this.#calls.of(block.id);
  }

  /** Whether a decision on this call was ever kept. */
  wasDecided(callId: string): boolean {
    return this.#calls.wasDecided(callId);
  }

  /**
   * Whether the last reply asks to be sent back as it is: a paused or compacted turn, which no user message follows.
   * See https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
   */
  get paused(): boolean {
    return this.#paused && this.transcript.lastRole === 'assistant';
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    this.#length = entry.seq + 1;
    // An input that is refused before any reply came would have every later request refused too.
    if (entry.type === 'run-end' && this.run?.hasInput && !this.run.answered && isRefused(entry))
      this.transcript.withdraw();
    this.transcript.apply(entry);
    this.cache.apply(entry);
    this.#calls.apply(entry);
    const step = this.total.apply(entry);
    this.spend.apply(entry);
    if (entry.type === 'child-start') this.#children ??= new ChildRecords();
    this.#children?.apply(entry);
    if (entry.type === 'script-start') this.#scripts ??= new ScriptState();
    this.#scripts?.apply(entry);
    // A script may come between a run and its resumption.
    if (!this.#scripts?.owns(entry)) {
      this.run?.tally.apply(entry, step);
      this.run?.spend.apply(entry);
    }
    this.#applySettings(entry);
    if (entry.type === 'run-start' && this.run?.runId !== entry.runId) this.run = this.#newRun(entry.runId);
    else if (entry.type === 'fork') this.#fork(entry);
    else this.run?.apply(entry);
    if (entry.type === 'reply') this.#paused = isPause(entry.message.stop_reason);
  }

  #applySettings(entry: Entry): void {
    switch (entry.type) {
      case 'session-start':
      case 'prefix-change':
        this.prefix = { model: entry.model, fingerprint: entry.fingerprint };
        // What was decided for another model, or another prompt, is decided anew.
        this.compactAt = null;
        break;
      case 'compaction-plan':
        this.compactAt = entry.compactAt;
        if (this.settings)
          this.settings = {
            ...this.settings,
            params: compactingAt(this.settings.params, entry.compactAt),
          };
        break;
      case 'settings':
        this.settings = entry;
        break;
      default:
    }
  }

  /** What it has folded, for whoever opens its journal next. */
  checkpoint(): Checkpoint {
    const saving = new Saving();
    // The request is built around the messages.
    const before = headRoom(this.settings?.params ?? {});
    const { prefix, compactAt, settings } = this;
    const saved: SavedState = {
      version: CHECKPOINT_VERSION,
      transcript: this.transcript.save(saving.row),
      total: this.total.save(saving),
      spend: this.spend.save(),
      run: this.run?.save(saving) ?? null,
      prefix,
      compactAt,
      settings: settings && { ...settings, params: saving.ofParams(settings.params) },
      calls: this.#calls.save(),
      children: this.#children?.save() ?? null,
      scripts: this.#scripts?.save(saving) ?? null,
      cache: this.cache.save(saving),
      paused: this.#paused,
      before,
      params: saving.params,
    };
    const { row, stepsText: steps } = saving;
    const free = { before, behind: ROOM };
    return { seq: this.#length, state: JSON.stringify(saved), steps, pieces: row.pieces, free };
  }

  #newRun(runId: string): RunRecord {
    return new RunRecord(runId, this.total.next(), this.spend.next());
  }

  /**
   * What is unfinished stays so in the fork, under a run of its own: its calls have other idempotency keys, but for those
   * that were started already. What the parent used, or has under way, is the parent's.
   */
  #fork({ runId }: ForkEvent): void {
    this.total = this.total.next();
    this.spend = this.spend.next();
    this.run = this.run?.forked(runId, this.total.next(), this.spend.next()) ?? null;
  }
}

function isPause(stopReason: string | null): boolean {
  return stopReason === 'pause_turn' || stopReason === 'compaction';
}

function isRefused({ outcome, code }: RunEndEvent): boolean {
  if (outcome === 'context-full') return true;
  return outcome === 'failed' && (code === 'invalid-request' || code === 'request-too-large');
}
