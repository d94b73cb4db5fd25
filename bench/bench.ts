import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { loadavg } from 'node:os';
import type { Params } from './scenario.ts';
import type { Sample } from './stats.ts';

/** What a scenario has to measure with. */
export interface Bench {
  /** Fewer rounds and smaller runs: to see whether everything works, not for figures. */
  readonly quick: boolean;
  /** Measures our sources instead of what is built. */
  readonly source: boolean;
  /** Measurements that failed so far; their figures are missing. */
  readonly failures: readonly string[];
  /** Rounds of each case: `rounds(5)` is 5, or what the command line says, or 1 when quick. */
  rounds(usual: number): number;
  /** Runs every case, then every case again, each time in a fresh process; those in `once` in the first round only. */
  interleave<Id extends string>(
    scenario: string,
    cases: Readonly<Record<Id, Params>>,
    rounds: number,
    once?: readonly NoInfer<Id>[],
  ): Promise<Record<Id, Sample[]>>;
}

/** The params of each case by its id. */
export function casesOf<Id extends string>(
  ids: readonly Id[],
  paramsOf: (id: Id) => Params,
): Record<Id, Params> {
  const cases: Partial<Record<Id, Params>> = {};
  for (const id of ids) cases[id] = paramsOf(id);
  return cases as Record<Id, Params>;
}

/** The server's process: its origin, and how it is ended. */
export interface RunningServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Starts the server in a process of its own. */
export async function startServer(): Promise<RunningServer> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/server.ts`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const [origin] = (await once(lines, 'line')) as [string];
  return {
    origin,
    async close() {
      const closed = once(child, 'close');
      child.stdin.end();
      await closed;
    },
  };
}

/** How measurement processes are started. */
export interface ChildOptions {
  readonly origin: string;
  readonly source: boolean;
  /** A directory for CPU profiles; absent for none. */
  readonly profiles?: string;
}

/** Runs one measurement in a fresh process; rejects with what it printed when it fails. */
export async function measureOnce(scenario: string, params: Params, options: ChildOptions): Promise<Sample> {
  const { origin, source, profiles } = options;
  const child = fork(`${import.meta.dirname}/child.ts`, [scenario, JSON.stringify(params)], {
    execArgv: [
      '--expose-gc',
      ...(source ? ['--conditions=@pawl/source'] : []),
      ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]),
    ],
    env: { ...process.env, ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: 'bench', NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const samples: Sample[] = [];
  child.on('message', (message) => samples.push(message as Sample));
  const [code] = (await once(child, 'close')) as [number | null];
  const [sample] = samples;
  if (code === 0 && sample !== undefined) return sample;
  throw new Error(`measuring ${scenario} ${JSON.stringify(params)} failed with ${code}:\n${printed}`);
}

/** Settings of one run of the benchmarks. */
export interface BenchOptions extends ChildOptions {
  readonly quick: boolean;
  /** Rounds wanted instead of each scenario's own; absent for those. */
  readonly rounds?: number;
}

/** The measuring tools of a run. */
export function createBench(options: BenchOptions): Bench {
  const failures: string[] = [];
  const measured = async (scenario: string, params: Params): Promise<Sample> => {
    try {
      return await measureOnce(scenario, params, options);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${message}\n`);
      failures.push(message);
      return {};
    }
  };
  return {
    failures,
    quick: options.quick,
    source: options.source,
    rounds: (usual) => options.rounds ?? (options.quick ? 1 : usual),
    async interleave<Id extends string>(
      scenario: string,
      cases: Readonly<Record<Id, Params>>,
      rounds: number,
      once: readonly NoInfer<Id>[] = [],
    ) {
      const ids = Object.keys(cases) as Id[];
      const samples = Object.fromEntries(ids.map((id) => [id, [] as Sample[]])) as Record<Id, Sample[]>;
      for (let round = 1; round <= rounds; round += 1) {
        const load = loadavg()[0]?.toFixed(2);
        process.stderr.write(`  ${scenario}: round ${round} of ${rounds}, load ${load}\n`);
        const due = round === 1 ? ids : ids.filter((id) => !once.includes(id));
        for (const id of due) samples[id].push(await measured(scenario, cases[id]));
      }
      return samples;
    },
  };
}
