import type { z } from 'zod';

/** The one tool of a run, for every contender the same. */
export interface BenchTool {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodObject<{ key: z.ZodString; note: z.ZodString }>;
  readonly run: (input: { key: string; note: string }) => Promise<string>;
}

/** One run of an agent: what each contender is given. */
export interface Task {
  readonly model: string;
  readonly system: string;
  readonly prompt: string;
  /** An upper limit on replies that is never reached. */
  readonly maxSteps: number;
  readonly tool: BenchTool;
}

/** One way to run an agent. */
export interface Contender {
  /** Runs the task to its end and returns the text of the last reply. */
  run(task: Task): Promise<string>;
}

/** A contender's name in tables and how it is loaded; the load is not part of any measurement but the import's. */
export interface Entry {
  readonly label: string;
  load(): Promise<Contender>;
}

/** Output tokens asked for in every request. */
export const maxTokens = 4_096;
