/** A fault put into the sources on purpose. Some test has to notice it. */
export interface Mutant {
  readonly id: string;
  /** Relative to packages/. */
  readonly file: string;
  /** Occurs in the file once. */
  readonly find: string;
  readonly replace: string;
  /** What it breaks. */
  readonly breaks: string;
}

const LOOP = 'agent-loop/src';
const FILE = 'stores/src/file';
const SQLITE = 'stores/src/sqlite';

/** Forty faults in loop and store. */
export const MUTANTS: readonly Mutant[] = [
  {
    id: 'told-before-kept',
    file: `${LOOP}/journal/recorder.ts`,
    find: 'if (written) await written;\n        for (const { entry, resolve } of batch) {',
    replace: 'for (const { entry, resolve } of batch) {',
    breaks: 'order: append, then tell',
  },
  {
    id: 'failed-append-ignored',
    file: `${LOOP}/loop/run-state.ts`,
    find: "this.halt.trip({ kind: 'failed', reason: failure.message, error: failure });\n      throw failure;",
    replace: '',
    breaks: '2: nothing happens after what could not be kept',
  },
  {
    id: 'input-not-synced',
    file: `${LOOP}/journal/recorder.ts`,
    find: "    case 'input':\n",
    replace: '',
    breaks: '2: an acknowledged input survives a loss of power',
  },
  {
    id: 'intent-not-synced',
    file: `${LOOP}/journal/recorder.ts`,
    find: "return entry.effect !== 'read';",
    replace: 'return false;',
    breaks: '2: intent before effect, on the disk',
  },
  {
    id: 'request-not-synced',
    file: `${LOOP}/journal/recorder.ts`,
    find: "    case 'request':\n",
    replace: '',
    breaks: '2: results that were sent survive a loss of power',
  },
  {
    id: 'no-intent',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: "await this.#run.record({\n      type: 'tool-start',",
    replace: "void this.#run.record({\n      type: 'tool-start',",
    breaks: '2: intent before effect',
  },
  {
    id: 'new-key-on-repeat',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: 'before?.idempotencyKey ?? `${this.#run.runId}:${callId}`',
    replace: '`${this.#run.runId}:${callId}:${before?.attempt ?? 0}`',
    breaks: '2: the same key for every try',
  },
  {
    id: 'attempt-not-counted',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: 'attempt: (before?.attempt ?? 0) + 1,',
    replace: 'attempt: 1,',
    breaks: '2: attempts are counted',
  },
  {
    id: 'ends-twice',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: 'if (call.ended) return null;\n    call.ended = true;',
    replace: 'call.ended = true;',
    breaks: '1: a call is answered once',
  },
  {
    id: 'everything-starts-early',
    file: `${LOOP}/tools/batched-call.ts`,
    find: "return tool.effect === 'read' && tool.approval === 'never';",
    replace: 'return true;',
    breaks: '2: nothing with an effect runs before the stop reason is known',
  },
  {
    id: 'starts-after-stop',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: 'if (this.#over || call.ended) return null;',
    replace: '',
    breaks: '3: a stopped run starts nothing',
  },
  {
    id: 'conflicts-run-together',
    file: `${LOOP}/tools/batched-call.ts`,
    find: 'return a !== undefined && b !== undefined && (touches(a.writes, b) || touches(b.writes, a));',
    replace: 'return a !== undefined && b !== undefined && touches(a.writes, b) && touches(b.writes, a);',
    breaks: 'conflicting calls are serialised',
  },
  {
    id: 'parked-calls-are-marked',
    file: `${LOOP}/tools/tool-batch.ts`,
    find: "if (halt.reason.kind === 'parked') return;",
    replace: '',
    breaks: '2: a parked run leaves its calls open',
  },
  {
    id: 'once-runs-again',
    file: `${LOOP}/session/session-pending.ts`,
    find: "return started !== undefined && (started.effect === 'once' || tool?.effect === 'once');",
    replace: "return started !== undefined && started.effect === 'idempotent';",
    breaks: '2: a once tool is never run blindly',
  },
  {
    id: 'not-reconciled',
    file: `${LOOP}/tools/interrupted-call.ts`,
    find: 'if (tool.reconcile) return reconcile(ready, ctx);',
    replace: '',
    breaks: '2: a once tool is reconciled where it can be',
  },
  {
    id: 'reconcile-result-ignored',
    file: `${LOOP}/tools/interrupted-call.ts`,
    find: 'return found === undefined ? ready :',
    replace: 'return found !== undefined ? ready :',
    breaks: '2: what reconcile finds is the result',
  },
  {
    id: 'failed-reconcile-runs',
    file: `${LOOP}/tools/interrupted-call.ts`,
    find: 'if (error instanceof ServedEnd) return error.end;',
    replace: 'return ready;',
    breaks: '2: not knowing is no reason to repeat',
  },
  {
    id: 'no-means-yes',
    file: `${LOOP}/tools/interrupted-call.ts`,
    find: 'if (record.decided?.allow) return applyDecision(',
    replace:
      'if (record.decided) return applyDecision(run, call, ready, { allow: true });\n  if (record.decided) return applyDecision(',
    breaks: '2: a person said no',
  },
  {
    id: 'loss-not-recorded',
    file: `${LOOP}/loop/begin.ts`,
    find: 'if (resumed) await recordLoss(run, state);',
    replace: '',
    breaks: '2: what was billed and never arrived is recorded',
  },
  {
    id: 'given-up-as-cancelled',
    file: `${LOOP}/loop/begin.ts`,
    find: '= state.callOf(block).started',
    replace: '= !state.callOf(block)',
    breaks: '2: what may have happened is told as unknown',
  },
  {
    id: 'finished-siblings-run-again',
    file: `${LOOP}/journal/transcript.ts`,
    find: 'return this.#open.filter((call) => !this.#ended.has(call.id));',
    replace: 'return this.#open;',
    breaks: '2: a finished call is never run again',
  },
  {
    id: 'results-in-order-of-ending',
    file: `${LOOP}/journal/transcript.ts`,
    find: 'content: this.#open.map((call) => resultOf(call, this.#ended.get(call.id))) };',
    replace:
      'content: [...this.#ended.values()].flatMap((end) => this.#open.filter(({ id }) => id === end.callId).map((call) => resultOf(call, end))) };',
    breaks: '1: results in call order',
  },
  {
    id: 'answered-too-soon',
    file: `${LOOP}/journal/transcript.ts`,
    find: 'if (this.#open.length > 0 && this.#open.every((call) => this.#ended.has(call.id)))\n          this.#closeOpenCalls();',
    replace: 'if (this.#open.some((call) => this.#ended.has(call.id)))\n          this.#closeOpenCalls();',
    breaks: '1: a request only when every call has its result',
  },
  {
    id: 'early-ends-forgotten-late',
    file: `${LOOP}/journal/transcript.ts`,
    find: "      case 'request':\n        this.#ended.clear();\n",
    replace: "      case 'request':\n",
    breaks: '1: results of a lost reply count for nothing',
  },
  {
    id: 'reply-in-flight-for-ever',
    file: `${LOOP}/journal/session-state.ts`,
    find: "      case 'reply':\n        if (this.run) this.run.inFlight = null;",
    replace: "      case 'reply':",
    breaks: '2: no cost is counted twice',
  },
  {
    id: 'fork-pays-for-its-parent',
    file: `${LOOP}/journal/session-state.ts`,
    find: 'this.#total = this.#total.next();\n    this.#spend',
    replace: 'this.#spend',
    breaks: '5: a fork does not count what its parent used',
  },
  {
    id: 'usage-of-half-the-replies',
    file: `${LOOP}/money/tally.ts`,
    find: 'addUsage(this.usage, step.usage);',
    replace: 'if (this.steps.length % 2 === 0) addUsage(this.usage, step.usage);',
    breaks: '5: the sum of the steps is the total',
  },
  {
    id: 'any-agent-will-do',
    file: `${LOOP}/session/fingerprint.ts`,
    find: 'JSON.stringify([params.model, canonical(params.system ?? null), tools])',
    replace: 'JSON.stringify([params.model, tools])',
    breaks: '1: another system prompt is never sent silently',
  },
  {
    id: 'damage-on-reading-passed-over',
    file: `${LOOP}/session/session-log.ts`,
    find: 'this.#damageOnReading = error.damage ?? unnamed;',
    replace: 'void unnamed;',
    breaks: '10: a damaged content ends the session there',
  },
  {
    id: 'truncated-replies-run-tools',
    file: `${LOOP}/loop/stop.ts`,
    find: "case 'max_tokens':\n      return { next: 'end', outcome: 'truncated' };",
    replace:
      "case 'max_tokens':\n      return calls > 0 ? { next: 'run-tools' } : { next: 'end', outcome: 'truncated' };",
    breaks: '1: a cut reply runs nothing',
  },
  {
    id: 'owner-not-checked',
    file: `${FILE}/file-journal.ts`,
    find: 'if (!isOwner) throw this.#end(fenced());',
    replace: '',
    breaks: '9: exactly one owner goes on',
  },
  {
    id: 'sync-does-nothing',
    file: `${FILE}/file-journal.ts`,
    find: 'if (sync && this.#unsafe) await this.#sync(own);',
    replace: '',
    breaks: '2: acknowledged entries survive a loss of power',
  },
  {
    id: 'goes-on-after-failed-sync',
    file: `${FILE}/file-journal.ts`,
    find: "throw this.#end(asJournalError(error, 'The append may not be on the disk; open the session anew'));",
    replace: "throw asJournalError(error, 'The append may not be on the disk; open the session anew');",
    breaks: '2: a failed sync is never repeated and believed',
  },
  {
    id: 'header-not-synced',
    file: `${FILE}/open-session.ts`,
    find: 'await writeFully(file, line.bytes);\n  await file.sync();\n  await fs.syncDirectory(directory);',
    replace: 'await writeFully(file, line.bytes);\n  await file.sync();',
    breaks: '2: the name of a segment survives a loss of power',
  },
  {
    id: 'found-tail-not-made-safe',
    file: `${FILE}/open-session.ts`,
    find: 'if (last && after?.epoch === last.header.epoch) await makeSafe(fs, last);',
    replace: '',
    breaks: '2: what an owner finds is safe when it goes on',
  },
  {
    id: 'tail-not-read-again',
    file: `${FILE}/open-session.ts`,
    find: 'const chain = await readChain(fs, directory, before);',
    replace: 'const chain = before;',
    breaks: '9: nothing acknowledged is lost when another owner comes',
  },
  {
    id: 'crc-not-compared',
    file: `${FILE}/line.ts`,
    find: 'if (crc !== readHex(bytes, at)) return BAD;',
    replace: '',
    breaks: '10: corruption is found',
  },
  {
    id: 'damage-taken-for-torn',
    file: `${FILE}/tail.ts`,
    find: "if (next?.afterSync) return { kind: 'damage', end: next.at, hasLines: true };",
    replace: "if (next?.afterSync) return { kind: 'torn', end: tail.length, hasLines: true };",
    breaks: '10: a bad middle is never skipped',
  },
  {
    id: 'blob-not-checked',
    file: `${FILE}/blob-folder.ts`,
    find: 'if (found === hash) return',
    replace: 'if (found !== null) return',
    breaks: '10: a changed content is found',
  },
  {
    id: 'sqlite-owner-not-checked',
    file: `${SQLITE}/sqlite-journal.ts`,
    find: 'if (row?.epoch !== epoch) throw',
    replace: 'if (!row) throw',
    breaks: '9: exactly one owner goes on',
  },
];
