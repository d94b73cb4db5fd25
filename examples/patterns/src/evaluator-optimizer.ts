import { z } from 'zod';
import { judge, writer } from './agents.ts';
import type { Pattern } from './pattern.ts';

const drafter = writer(
  'drafter',
  'Write a product text of one sentence. Heed the feedback, where there is some.',
);
const critic = judge(
  'critic',
  'The text is good if it names the material and says what the thing is for. Otherwise say what is missing.',
  z.object({ good: z.boolean(), feedback: z.string() }),
);
const ROUNDS = 4;

/** One agent writes, another judges, until it is good or the rounds are over. */
export const evaluatorOptimizer: Pattern = {
  name: 'evaluator-optimizer',
  about: 'work that gets better with criticism, and criteria to judge it by',
  async run(team) {
    const drafts: string[] = [];
    let feedback = '';
    let good = false;
    for (let round = 1; round <= ROUNDS && !good; round += 1) {
      const task = ['Product: a ratchet pawl.', drafts.at(-1) ?? '', feedback].filter(Boolean).join('\n');
      // Names differ from round to round: by them a later run of the script finds its steps.
      const draft = await team.run(`draft-${round}`, drafter, task);
      const { output } = await team.run(`critique-${round}`, critic, draft.text);
      drafts.push(draft.text);
      good = output?.good ?? false;
      feedback = `Feedback: ${output?.feedback ?? ''}`;
    }
    return {
      result: drafts.map((draft, index) => `${index + 1}. ${draft}`).join('\n'),
      checks: { 'the critic was content in the end': good },
    };
  },
};
