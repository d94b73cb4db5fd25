/** What other libraries and the API itself call an option, in small letters, and what it is called here. By where it is given. */
const ELSEWHERE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  createAgent: {
    systemprompt: 'system',
    instructions: 'system',
    turns: 'limits.turns',
    maxturns: 'limits.turns',
    maxsteps: 'limits.turns',
    maxiterations: 'limits.turns',
    timeout: 'limits.timeMs',
    timeoutms: 'limits.timeMs',
    agents: 'subagents',
    handoffs: 'subagents',
    outputschema: 'output',
    outputtype: 'output',
    apikey: 'client: new Anthropic({ apiKey })',
    baseurl: 'client: new Anthropic({ baseURL })',
    maxretries: 'client: new Anthropic({ maxRetries })',
    metadata: 'request.metadata',
    stopsequences: 'request.stop_sequences',
    servicetier: 'request.service_tier',
  },
  limits: { maxturns: 'turns', maxsteps: 'turns', timeout: 'timeMs', timeoutms: 'timeMs', maxusd: 'usd' },
  tool: {
    parameters: 'input',
    inputschema: 'input',
    schema: 'input',
    execute: 'run',
    handler: 'run',
    needsapproval: 'approve',
  },
};

/** Fields that the API has taken out. See https://platform.claude.com/docs/en/api/messages */
const GONE: readonly string[] = ['temperature', 'topp', 'topk'];

/** What is meant by an option that there is not, as a sentence with a space before it; nothing where that is not sure. */
export function optionHint(where: string, key: string, known: readonly string[]): string {
  const plain = plainOf(key);
  if (where === 'createAgent' && GONE.includes(plain))
    return ` The API takes no ${key} any more: leave it out.`;
  const meant =
    known.find((name) => plainOf(name) === plain) ?? elsewhere(where, plain, known) ?? nearest(plain, known);
  return meant === undefined ? '' : ` Did you mean ${meant}?`;
}

function elsewhere(where: string, plain: string, known: readonly string[]): string | undefined {
  // Tools are named: `tool get_weather`.
  const names = ELSEWHERE[where.split(' ')[0] ?? ''] ?? {};
  const meant = Object.hasOwn(names, plain) ? names[plain] : undefined;
  return known.includes(/^\w+/.exec(meant ?? '')?.[0] ?? '') ? meant : undefined;
}

/** The one name that a slip or two away is. The shorter a name, the more others are near it by chance. */
function nearest(plain: string, known: readonly string[]): string | undefined {
  const allowed = plain.length < 4 ? 0 : plain.length < 7 ? 1 : 2;
  const near = known
    .map((name) => ({ name, slips: slipsBetween(plain, plainOf(name)) }))
    .filter(({ slips }) => slips <= allowed)
    .toSorted((a, b) => a.slips - b.slips);
  const [first, second] = near;
  return first?.slips === second?.slips ? undefined : first?.name;
}

/** How many letters have to be added, left out, replaced or swapped with the next to get from one text to the other. */
function slipsBetween(a: string, b: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? (before[j - 2] ?? 0) + 1 : Infinity;
      row.push(Math.min(replaced, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

/** `max_tokens` and `MaxTokens` are `maxTokens`. */
function plainOf(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase();
}
