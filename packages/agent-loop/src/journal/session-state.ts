import { ChildRecords } from '../children/child-records.ts';
import type { MessageParam, RequestParams, ToolUseBlock } from '../api.ts';
import { CacheLog } from '../cache/cache-log.ts';
import { type CacheMarks, markedMessages, NO_MARKS, withMarks } from '../cache/cache-marks.ts';
import type {
  ApprovalEvent,
  ApprovalRequestEvent,
  Entry,
  ForkEvent,
  ReplyEvent,
  RequestEvent,
  RunEndEvent,
  SettingsEvent,
  ToolStartEvent,
} from './events.ts';
import type { AnyMessage, KeptCall } from './kept-message.ts';
import { RequestBody } from '../request/request-body.ts';
import type { Outcome, Step } from '../loop/result.ts';
import { compactingAt } from '../money/compaction-plan.ts';
import { RunSpend } from '../money/run-spend.ts';
import { ScriptState } from '../team/script-state.ts';
import { Tally } from '../money/tally.ts';
import { callsOf, Transcript } from './transcript.ts';

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

/** What the journal knows of a call that has not ended. */
export interface CallRecord {
  /** Its latest start, where it was started. */
  readonly started: ToolStartEvent | undefined;
  readonly asked: ApprovalRequestEvent | undefined;
  /** The first decision on it since its latest start. */
  readonly decided: ApprovalEvent | undefined;
  /** The decision that its latest start carried out. */
  readonly used: ApprovalEvent | undefined;
}

/** Of sessions that have none. Nothing is ever folded into them. */
const NO_CHILDREN = new ChildRecords();
const NO_SCRIPTS = new ScriptState();
const NOTHING: CallRecord = { started: undefined, asked: undefined, decided: undefined, used: undefined };

/** How many steps are always known at once. */
export const LATEST_STEPS = 32;

/** The latest run of a session. */
export interface RunRecord {
  readonly runId: string;
  readonly tally: Tally;
  /** Whether it began with an input, rather than going on where another had ended. */
  hasInput: boolean;
  /** Whether it has had a whole reply. */
  answered: boolean;
  /** How it ended, or null while it has not: it goes on, or was interrupted. */
  ended: Outcome | 'failed' | null;
  /** Its last entry, where it has ended. */
  end: RunEndEvent | null;
  /** The request whose reply has not come, where there is one. */
  inFlight: RequestEvent | null;
  /** The reply that no request has followed yet. */
  unanswered: ReplyEvent | null;
  /** What it has used, as limits count it. */
  readonly spend: RunSpend;
  /** Whether the model was asked to finish, because a budget is used up. */
  closing: boolean;
  /** Whether the compaction in its last reply is recorded. */
  compacted: boolean;
}

/**
 * The state of a session: a fold of its journal and nothing else. A single run is a session of one run.
 */
export class SessionState {
  readonly transcript: Transcript;
  #total = new Tally();
  #spend = new RunSpend();
  /** All entries, where some were not applied to these two: those there were, and those that came since. */
  #behind: { readonly before: () => Iterable<Entry>; readonly since: Entry[] } | null = null;
  run: RunRecord | null = null;
  /** Of the first entry, or of the latest change. */
  prefix: { readonly model: string; readonly fingerprint: string } | null = null;
  /** The prompt size, in tokens, from which the API compacts, where that was decided on the way. */
  compactAt: number | null = null;
  /** What every request holds beside its messages, as last kept. */
  settings: SettingsEvent | null = null;
  readonly #calls = new Map<string, CallRecord>();
  // Most runs have none of these, and there may be thousands of runs: each is made with its first entry.
  #children: ChildRecords | undefined;
  #scripts: ScriptState | undefined;
  /** Every call that was ever decided on, so that a late second answer is known for one. */
  #everDecided: Set<string> | undefined;
  /** What the journal tells of its prompt cache. */
  readonly cache = new CacheLog();
  #body: RequestBody | undefined;
  #marked:
    | { readonly params: RequestParams; readonly key: string; readonly fields: RequestParams }
    | undefined;
  #paused = false;

  constructor() {
    this.transcript = new Transcript({
      append: (message) => {
        this.#body?.append(message);
        this.cache.joined(message);
      },
      rewrite: () => {
        this.#body = undefined;
        this.cache.rewrite(this.transcript.messages);
      },
      // Whoever looks at messages mostly looks at more: all of it in one go takes less than one after the other.
      parsing: () => this.#catchUp(),
    });
  }

  /** Usage and steps of all runs, without those a fork has taken over from its parent. */
  get total(): Tally {
    this.#catchUp();
    return this.#total;
  }

  /** What they have used, as limits count it. */
  get spend(): RunSpend {
    this.#catchUp();
    return this.#spend;
  }

  /** The latest steps, as many as are known without looking at what was not applied. */
  get latestSteps(): readonly Step[] {
    return this.#total.steps.slice(-LATEST_STEPS);
  }

  /** The entries so far are not all applied to what the session has used: `entries` are all of them, should anybody ask. */
  defer(entries: () => Iterable<Entry>): void {
    this.#behind = { before: entries, since: [] };
  }

  #catchUp(): void {
    if (!this.#behind) return;
    const { before, since } = this.#behind;
    const whole = new SessionState();
    for (const entry of before()) whole.apply(entry);
    for (const entry of since) whole.apply(entry);
    this.transcript.adopt(whole.transcript);
    this.#total = whole.total;
    this.#spend = whole.spend;
    this.#behind = null;
  }

  /** After entries that were not parsed: parses what those that follow are about, and `early` results of calls that are to come. */
  release(early: Iterable<KeptCall>): void {
    this.transcript.parseOpen(early);
    const { places } = this.cache;
    const unsent = this.transcript.latest(places.passedBy);
    places.recount(unsent);
    const reply = unsent.findLast(({ role }) => role === 'assistant');
    if (reply) this.#total.note(callsOf(reply).map(({ name }) => name));
  }

  /** A run began, in an entry that is not parsed. */
  keepStart(runId: string): void {
    this.run = this.#newRun(runId);
  }

  /** Its input. */
  keepInput(): void {
    if (this.run) this.run.hasInput = true;
    this.#calls.clear();
  }

  /** A request of the turn was sent. Time in epoch milliseconds. */
  keepRequest(turn: number, at: number): void {
    this.#calls.clear();
    this.transcript.keepRequest();
    this.cache.passed(turn, at);
  }

  /** Its reply, which pauses nothing. */
  keepReply(): void {
    if (this.run) this.run.answered = true;
    this.#paused = false;
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
    this.#body ??= new RequestBody(params, transcript.all);
    const marks = mark(this.#body.length);
    const head = this.#withMarks(given, params, marks);
    this.#body.lead(head);
    const id = this.transcript.container(now);
    const used =
      id === undefined || typeof container === 'string' ? container : container ? { ...container, id } : id;
    const fields = changes ? { ...head, ...changes } : head;
    const marked = markedMessages(transcript.all, marks);
    this.cache.asking(changes ? { ...given, ...changes } : given, marks);
    return {
      params: used === undefined ? fields : { ...fields, container: used },
      get messages() {
        return transcript.messages;
      },
      all: transcript.all,
      marks,
      bytes:
        changes || marked.size > 0
          ? this.#body.copy({ params: changes && fields, messages: marked }, used)
          : this.#body.bytes(used),
    };
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
    return this.#known(block.id);
  }

  /** Whether a decision on this call was ever kept. */
  wasDecided(callId: string): boolean {
    return this.#everDecided?.has(callId) ?? false;
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
    this.transcript.apply(entry);
    this.cache.apply(entry);
    this.#behind?.since.push(entry);
    const step = this.#total.apply(entry);
    this.#spend.apply(entry);
    if (entry.type === 'child-start') this.#children ??= new ChildRecords();
    this.#children?.apply(entry);
    if (entry.type === 'script-start') this.#scripts ??= new ScriptState();
    this.#scripts?.apply(entry);
    // A script may come between a run and its resumption.
    if (!this.#scripts?.owns(entry)) {
      this.run?.tally.apply(entry, step);
      this.run?.spend.apply(entry);
    }
    switch (entry.type) {
      case 'session-start':
      case 'prefix-change':
        this.prefix = entry;
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
      case 'fork':
        this.#fork(entry);
        break;
      case 'run-start':
        if (this.run?.runId === entry.runId) {
          this.run.ended = null;
          this.run.end = null;
        } else this.run = this.#newRun(entry.runId);
        break;
      case 'run-end':
        // An input that is refused before any reply came would have every later request refused too.
        if (this.run?.hasInput && !this.run.answered && isRefused(entry)) this.transcript.withdraw();
        if (this.run) this.run.ended = entry.outcome;
        if (this.run) this.run.end = entry;
        break;
      case 'input':
        if (this.run) this.run.unanswered = null;
        if (this.run) this.run.hasInput = true;
        if (this.run) this.run.closing ||= entry.source === 'budget';
        this.#calls.clear();
        break;
      case 'request':
        if (this.run) this.run.inFlight = entry;
        if (this.run) this.run.unanswered = null;
        this.#calls.clear();
        break;
      case 'reply':
        if (this.run) this.run.inFlight = null;
        if (this.run) this.run.unanswered = entry;
        if (this.run) this.run.answered = true;
        if (this.run) this.run.compacted = false;
        this.#paused = isPause(entry.message.stop_reason);
        break;
      case 'reply-lost':
        if (this.run) this.run.inFlight = null;
        break;
      case 'tool-start':
        this.#start(entry);
        break;
      case 'approval-request':
        this.#calls.set(entry.callId, { ...this.#known(entry.callId), asked: entry });
        break;
      case 'approval': {
        // Kept in the session of the child whose call it is, and noted here.
        if (entry.session !== undefined) break;
        const known = this.#known(entry.callId);
        if (!known.decided) this.#calls.set(entry.callId, { ...known, decided: entry });
        (this.#everDecided ??= new Set()).add(entry.callId);
        break;
      }
      case 'compaction':
        if (this.run) this.run.compacted = true;
        break;
      case 'tool-end':
        this.#calls.delete(entry.callId);
        break;
      default:
    }
  }

  #newRun(runId: string): RunRecord {
    return {
      runId,
      tally: this.#total.next(),
      hasInput: false,
      answered: false,
      ended: null,
      end: null,
      inFlight: null,
      unanswered: null,
      spend: this.#spend.next(),
      closing: false,
      compacted: false,
    };
  }

  #known(callId: string): CallRecord {
    return this.#calls.get(callId) ?? NOTHING;
  }

  #start(entry: ToolStartEvent): void {
    const known = this.#known(entry.callId);
    const used = known.decided ?? known.used;
    this.#calls.set(entry.callId, { ...known, started: entry, decided: undefined, used });
  }

  /**
   * What is unfinished stays so in the fork, under a run of its own: its calls have other idempotency keys, but for those
   * that were started already. What the parent used, or has under way, is the parent's.
   */
  #fork({ runId }: ForkEvent): void {
    this.#total = this.#total.next();
    this.#spend = this.#spend.next();
    if (!this.run) return;
    this.run = {
      ...this.run,
      runId,
      tally: this.#total.next(),
      hasInput: false,
      answered: false,
      inFlight: null,
      spend: this.#spend.next(),
    };
  }
}

function isPause(stopReason: string | null): boolean {
  return stopReason === 'pause_turn' || stopReason === 'compaction';
}

function isRefused({ outcome, code }: RunEndEvent): boolean {
  if (outcome === 'context-full') return true;
  return outcome === 'failed' && (code === 'invalid-request' || code === 'request-too-large');
}
