import { type BatchedCall, mayHaveHappened } from './batched-call.ts';
import type { RunState } from '../loop/run-state.ts';
import { execute, type Ready, type Settled, settle, type Undecided } from './tool-call.ts';
import { setScope } from './tool-scope.ts';
import type { ToolContext } from './tool.ts';
import type { Waiting } from '../children/waiting.ts';

/** What the tool of a call is given beside its input. A call that goes on keeps its key. */
export function contextOf(run: RunState, call: BatchedCall, waiting: Waiting): ToolContext {
  const { id: callId, name: tool } = call.block;
  const before = call.record?.started;
  const ctx: ToolContext = {
    get signal() {
      return call.abort.signal;
    },
    callId,
    idempotencyKey: before?.idempotencyKey ?? `${run.runId}:${callId}`,
    attempt: (before?.attempt ?? 0) + 1,
    runId: run.runId,
    sessionId: run.sessionId,
    agent: run.spec.name,
    logger: run.logger,
    progress: (message) => {
      if (!call.ended) run.tell({ type: 'tool-progress', callId, tool, message: String(message) });
    },
  };
  setScope(ctx, { run, waiting });
  return ctx;
}

/** Runs the tool. One that ignores its signal is not waited for: a timeout answers in its place. */
export function executeInTime(
  run: RunState,
  call: BatchedCall,
  ready: Ready,
  ctx: ToolContext,
): Promise<Settled | Undecided> {
  const work = execute(ready, ctx);
  const { timeoutMs, effect } = ready.tool;
  if (timeoutMs === undefined) return work;
  return new Promise((resolve) => {
    call.stopTimer = run.seams.timer(timeoutMs, () => {
      const late = `The tool did not end within ${timeoutMs} ms`;
      resolve(settle('timeout', `${late} and is no longer waited for. ${mayHaveHappened(effect)}`));
      call.abort.abort(new DOMException(`${late}.`, 'TimeoutError'));
    });
    void work.then((ended) => {
      call.stopTimer();
      resolve(ended);
    });
  });
}
