import { z } from 'zod';
import { judge } from './agents.ts';
import type { Pattern } from './pattern.ts';

const vote = z.object({ unsafe: z.boolean(), reason: z.string() });
const voters = [
  judge('voter-for-secrets', 'Is there a secret in the text: a key, a password, a token?', vote),
  judge('voter-for-persons', 'Does the text tell who a person is: a name, an address, a number?', vote),
  judge('voter-for-tone', 'Would the text hurt or offend the one who reads it?', vote),
];
const NEEDED = 2;
const TEXT = 'Ms Arkwright, 12 Mill Lane: her password is hunter2. Please do not tell anybody.';

/** Several judges look at the same thing, each with other eyes; how many have to agree is decided by the script. */
export const voting: Pattern = {
  name: 'voting',
  about: 'a judgement that one agent alone gets wrong too often',
  async run(team) {
    const votes = await team.map('votes', voters, async (voter, inner) => {
      const { output } = await inner.run('vote', voter, TEXT);
      return { voter: voter.name, unsafe: output?.unsafe ?? true, reason: output?.reason ?? 'no answer' };
    });
    const against = votes.filter(({ unsafe }) => unsafe);
    return {
      result: [
        `${against.length} of ${votes.length} hold it back`,
        ...votes.map(({ voter, unsafe, reason }) => `${voter}: ${unsafe ? 'unsafe' : 'safe'}, ${reason}`),
      ].join('\n'),
      checks: { 'what names a person and a password is held back': against.length >= NEEDED },
    };
  },
};
