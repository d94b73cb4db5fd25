import { type Answer, type EmulatedRequest, reply, text, toolUse } from '@pawl/emulator';

/** What a stand-in sees: the latest text, and the results of the tools it called. */
interface Seen {
  readonly input: string;
  readonly results: readonly string[];
}

type StandIn = (seen: Seen) => Answer;

const says =
  (answer: (input: string) => string): StandIn =>
  ({ input }) =>
    reply(text(answer(input)));
const gives =
  (answer: (input: string) => object): StandIn =>
  ({ input }) =>
    reply(text(JSON.stringify(answer(input))));

const words = (input: string): string[] => input.match(/[\p{L}\d]+/gu) ?? [];
const holds = (input: string, pattern: RegExp, reason: string) => {
  const found = pattern.exec(input)?.[0];
  return {
    unsafe: found !== undefined,
    reason: found === undefined ? 'nothing found' : `${reason}: "${found}"`,
  };
};

/** Rules in place of models: each agent's answer is a function of what it is asked. They know nothing else. */
const STAND_INS: Readonly<Record<string, StandIn>> = {
  outliner: says((input) =>
    ['the force that turns them back', 'the catch that holds', 'what is safe then']
      .map((point) => `- ${point} (${words(input)[2]})`)
      .join('\n'),
  ),
  author: says(
    (input) =>
      `It comes down to ${input
        .split('\n')
        .map((line) => line.slice(2))
        .join(', then ')}.`,
  ),
  titler: says((input) => words(input).slice(4, 9).join(' ')),
  router: gives((input) => ({
    kind: /money|refund/i.test(input) ? 'refund' : /error|crash|update/i.test(input) ? 'technical' : 'other',
  })),
  'refund-desk': says(
    (input) => `We are sorry. The money for order ${/\d+/.exec(input)?.[0]} is back in three days.`,
  ),
  engineer: says(() => 'Most likely the update left an old cache behind: clear it and start again.'),
  'front-desk': says(() => 'We are here from nine to five.'),
  'security-reviewer': says((input) =>
    /"\s*\+/.test(input) ? 'The query is concatenated: SQL injection.' : 'Nothing to find.',
  ),
  'speed-reviewer': says((input) =>
    /for .*await/.test(input) ? 'One query for each row: join them.' : 'Nothing to find.',
  ),
  'style-reviewer': says((input) =>
    /SELECT \*/.test(input) ? 'SELECT * hides what is used.' : 'Nothing to find.',
  ),
  editor: says((input) =>
    input
      .split('\n\n')
      .toSorted((a, b) => Number(b.includes('injection')) - Number(a.includes('injection')))
      .map((line) => `- ${line}`)
      .join('\n'),
  ),
  'voter-for-secrets': gives((input) => holds(input, /password is \w+/, 'a secret')),
  'voter-for-persons': gives((input) => holds(input, /\d+ \w+ Lane/, 'an address')),
  'voter-for-tone': gives((input) => holds(input, /idiot|stupid/i, 'an insult')),
  planner: gives((input) => ({
    tasks:
      (input.split(':')[1] ?? '').match(/the (\w+)/g)?.map((part) => `Copy ${part} to the new server.`) ?? [],
  })),
  worker: says((input) => `Done: ${input}`),
  reporter: says((input) =>
    input
      .split('\n')
      .map((line) => `- ${line}`)
      .join('\n'),
  ),
  drafter: says((input) => {
    const wanted = /missing: (.*)/.exec(input)?.[1] ?? '';
    const known = ['of hardened steel', 'for winches'].filter(
      (part) => input.includes(part) || wanted.includes(part),
    );
    return `${['A ratchet pawl', ...known].join(' ')}.`;
  }),
  critic: gives((input) => {
    const missing = ['of hardened steel', 'for winches'].find((part) => !input.includes(part));
    return { good: missing === undefined, feedback: missing === undefined ? '' : `missing: ${missing}` };
  }),
  searcher: ({ input, results }) =>
    results.length > 0
      ? reply(text(results.join(' ')))
      : reply(toolUse('search_notes', { subject: words(input).at(-1) ?? '' })),
  lead: ({ input, results }) => {
    if (results.length > 0) return reply(text(results.join(' ')));
    const subjects = [
      /pawl/i.test(input) && 'pawl',
      /ship/i.test(input) && 'capstan',
      /clock/i.test(input) && 'clock',
    ];
    const tasks = subjects.flatMap((subject) =>
      subject === false ? [] : [`Look up the note on ${subject}`],
    );
    return reply(tasks.map((task) => toolUse('searcher', { task })));
  },
};

/** Answers for the agent that a request is of, as its system prompt says. */
export function standIns({ body }: EmulatedRequest): Answer {
  const role = /You are the ([\w-]+)\./.exec(JSON.stringify(body.system))?.[1] ?? '';
  const standIn = STAND_INS[role];
  if (!standIn) throw new Error(`There is no stand-in for the agent "${role}".`);
  return standIn(seenIn(body.messages));
}

function seenIn(messages: EmulatedRequest['body']['messages']): Seen {
  const blocks = messages.flatMap(({ role, content }) =>
    role === 'user'
      ? typeof content === 'string'
        ? [{ type: 'text' as const, text: content }]
        : content
      : [],
  );
  const textsOf = (content: unknown): string =>
    typeof content === 'string'
      ? content
      : (content as readonly { text?: string }[]).map((block) => block.text ?? '').join('');
  return {
    input: blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n'),
    results: blocks.flatMap((block) => (block.type === 'tool_result' ? [textsOf(block.content ?? '')] : [])),
  };
}
