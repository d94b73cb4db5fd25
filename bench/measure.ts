/** What measurement processes share: the task, the clock and the memory. */
import { z } from 'zod';
import { cpuMs } from './clock.ts';
import type { BenchTool, Contender, Task } from './contender.ts';
import { contenders } from './contenders/index.ts';
import type { ContenderId } from './contenders/index.ts';
import { promptFor } from './plan.ts';
import type { Plan } from './plan.ts';

/** Milliseconds spent by this process's threads, and on the clock. */
export interface Spent {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** Runs `action` and tells what it took. */
export async function spentBy(action: () => Promise<unknown>): Promise<Spent> {
  const cpuBefore = cpuMs();
  const wallBefore = performance.now();
  await action();
  return { cpuMs: cpuMs() - cpuBefore, wallMs: performance.now() - wallBefore };
}

/** Collects garbage, so that no run pays for an earlier one's. */
export async function settle(): Promise<void> {
  for (let pass = 0; pass < 2; pass += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Bytes that are live now: V8's heap and what it holds outside. */
export function liveBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes of memory the process had at most so far. */
export function peakRssBytes(): number {
  return process.resourceUsage().maxRSS * 1_024;
}

/** Loads the contender of that id. */
export async function loadContender(id: string): Promise<Contender> {
  if (!Object.hasOwn(contenders, id)) throw new Error(`no contender is called ${id}`);
  return contenders[id as ContenderId].load();
}

const input = z.object({
  key: z.string().describe('The key of the item to look up.'),
  note: z.string().describe('Why it is looked up.'),
});

/** A run after `plan` whose tool calls are answered by `answer`. */
export function taskFor(plan: Partial<Plan>, answer: BenchTool['run']): Task {
  return {
    model: 'claude-sonnet-5-5',
    system: 'Be brief.',
    prompt: promptFor(plan),
    maxSteps: (plan.steps ?? 1) + 10,
    tool: { name: 'lookup', description: 'Looks up one item of the list by its key.', input, run: answer },
  };
}

/** Characters of the last reply's text per delta. */
const deltaChars = 'some words '.length;

/** Throws unless a run did what its plan says: a benchmark of a loop that stops early is worth nothing. */
export function check(plan: Partial<Plan>, text: string, calls: number): void {
  const wantedCalls = ((plan.steps ?? 1) - 1) * (plan.tools ?? 1);
  const wantedChars = (plan.deltas ?? 1) * deltaChars;
  if (calls !== wantedCalls) throw new Error(`${calls} tool calls instead of ${wantedCalls}`);
  if (text.length !== wantedChars) throw new Error(`${text.length} characters instead of ${wantedChars}`);
}

/** Runs `plan` once with `answer` and checks what came out. */
export async function runPlan(
  contender: Contender,
  plan: Partial<Plan>,
  answer: BenchTool['run'],
): Promise<void> {
  let calls = 0;
  const text = await contender.run(
    taskFor(plan, (asked) => {
      calls += 1;
      return answer(asked);
    }),
  );
  check(plan, text, calls);
}
