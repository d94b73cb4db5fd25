import { reply, toolUse } from '@pawl/emulator';
import type { AgentOptions, RunnableTool, Tool } from '../../src/index.ts';
import {
  conversations,
  expectSound,
  play,
  type Played,
  type Stage,
  stage,
  type StageOptions,
} from '../loop/stage.ts';

/** A message of the user, as a request holds it. */
export const user = (content: unknown) => ({ role: 'user', content });
/** A message of the model, as a request holds it. */
export const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
/** A text block. */
export const said = (text: string) => ({ type: 'text', text });
/** A call as a request holds it. */
export const called = (name: string, input: unknown, id: string) => ({ type: 'tool_use', id, name, input });
/** A result as a request holds it. */
export const answered = (id: string, content: unknown) => ({ type: 'tool_result', tool_use_id: id, content });
/** An error result as a request holds it. */
export const failed = (id: string, content: unknown) => ({ ...answered(id, content), is_error: true });

/** A call for the model to make: the tool's name and its input, as a value or as JSON text. Ids count from `call_1`. */
export type Call = readonly [name: string, input?: Parameters<typeof toolUse>[1]];

/** The blocks of a reply that makes these calls. */
export function calling(...calls: readonly Call[]) {
  return calls.map(([name, input = {}], index) => toolUse(name, input, { id: `call_${index + 1}` }));
}

/** What came of one turn of tool calls. */
export interface Turn extends Stage, Played {
  /** What the model read: the content of the user message with the results. */
  readonly results: unknown;
}

const DONE = reply('Done.');

/** Lets the model make these calls in one turn and end in the next, and checks that nothing was refused or left over. */
export async function turnOf(
  tools: AgentOptions['tools'],
  calls: readonly Call[],
  options: Omit<StageOptions, 'steps' | 'tools'> = {},
): Promise<Turn> {
  const set = stage({
    ...options,
    tools: tools ?? [],
    steps: calls.length > 0 ? [reply(calling(...calls)), DONE] : [DONE],
  });
  const run = play(set.agent);
  const played = await (options.time ? options.time.pass(run) : run);
  expectSound(set);
  return { ...set, ...played, results: resultsIn(set) };
}

/** What the model reads of one call of one tool. */
export async function answerOf(
  tool: Tool | RunnableTool,
  input: Call[1] = {},
  options: Omit<StageOptions, 'steps' | 'tools'> = {},
): Promise<unknown> {
  const { results } = await turnOf([tool], [[tool.name, input]], options);
  return (results as readonly unknown[])[0];
}

/** The content of the last message of the second request. */
function resultsIn({ emulator }: Pick<Stage, 'emulator'>): unknown {
  const messages = conversations(emulator)[1] as readonly { content: unknown }[] | undefined;
  return messages?.at(-1)?.content;
}

/** A promise and its settlers. */
export function gate<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}
