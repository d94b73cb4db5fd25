import type { MessageParam, Session, Usage } from '@pawl/agent-loop';
import type { Endpoint } from './endpoint.ts';

/** Something that must be true, and whether it is. */
export interface Finding {
  readonly what: string;
  readonly holds: boolean;
}

/** What the first process left behind. */
export interface Before {
  readonly messages: readonly MessageParam[];
  readonly usage: Usage;
}

/** What is planted in the change: the review has to name all of it. */
const PLANTED = [
  'src/invoice.ts:1',
  'src/invoice.ts:5',
  'src/cart.ts:19',
  'src/price.ts:10',
  'src/cart.ts:13',
];

/** What must be true of the continued session. */
export function findingsOf(before: Before, after: Session, { offline }: Endpoint): Finding[] {
  const { messages, usage } = after;
  const kept = messages.slice(0, before.messages.length);
  const added = messages.slice(before.messages.length);
  const findings: Finding[] = [
    {
      what: `the ${before.messages.length} messages of the first process are there, unchanged`,
      holds: JSON.stringify(kept) === JSON.stringify(before.messages),
    },
    {
      what: 'the third run added its question and an answer',
      holds: added.length >= 2 && added[0]?.role === 'user',
    },
    {
      what: 'the bill goes on from what the first process used',
      holds: usage.output_tokens > before.usage.output_tokens,
    },
  ];
  if (!offline) return findings;
  const answer = JSON.stringify(added);
  const bodies = offline.requests();
  return [
    ...findings,
    ...PLANTED.map((place) => ({
      what: `the review names ${place}`,
      holds: answer.includes(`- ${place}: `),
    })),
    {
      what: 'each request begins with the bytes of the one before, also across processes',
      holds: onlyGrow(bodies),
    },
  ];
}

/** Whether the transcript of each request is the beginning of the next one's, byte by byte. */
function onlyGrow(bodies: readonly string[]): boolean {
  const transcripts = bodies.map((body) => {
    const { messages } = JSON.parse(body) as { readonly messages: readonly unknown[] };
    return messages.map((message) => JSON.stringify(message)).join();
  });
  return transcripts.every((text, index) => index === 0 || text.startsWith(transcripts[index - 1] ?? ''));
}
