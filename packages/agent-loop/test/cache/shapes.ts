import { createEmulator, type Emulator, reply, text, toolUse } from '@pawl/emulator';
import { words } from './words.ts';

/** One reply of the model: how long it is, and what it calls. */
export interface ShapeTurn {
  readonly tokens: number;
  readonly calls: number;
  /** Of each call. */
  readonly resultTokens: number;
}

/** One run: what somebody says after a pause, and the replies that follow. */
export interface ShapeRun {
  readonly pauseMs: number;
  readonly inputTokens: number;
  readonly turns: readonly ShapeTurn[];
}

/** An agent and the runs it makes. */
export interface ShapeAgent {
  readonly systemTokens: number;
  /** Of the description of its one tool; 0 where it has none. */
  readonly toolTokens: number;
  readonly runs: readonly ShapeRun[];
}

/** A way to use an agent, as a recording of what is said and when. */
export interface Shape extends ShapeAgent {
  readonly name: string;
  /** Whether it is a session, which is gone on with. */
  readonly lasts: boolean;
  /** What its tool does where it is a subagent, called many times in the first reply. */
  readonly child?: ShapeAgent;
}

export const MODEL = 'claude-sonnet-5-5';
const MINUTE = 60_000;
/** How long a reply takes, and a tool. */
const REPLY_MS = 6000;
const TOOL_MS = 2000;

const turn = (calls: number, resultTokens = 400, tokens = 150): ShapeTurn => ({
  tokens,
  calls,
  resultTokens,
});
const answer = turn(0, 0, 250);
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Five ways to use an agent. `scale` below 1 makes them smaller. */
export function shapes(scale = 1): readonly Shape[] {
  const some = (count: number): number => Math.max(3, Math.round(count * scale));
  return [
    {
      name: 'chat, 30 questions a minute or four apart',
      lasts: true,
      systemTokens: 1500,
      toolTokens: 0,
      runs: times(some(30), (index) => ({
        pauseMs: (1 + (index % 4)) * MINUTE,
        inputTokens: 60 + 40 * (index % 3),
        turns: [answer],
      })),
    },
    {
      name: 'one run of 50 turns with tools',
      lasts: false,
      systemTokens: 1500,
      toolTokens: 800,
      runs: [{ pauseMs: 0, inputTokens: 200, turns: [...times(some(49), () => turn(1)), answer] }],
    },
    {
      name: 'wide turns: 12 of 30 calls each',
      lasts: false,
      systemTokens: 1500,
      toolTokens: 800,
      runs: [{ pauseMs: 0, inputTokens: 200, turns: [...times(some(12), () => turn(30, 120, 300)), answer] }],
    },
    {
      name: 'a fan-out of 20 subagents',
      lasts: false,
      systemTokens: 800,
      toolTokens: 600,
      runs: [{ pauseMs: 0, inputTokens: 300, turns: [turn(some(20), 0, 100), answer] }],
      child: {
        systemTokens: 3000,
        toolTokens: 900,
        runs: [{ pauseMs: 0, inputTokens: 200, turns: [...times(5, () => turn(2)), answer] }],
      },
    },
    {
      name: 'a session once an hour, for a day',
      lasts: true,
      systemTokens: 1500,
      toolTokens: 800,
      runs: times(some(24), () => ({
        pauseMs: 55 * MINUTE,
        inputTokens: 120,
        turns: [turn(1), turn(2), turn(1), answer],
      })),
    },
  ];
}

/** A model that follows a shape, and the time that passes meanwhile. */
export interface ShapeWorld {
  readonly emulator: Emulator;
  readonly now: () => number;
  readonly pass: (ms: number) => void;
  /** What the tool gives back, after its time. */
  readonly look: (key: string) => string;
}

/** Names the conversation in its first message, by which the model knows it again. */
export const inputOf = (conversation: string, run: number, { inputTokens }: ShapeRun): string =>
  `#${conversation}# run ${run} ${words(inputTokens)}`;

/** Sets a shape up. */
export function worldOf(shape: Shape): ShapeWorld {
  let now = Date.UTC(2026, 10, 20);
  const emulator = createEmulator({
    clock: () => now,
    respond: async ({ body }) => {
      // What is asked at the same time is asked before any of it is answered.
      await new Promise((resolve) => setImmediate(resolve));
      const conversation = /#(\w+)#/.exec(JSON.stringify(body.messages[0]))?.[1] ?? '';
      const isChild = conversation.startsWith('child');
      const replies = body.messages.filter(({ role }) => role === 'assistant').length;
      const turns = (isChild ? shape.child : shape)?.runs.flatMap((run) => run.turns) ?? [];
      const { tokens = 1, calls = 0 } = turns[replies] ?? {};
      if (!isChild) now += REPLY_MS;
      const label = `${conversation}_${replies}`;
      return reply([
        text(`${label} ${words(tokens)}`),
        ...times(calls, (index) => {
          const task = inputOf(
            `child${index}`,
            0,
            shape.child?.runs[0] ?? { pauseMs: 0, inputTokens: 0, turns: [] },
          );
          const input = shape.child && !isChild ? { task } : { key: `${label}_${index}` };
          return toolUse(shape.child && !isChild ? 'reader' : 'look', input, {
            id: `toolu_${label}_${index}`,
          });
        }),
      ]);
    },
  });
  const results = (isChild: boolean): readonly number[] =>
    ((isChild ? shape.child : shape)?.runs.flatMap((run) => run.turns) ?? []).map(
      (each) => each.resultTokens,
    );
  return {
    emulator,
    now: () => now,
    pass: (ms) => void (now += ms),
    look: (key) => {
      const isChild = key.startsWith('child');
      if (!isChild) now += TOOL_MS;
      return `${key} ${words(results(isChild)[Number(key.split('_')[1])] ?? 0)}`;
    },
  };
}

export const systemOf = ({ systemTokens }: ShapeAgent): string => words(systemTokens);
export const describeTool = ({ toolTokens }: ShapeAgent): string =>
  `Looks something up. ${words(toolTokens)}`;
