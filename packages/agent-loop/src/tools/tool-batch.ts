import type { ToolUseBlock } from '../api.ts';
import { delegationOf } from '../children/delegation.ts';
import {
  batchedCall,
  type BatchedCall,
  conflict,
  type Held,
  startsEarly,
  unfinished,
} from './batched-call.ts';
import { contextOf, executeInTime } from './call-context.ts';
import { decideInterrupted } from './interrupted-call.ts';
import type { PendingApproval } from '../loop/result.ts';
import type { RunState } from '../loop/run-state.ts';
import type { CallRecord } from '../journal/call-records.ts';
import {
  applyDecision,
  decideCall,
  findAndCheck,
  type Ready,
  review,
  type Settled,
  settle,
  type Undecided,
} from './tool-call.ts';
import type { WaitEvent } from '../journal/events.ts';
import type { ToolContext } from './tool.ts';
import type { Waiting } from '../children/waiting.ts';

/** How long a call takes, before any of its reply has ended. */
const FIRST_DURATION_MS = 5000;

/**
 * The tool calls of one reply. Calls are added as their blocks complete, while the reply still streams: `read` tools
 * start then, all others wait for `run()`, which is called only once the stop reason allows it.
 *
 * Calls run in parallel. Only calls that name conflicting resources wait, for the earlier ones in call order.
 */
export class ToolBatch {
  readonly #run: RunState;
  readonly #turn: number;
  readonly #calls: BatchedCall[] = [];
  #isOpen = false;
  /** Made where a call waits for it: those of `read` tools do not. */
  #opened: PromiseWithResolvers<void> | undefined;
  #closed = false;
  #undecided = 0;
  /** No longer hears of background children. */
  #leave: (() => void) | undefined;
  /** How long its calls took of late. */
  #durationMs = FIRST_DURATION_MS;

  constructor(run: RunState, turn: number) {
    this.#run = run;
    this.#turn = turn;
  }

  /**
   * Adds a call whose block is complete. `brokenInput` says why its input could not be read, `record` what is known of a
   * call that was interrupted.
   */
  add(block: ToolUseBlock, brokenInput?: string, record?: CallRecord): void {
    const call = batchedCall(block, record, findAndCheck(this.#run, block, brokenInput));
    this.#calls.push(call);
    const over = (): void => {
      call.over = true;
      this.#concludeWaiting();
    };
    call.done = this.#process(call);
    // Before whoever waits for it. A failure is seen by run(), refuse() or discard(); until then it is not unhandled.
    call.done.then(over, over);
  }

  /** Lets all calls run and waits until each has ended. Returns those that nobody has decided on. */
  async run(): Promise<PendingApproval[]> {
    // A stopped run starts nothing any more.
    if (!this.#run.halt.reason) this.#open();
    await this.#settled();
    const undecided: PendingApproval[] = [];
    // A parked run leaves calls open, and some may never end.
    if (this.#run.halt.reason) return undecided;
    for (const call of this.#calls) {
      const end = call.ended ? null : await call.done;
      if (end?.state !== 'undecided' && end?.state !== 'held') continue;
      this.#undecided += 1;
      // What a subagent waits for is known by its own end.
      if (end.state === 'held' || call.delegates) continue;
      const { id: callId, name: tool } = call.block;
      undecided.push({ callId, tool, input: end.input, agent: this.#run.spec.name });
    }
    return undecided;
  }

  /** Whether a call was left undecided: the run pauses with it. */
  get open(): boolean {
    return this.#undecided > 0;
  }

  /** Ends the calls that have not started without running them: `why` is what the model reads. Started ones are awaited. */
  async refuse(why: string): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) {
      if (call.startedAt === undefined) await this.#end(call, settle('cancelled', why));
    }
    this.#open();
    await this.#settled();
  }

  /**
   * Forgets all calls but these: the model that asked for the others declined before it had finished. What was started
   * early is stopped, and its end belongs to nothing.
   */
  retain(calls: readonly { readonly id?: string }[]): void {
    const kept = new Set(calls.map(({ id }) => id));
    for (const call of this.#calls) {
      if (kept.has(call.block.id)) continue;
      call.abort.abort(new Error('the model that asked for this call declined'));
      if (call.startedAt === undefined) call.ended = true;
    }
  }

  /** The reply was lost: stops what was started early and forgets it. */
  async discard(): Promise<void> {
    this.#closed = true;
    this.#open();
    const started = this.#calls.filter((call) => call.startedAt !== undefined && !call.ended);
    for (const call of this.#calls) {
      if (!call.ended) call.abort.abort(new Error('the reply that asked for this call was lost'));
      // What has not started leaves no trace. What has is ended below.
      if (call.startedAt === undefined) call.ended = true;
    }
    const lost = settle('cancelled', 'The reply that asked for this call was lost.');
    await Promise.all(started.map((call) => this.#end(call, lost)));
  }

  #open(): void {
    this.#isOpen = true;
    this.#opened?.resolve();
  }

  /** Waits until calls may run. */
  #gate(): Promise<void> | undefined {
    if (this.#isOpen) return undefined;
    this.#opened ??= Promise.withResolvers();
    return this.#opened.promise;
  }

  /** Whether nothing may start any more. */
  get #over(): boolean {
    return this.#closed || this.#run.halt.reason !== null;
  }

  /** Waits for all calls, but no longer than shortly after the run was stopped: then unfinished ones are marked. */
  async #settled(): Promise<void> {
    const { halt } = this.#run;
    const detach = halt.on(() => {
      for (const call of this.#calls) {
        if (!call.ended) call.abort.abort(new Error(halt.reason?.reason ?? 'stopped'));
      }
    });
    try {
      await halt.race(Promise.all(this.#calls.map((call) => call.done)));
      if (!halt.reason) return;
      // Tools that heed their signal get a moment to end by themselves, well inside the 100 ms a stop may take.
      if (this.#calls.some((call) => call.startedAt !== undefined && !call.ended)) await this.#run.grace();
      await this.#childrenEnded();
      // A parked run leaves them open: whoever resumes it settles them by their effect.
      if (halt.reason.kind === 'parked') return;
      for (const call of this.#calls) await this.#end(call, unfinished(call));
    } finally {
      detach();
      this.#leave?.();
    }
  }

  /** Subagents were stopped with the run, and have ended by now or in a moment: their calls tell what they had found. */
  async #childrenEnded(): Promise<void> {
    const calls = this.#calls.filter((call) => call.delegates && !call.ended);
    if (calls.length === 0) return;
    await this.#run.children.settled();
    await this.#run.graceFor(Promise.all(calls.map((call) => call.done)));
  }

  async #process(call: BatchedCall): Promise<Settled | Undecided | Held | null> {
    const prepared = await call.prepared;
    if (call.record || !(prepared.state === 'ready' && startsEarly(prepared.tool))) await this.#gate();
    if (call.ended || this.#over) return null;
    if (prepared.state === 'settled') return this.#end(call, prepared);
    const first = await (call.record
      ? decideInterrupted(this.#run, call.block, prepared, call.record, this.#context(call))
      : decideCall(this.#run, call.block, prepared));
    const decided = first.state === 'undecided' ? await this.#awaitDecision(call, prepared, first) : first;
    if (decided.state === 'settled') return this.#end(call, decided);
    if (decided.state === 'undecided') return decided;
    call.access = decided.access;
    if (!(await this.#admit(call))) return { state: 'held' };
    // It only waits: a slot that it held could be the one that its own tools need.
    if (delegationOf(decided.tool)) return this.#start(call, decided);
    const { limit } = this.#run;
    const rounds = Math.floor((limit.activeCount + limit.pendingCount) / limit.concurrency);
    if (rounds > 0) this.#tellWait(call, 'concurrency', rounds);
    return limit(() => this.#start(call, decided));
  }

  /** Waits for a decision as long as other calls go on: one that comes meanwhile is carried out by this run. */
  async #awaitDecision(
    call: BatchedCall,
    ready: Ready,
    undecided: Undecided,
  ): Promise<Ready | Settled | Undecided> {
    const { decision, forget } = this.#run.decisionOn(call.block.id);
    const nobody = new Promise<null>((resolve) => (call.conclude = () => resolve(null)));
    const known = this.#run.state.callOf(call.block).decided;
    call.waitsFor = 'decision';
    this.#concludeWaiting();
    const given = known ?? (await Promise.race([decision, nobody]));
    call.waitsFor = null;
    if (given) this.#run.waiting?.end();
    forget();
    return given ? applyDecision(this.#run, call.block, ready, given) : undecided;
  }

  /** Where every call is over or waits, nobody is left to wait for. A decision that is being written still counts. */
  #concludeWaiting(): void {
    if (!this.#calls.some(({ waitsFor }) => waitsFor === 'decision')) return;
    // What a background child does next decides whether to go on waiting.
    this.#leave ??= this.#run.background.on(() => this.#concludeWaiting());
    if (!this.#quiet) return;
    void this.#run.flushed().then(() => {
      if (!this.#quiet) return;
      const conclude = (): void => {
        if (this.#quiet) for (const call of this.#calls) call.conclude();
      };
      // Whoever started this run may have other work, during which decisions can come.
      if (this.#run.waiting) this.#run.waiting.begin(conclude);
      else conclude();
    });
  }

  get #quiet(): boolean {
    const waits = ({ over, waitsFor }: BatchedCall): boolean =>
      over || waitsFor === 'decision' || (waitsFor !== null && !waitsFor.over);
    return this.#run.background.quiet && this.#calls.every(waits);
  }

  /** Waits for the calls that this one may not run beside. False where one of them is left undecided. */
  async #admit(call: BatchedCall): Promise<boolean> {
    if (call.access) {
      await Promise.all(this.#calls.map((other) => other.prepared));
      let told = false;
      for (let other = this.#blocker(call); other; other = this.#blocker(call)) {
        if (!told) this.#tellWait(call, 'conflict', 1);
        told = true;
        call.waitsFor = other;
        this.#concludeWaiting();
        const end = await other.done;
        call.waitsFor = null;
        if (end?.state === 'undecided' || end?.state === 'held') return false;
      }
    }
    call.admitted = true;
    return true;
  }

  #tellWait({ block }: BatchedCall, reason: WaitEvent['reason'], rounds: number): void {
    const delayMs = Math.ceil(rounds * this.#durationMs);
    this.#run.tell({ type: 'wait', reason, delayMs, callId: block.id });
  }

  /**
   * A call in conflict with this one: an earlier one, or a later one that no longer waits. The latter can only be where
   * a decision changed the input after the later one had seen no conflict.
   */
  #blocker(call: BatchedCall): BatchedCall | undefined {
    const position = this.#calls.indexOf(call);
    return this.#calls.find(
      (other, index) =>
        other !== call &&
        !other.over &&
        (index < position || other.admitted) &&
        conflict(call.access, other.access),
    );
  }

  async #start(call: BatchedCall, ready: Ready): Promise<Settled | Undecided | null> {
    if (this.#over || call.ended) return null;
    const { block } = call;
    const { tool, given } = ready;
    const { seams } = this.#run;
    call.startedAt = seams.monotonic();
    call.effect = tool.effect;
    call.delegates = delegationOf(tool) !== undefined;
    const ctx = this.#context(call);
    const { attempt, idempotencyKey } = ctx;
    await this.#run.record({
      type: 'tool-start',
      turn: this.#turn,
      callId: block.id,
      tool: block.name,
      input: given,
      effect: tool.effect,
      attempt,
      idempotencyKey,
    });
    // While the intent was being written, the reply may have been lost or the run stopped.
    if (this.#over) {
      // A parked run leaves what may be repeated to whoever resumes it.
      if (this.#run.halt.reason?.kind === 'parked' && tool.effect !== 'once') return null;
      return this.#end(call, settle('cancelled', 'The run was stopped before this call ran.'));
    }
    const ran = await executeInTime(this.#run, call, ready, ctx);
    if (call.ended) return null;
    if (ran.state === 'undecided') return ran;
    const stop = ran.outcome === 'error' ? this.#run.halt.reason : null;
    // A subagent says itself how it was stopped.
    if (stop && call.delegates && stop.kind !== 'parked') return this.#end(call, ran);
    // What a tool throws because it was told to stop says nothing about whether it took effect.
    if (stop) return stop.kind === 'parked' ? null : this.#end(call, unfinished(call));
    return this.#end(call, await review(this.#run, block, ready, ran));
  }

  #context(call: BatchedCall): ToolContext {
    return contextOf(this.#run, call, this.#waitingOf(call));
  }

  /** A call whose subagent waits for decisions waits for them itself. */
  #waitingOf(call: BatchedCall): Waiting {
    return {
      begin: (conclude) => {
        call.waitsFor = 'decision';
        call.conclude = conclude;
        this.#concludeWaiting();
      },
      end: () => {
        if (call.waitsFor !== 'decision') return;
        call.waitsFor = null;
        this.#run.waiting?.end();
      },
    };
  }

  /** Records how a call ended, once: what comes later is too late and changes nothing. */
  async #end(call: BatchedCall, end: Settled): Promise<Settled | null> {
    if (call.ended) return null;
    call.ended = true;
    call.stopTimer();
    const { startedAt } = call;
    const durationMs = startedAt === undefined ? 0 : this.#run.seams.monotonic() - startedAt;
    if (startedAt !== undefined) this.#durationMs += (durationMs - this.#durationMs) / 4;
    await this.#run.record({
      type: 'tool-end',
      turn: this.#turn,
      callId: call.block.id,
      tool: call.block.name,
      outcome: end.outcome,
      content: end.content,
      durationMs,
    });
    return end;
  }
}
