import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import type { Control } from './protocol.ts';
import type { StoreName } from './stores.ts';
import { killTrial } from './trial.ts';
import type { KillReport, Violations } from './trial.ts';

/** What a campaign saw. */
export interface KillCampaignReport {
  readonly kills: number;
  readonly sessions: number;
  readonly byBarrier: Readonly<Record<string, number>>;
  readonly repeated: number;
  readonly unknown: number;
  /** How many promises were broken, by kind. */
  readonly counts: Readonly<Record<keyof Violations, number>>;
  /** What was broken, each with the seed of its session. */
  readonly broken: readonly string[];
}

/** Kills sessions until there were so many kills, several sessions at a time. */
export async function killCampaign(options: {
  readonly seed: number;
  readonly kills: number;
  readonly control?: Control | null;
  readonly store?: StoreName;
  readonly conditions: readonly string[];
  readonly parallel?: number;
  readonly onSession?: (report: KillCampaignReport) => void;
}): Promise<KillCampaignReport> {
  const { kills, control = null, store = 'file', conditions, parallel = 2, onSession } = options;
  let next = options.seed;
  let sum = EMPTY;
  const work = async (): Promise<void> => {
    while (sum.kills < kills) {
      const seed = next;
      next += 1;
      const report = await killTrial({
        seed,
        kills: 6 + randomFrom(seed).below(6),
        control,
        store,
        conditions,
      });
      sum = add(sum, report, seed);
      onSession?.(sum);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return sum;
}

const EMPTY: KillCampaignReport = {
  kills: 0,
  sessions: 0,
  byBarrier: {},
  repeated: 0,
  unknown: 0,
  counts: { lost: 0, doubled: 0, stuck: 0, diverged: 0, bill: 0, refused: 0 },
  broken: [],
};

function add(sum: KillCampaignReport, report: KillReport, seed: number): KillCampaignReport {
  const byBarrier: Record<string, number> = { ...sum.byBarrier };
  let { kills } = sum;
  for (const [barrier, count] of Object.entries(report.kills)) {
    byBarrier[barrier] = (byBarrier[barrier] ?? 0) + count;
    kills += count;
  }
  const counts = { ...sum.counts };
  const broken = [...sum.broken];
  for (const kind of Object.keys(counts) as (keyof Violations)[]) {
    counts[kind] += report.violations[kind].length;
    for (const what of report.violations[kind]) broken.push(`${kind}, session with seed ${seed}: ${what}`);
  }
  const { repeated, unknown } = report;
  const sessions = sum.sessions + 1;
  return {
    kills,
    sessions,
    byBarrier,
    repeated: sum.repeated + repeated,
    unknown: sum.unknown + unknown,
    counts,
    broken,
  };
}
