import { writer } from './agents.ts';
import type { Pattern } from './pattern.ts';

const outliner = writer(
  'outliner',
  'Answer with an outline of three points, one a line, each beginning with "- ".',
);
const author = writer(
  'author',
  'Write a short paragraph that makes every point of the outline, in its order.',
);
const titler = writer('titler', 'Answer with a title of at most eight words, and nothing else.');

/** One step after the other, each on the result of the one before, with a gate in between that no model decides. */
export const promptChain: Pattern = {
  name: 'prompt-chain',
  about: 'a task that falls into fixed steps',
  async run(team) {
    const outline = await team.run(
      'outline',
      outliner,
      'Why do machines need something that cannot slip back?',
    );
    const points = outline.text.split('\n').filter((line) => line.startsWith('- '));
    // The gate: nothing more is spent on an outline that is none.
    if (points.length < 2) throw new Error(`That is no outline:\n${outline.text}`);
    const text = await team.run('text', author, points.join('\n'));
    const title = await team.run('title', titler, text.text);
    return {
      result: `${title.text}\n${text.text}`,
      checks: {
        'the outline passed the gate': points.length >= 2,
        'the title is short': title.text.split(/\s+/).length <= 12,
      },
    };
  },
};
