import { EventEmitter, once } from 'node:events';
import { casesOf } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import type { Contender } from '../contender.ts';
import { liveBytes, loadContender, peakRssBytes, runPlan, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const steps = 5;
const delayMs = 20;
/** The call of each agent at which all wait for each other, so that all are alive when memory is counted. */
const meetAt = 3;
const result = 'r'.repeat(200);

async function runFleet(contender: Contender, agents: number, onCall?: () => Promise<void>): Promise<void> {
  const one = async (): Promise<void> => {
    let calls = 0;
    await runPlan(contender, { steps, delayMs }, async () => {
      calls += 1;
      if (calls === meetAt) await onCall?.();
      return result;
    });
  };
  await Promise.all(Array.from({ length: agents }, one));
}

/** Live bytes while every agent of the fleet is in its third tool call. */
async function bytesAlive(contender: Contender, agents: number): Promise<number> {
  const meeting = new EventEmitter().setMaxListeners(0);
  const met = once(meeting, 'met');
  let waiting = 0;
  let bytes = 0;
  await runFleet(contender, agents, async () => {
    waiting += 1;
    if (waiting < agents) {
      await met;
      return;
    }
    bytes = liveBytes();
    meeting.emit('met');
  });
  return bytes;
}

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const agents = Number(params['agents']);
  await runFleet(contender, 50);
  await settle();
  if (params['memory'] === true) {
    const before = liveBytes();
    const alive = await bytesAlive(contender, agents);
    return { liveKb: (alive - before) / agents / 1_024 };
  }
  const before = process.memoryUsage.rss();
  const spent = await spentBy(() => runFleet(contender, agents));
  return {
    cpuMs: spent.cpuMs,
    wallMs: spent.wallMs,
    peakKb: (peakRssBytes() - before) / agents / 1_024,
  };
}

const measured = [
  'raw',
  'pawl',
  'pawl-governor',
  'pawl-global-fetch',
  'sdk-runner',
  'ai-sdk',
  'openai-agents',
] as const satisfies readonly ContenderId[];

/** Many agents at once in one process. */
export const scenario: Scenario = {
  name: 'fleet',
  title: 'Fleet of agents',
  method:
    `1,000 agents of ${steps} steps at once in one process, each reply ${delayMs} ms late, after a warm-up fleet of 50. Live memory is ` +
    'V8 heap and what it holds outside after a collection while every agent is in its third tool call, counted in processes of ' +
    'its own, divided by the agents; the peak is the growth of the resident set, uncollected garbage included. OpenAI Agents runs in one round only.',
  async run(bench) {
    const agents = bench.quick ? 100 : 1_000;
    const cases = (memory: boolean) => casesOf(measured, (contender) => ({ contender, agents, memory }));
    const speed = await bench.interleave('fleet', cases(false), bench.rounds(5), ['openai-agents']);
    const memory = await bench.interleave('fleet', cases(true), bench.rounds(3), ['openai-agents']);
    const cpu = (id: (typeof measured)[number]): number => ratioOf(speed[id], speed.raw, 'cpuMs');
    const peak = (id: (typeof measured)[number]): number => ratioOf(speed[id], speed.raw, 'peakKb');
    const live = (id: (typeof measured)[number]): number => ratioOf(memory[id], memory.raw, 'liveKb');
    const middle = (id: (typeof measured)[number], name: string): string =>
      short(median(figures(speed[id], name)));
    return {
      tables: [
        {
          head: [
            `${agents} agents`,
            'CPU ms',
            'to raw',
            'wall ms',
            'to raw',
            'live kB/agent',
            'to raw',
            'peak kB/agent',
            'to raw',
          ],
          rows: measured.map((id) => [
            contenders[id].label,
            spread(speed[id], 'cpuMs'),
            times(cpu(id)),
            middle(id, 'wallMs'),
            times(ratioOf(speed[id], speed.raw, 'wallMs')),
            spread(memory[id], 'liveKb'),
            times(live(id)),
            middle(id, 'peakKb'),
            times(peak(id)),
          ]),
        },
      ],
      goals: [
        { text: `CPU of a fleet of ${agents}`, reached: cpu('pawl'), limit: 0.75, unit: 'x' },
        {
          text: `live memory per agent in a fleet of ${agents}`,
          reached: live('pawl'),
          limit: 0.75,
          unit: 'x',
        },
        {
          text: `peak memory per agent in a fleet of ${agents}`,
          reached: peak('pawl'),
          limit: 0.75,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
