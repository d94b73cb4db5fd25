import type { Bench } from './bench.ts';
import type { Section } from './section.ts';
import type { Sample } from './stats.ts';

/** What a measurement process is asked to do: numbers and names, as they go through a process boundary. */
export type Params = Readonly<Record<string, string | number | boolean>>;

/** One thing that is measured. */
export interface Scenario {
  /** Selects it on the command line and names its file. */
  readonly name: string;
  readonly title: string;
  /** What is done, in a sentence or two; stands above the figures. */
  readonly method: string;
  /** Runs in the main process: starts measurement processes and makes a section of their samples. */
  run(bench: Bench): Promise<Section>;
  /** Runs in a fresh process; absent where nothing but programs is started. */
  measure?(params: Params): Promise<Sample>;
}
