import { lead } from './agents.ts';
import type { Pattern } from './pattern.ts';

/** The lead decides itself what to have looked up: its subagents are tools of it, and their cost is in its result. */
export const researchLead: Pattern = {
  name: 'research-lead',
  about: 'a question that has to be looked into from several sides',
  async run(team) {
    const { text, steps, outcome } = await team.run(
      'research',
      lead,
      'Where are pawls used, on ships and in clocks?',
    );
    const searches = new Set(steps.filter(({ agent }) => agent === 'searcher').map(({ runId }) => runId));
    return {
      result: `${text}\n(${searches.size} searchers)`,
      checks: {
        'the lead came to an end': outcome === 'completed',
        'it asked searchers': searches.size > 0,
        'the answer holds what only the notes say': /capstan|bars|clock|spring/i.test(text),
      },
    };
  },
};
