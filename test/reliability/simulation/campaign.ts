import { planFrom } from './plan.ts';
import { runTrial } from './trial.ts';
import type { Ending, TrialPlan, TrialReport } from './trial.ts';

/** What a campaign saw. */
export interface CampaignReport extends Omit<TrialReport, 'points'> {
  readonly trials: number;
  /** The seed that the next campaign begins with. */
  readonly nextSeed: number;
}

/** How far a campaign goes. */
export interface CampaignOptions {
  readonly seed: number;
  readonly crashes: number;
  /** Changes every plan, for controls that must fail. */
  readonly change?: Partial<TrialPlan> | undefined;
  readonly onTrial?: (report: CampaignReport) => void;
}

/** Runs trial after trial, with seeds that count up, until there were so many crashes. Rejects with the first failure. */
export async function crashCampaign({
  seed,
  crashes,
  change,
  onTrial,
}: CampaignOptions): Promise<CampaignReport> {
  await warmUp();
  let sum: CampaignReport = { crashes: 0, powerLosses: 0, takeovers: 0, flips: 0, trials: 0, nextSeed: seed };
  while (sum.crashes < crashes) {
    const plan = { ...planFrom(sum.nextSeed), ...change };
    const seen = await told(plan, `--seed ${plan.seed} --crashes 1`);
    sum = {
      crashes: sum.crashes + seen.crashes,
      powerLosses: sum.powerLosses + seen.powerLosses,
      takeovers: sum.takeovers + seen.takeovers,
      flips: sum.flips + seen.flips,
      trials: sum.trials + 1,
      nextSeed: sum.nextSeed + 1,
    };
    onTrial?.(sum);
  }
  return sum;
}

const FIVE_BY_THREE = { turns: 5, tools: ['look', 'put', 'send'] };

/** Ends a run of five turns with three tools each at every one of its fault points, or every n-th. Returns how many these are. */
export async function coverPoints(seed: number, ending: Ending, every = 1): Promise<number> {
  await warmUp();
  const whole = { seed, shape: FIVE_BY_THREE, lives: [] };
  const { points } = await told(whole, `--points --seed ${seed}`);
  for (let diesAt = 0; diesAt < points; diesAt += every) {
    // Another seed lets another part of the operation happen, and tools end in another order.
    const plan = { ...whole, seed: seed + diesAt, lives: [{ diesAt, ending }] };
    await told(plan, `--points --seed ${seed}`);
  }
  return points;
}

/** What is loaded when it is first used comes at a time of its own: a trial is the same again only from the second on. */
async function warmUp(): Promise<void> {
  const lives = [{ diesAt: Number.POSITIVE_INFINITY, ending: 'rival' as const }];
  await runTrial({ seed: 0, shape: { turns: 1, tools: 1 }, lives });
}

/** A failure says how to see it again. */
async function told(plan: TrialPlan, again: string): Promise<TrialReport> {
  try {
    return await runTrial(plan);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const { seed, shape, runs, lives } = plan;
    throw new Error(
      `${why}\n\nSeen with seed ${seed}; again with: pnpm campaign:crash ${again}\n${JSON.stringify({ shape, runs, lives })}`,
      { cause: error },
    );
  }
}
