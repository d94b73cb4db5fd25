import type { ToolUseBlock } from './api.ts';
import type { PendingApproval } from './result.ts';
import type { RunState } from './run-state.ts';
import {
  decideCall,
  execute,
  findAndCheck,
  type Ready,
  type Settled,
  settle,
  type Undecided,
} from './tool-call.ts';
import type { Tool, ToolAccess } from './tool.ts';

interface BatchedCall {
  readonly block: ToolUseBlock;
  readonly brokenInput: string | undefined;
  /** The checked call; settled at once where it can not run. */
  readonly prepared: Promise<Ready | Settled>;
  /** Resolves when the call has ended or is left undecided. */
  done: Promise<Settled | Undecided | null>;
  started: boolean;
  /** Whether its end is recorded. */
  ended: boolean;
  readonly abort: AbortController;
}

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
  #open!: () => void;
  readonly #gate: Promise<void>;
  #closed = false;

  constructor(run: RunState, turn: number) {
    this.#run = run;
    this.#turn = turn;
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  /** Adds a call whose block is complete. `brokenInput` says why its input could not be read. */
  add(block: ToolUseBlock, brokenInput?: string): void {
    const earlier = [...this.#calls];
    const call: BatchedCall = {
      block,
      brokenInput,
      prepared: findAndCheck(this.#run, block, brokenInput),
      done: Promise.resolve(null),
      started: false,
      ended: false,
      abort: new AbortController(),
    };
    this.#calls.push(call);
    call.done = this.#process(call, earlier);
    // `done` is awaited by run(), refuse() or discard(); until then a failure must not count as unhandled.
    call.done.catch(() => {});
  }

  /** Lets all calls run and waits until each has ended. Returns those that nobody has decided on. */
  async run(): Promise<PendingApproval[]> {
    this.#open();
    await this.#settled();
    const undecided: PendingApproval[] = [];
    for (const call of this.#calls) {
      const end = call.ended ? null : await call.done;
      if (end?.state === 'undecided') {
        undecided.push({
          callId: call.block.id,
          tool: call.block.name,
          input: end.input,
          agent: this.#run.spec.name,
        });
      }
    }
    return undecided;
  }

  /** Ends the calls that have not started without running them: `why` is what the model reads. Started ones are awaited. */
  async refuse(why: string): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) {
      if (!call.started) await this.#end(call, settle('cancelled', why), 0);
    }
    this.#open();
    await this.#settled();
  }

  /** The reply was lost: stops what was started early and forgets it. */
  async discard(): Promise<void> {
    this.#closed = true;
    this.#open();
    for (const call of this.#calls) {
      call.abort.abort(new Error('the reply that asked for this call was lost'));
      if (call.started)
        await this.#end(call, settle('cancelled', 'The reply that asked for this call was lost.'), 0);
      else call.ended = true;
    }
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
      this.#closed = true;
      // Tools that heed their signal get a moment to end by themselves, well inside the 100 ms a stop may take.
      if (this.#calls.some((call) => call.started && !call.ended)) await this.#run.grace();
      for (const call of this.#calls) await this.#end(call, unfinished(call), 0);
    } finally {
      detach();
    }
  }

  async #process(call: BatchedCall, earlier: readonly BatchedCall[]): Promise<Settled | Undecided | null> {
    const prepared = await call.prepared;
    if (!(prepared.state === 'ready' && startsEarly(prepared.tool))) await this.#gate;
    if (this.#closed) return null;
    if (prepared.state === 'settled') return this.#end(call, prepared, 0);
    const decided = await decideCall(this.#run, call.block, prepared);
    if (decided.state === 'settled') return this.#end(call, decided, 0);
    if (decided.state === 'undecided') return decided;
    await waitForConflicts(decided, earlier);
    return this.#run.limit(() => this.#start(call, decided));
  }

  async #start(call: BatchedCall, ready: Ready): Promise<Settled | null> {
    if (this.#closed || call.ended) return null;
    call.started = true;
    const { block } = call;
    const idempotencyKey = `${this.#run.runId}:${block.id}`;
    await this.#run.record({
      type: 'tool-start',
      turn: this.#turn,
      callId: block.id,
      tool: block.name,
      input: ready.input,
      effect: ready.tool.effect,
      attempt: 1,
      idempotencyKey,
    });
    const startedAt = this.#run.seams.monotonic();
    const ended = await this.#timed(call, ready, idempotencyKey);
    return this.#end(call, ended, this.#run.seams.monotonic() - startedAt);
  }

  /** A tool that ignores its signal is not waited for: a timeout or a stop answers in its place. */
  #timed(call: BatchedCall, ready: Ready, idempotencyKey: string): Promise<Settled> {
    const { signal } = call.abort;
    const work = execute(this.#run, call.block, ready, signal, idempotencyKey);
    const { timeoutMs } = ready.tool;
    if (timeoutMs === undefined) return work;
    return new Promise((resolve) => {
      const cancel = this.#run.seams.timer(timeoutMs, () => {
        resolve(
          settle(
            'timeout',
            `The tool did not end within ${timeoutMs} ms and is no longer waited for. ${mayHaveHappened(ready.tool)}`,
          ),
        );
        call.abort.abort(new DOMException(`The tool did not end within ${timeoutMs} ms.`, 'TimeoutError'));
      });
      void work.then((ended) => {
        cancel();
        resolve(ended);
      });
    });
  }

  /** Records how a call ended, once: what comes later is too late and changes nothing. */
  async #end(call: BatchedCall, end: Settled, durationMs: number): Promise<Settled | null> {
    if (call.ended) return null;
    call.ended = true;
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

/** Only what changes nothing and needs no decision may run before the stop reason is known. */
function startsEarly(tool: Tool): boolean {
  return tool.effect === 'read' && tool.approval === 'never';
}

async function waitForConflicts({ access }: Ready, earlier: readonly BatchedCall[]): Promise<void> {
  if (!access) return;
  for (const call of earlier) {
    const other = await call.prepared;
    if (other.state === 'ready' && other.access && conflict(access, other.access)) await call.done;
  }
}

function conflict(a: ToolAccess, b: ToolAccess): boolean {
  const touches = (writes: readonly string[] = [], other: ToolAccess): boolean =>
    writes.some((key) => other.writes?.includes(key) || other.reads?.includes(key));
  return touches(a.writes, b) || touches(b.writes, a);
}

function unfinished(call: BatchedCall): Settled {
  if (!call.started) return settle('cancelled', 'The run was stopped before this call was carried out.');
  return settle(
    'unknown',
    'The run was stopped while this call was being carried out: it may or may not have taken effect. Check before repeating it.',
  );
}

function mayHaveHappened(tool: Tool): string {
  return tool.effect === 'read'
    ? 'Try a smaller request.'
    : 'It may or may not have taken effect: check before repeating it.';
}
