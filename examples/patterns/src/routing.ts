import { z } from 'zod';
import { judge, writer } from './agents.ts';
import type { Pattern } from './pattern.ts';

const KINDS = ['refund', 'technical', 'other'] as const;
const router = judge(
  'router',
  `Say what kind of request it is: ${KINDS.join(', ')}.`,
  z.object({ kind: z.enum(KINDS) }),
);

/** Each kind of request has its expert, on the model that it takes. */
const experts = {
  refund: writer('refund-desk', 'Answer the customer politely, and say when the money will be back.'),
  technical: writer('engineer', 'Answer with the most likely cause and the next thing to try.'),
  other: writer('front-desk', 'Answer politely in one sentence.', 'claude-haiku-5-5'),
};

const REQUESTS = [
  'I want my money back for order 4711.',
  'The app shows an error since the update.',
  'When do you open?',
];

/** A quick agent decides who answers. */
export const routing: Pattern = {
  name: 'routing',
  about: 'requests of different kinds',
  async run(team) {
    const answers = await team.map('requests', REQUESTS, async (request, inner) => {
      const { output } = await inner.run('route', router, request);
      // A router that fails to choose must not cost a customer the answer.
      const kind = output?.kind ?? 'other';
      const { text } = await inner.run('answer', experts[kind], request);
      return { kind, text };
    });
    return {
      result: answers.map(({ kind, text }) => `[${kind}] ${text}`).join('\n'),
      checks: {
        'every request was answered': answers.every(({ text }) => text !== ''),
        'a refund is one': answers[0]?.kind === 'refund',
        'an error is a technical request': answers[1]?.kind === 'technical',
      },
    };
  },
};
