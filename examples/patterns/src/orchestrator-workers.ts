import { z } from 'zod';
import { judge, writer } from './agents.ts';
import type { Pattern } from './pattern.ts';

const planner = judge(
  'planner',
  'Split the job into two to four tasks that can be done at the same time, each in one sentence.',
  z.object({ tasks: z.array(z.string()) }),
);
const worker = writer('worker', 'Do the task and report in one sentence.', 'claude-haiku-5-5');
const reporter = writer('reporter', 'Sum the reports up, one line each.');

const JOB = 'Prepare the move of a small web shop to a new server: the files, the database and the mail.';

/** An agent decides what is to be done, as many workers do it at the same time, and another sums up. */
export const orchestratorWorkers: Pattern = {
  name: 'orchestrator-workers',
  about: 'work whose parts are not known beforehand',
  async run(team) {
    const { output } = await team.run('plan', planner, JOB);
    const tasks = (output?.tasks ?? []).slice(0, 4);
    const reports = await team.map('work', tasks, (task, inner) => inner.run('task', worker, task), {
      concurrency: 2,
    });
    const summary = await team.run('summary', reporter, reports.map(({ text }) => text).join('\n'));
    return {
      result: summary.text,
      checks: {
        'the job was split': tasks.length >= 2,
        'every task has a report':
          reports.length === tasks.length && reports.every(({ text }) => text !== ''),
      },
    };
  },
};
