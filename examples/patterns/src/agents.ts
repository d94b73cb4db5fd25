import { type Agent, createAgent, defineTool } from '@pawl/agent-loop';
import { z } from 'zod';

/** The models: one for what takes thought, one for what takes little. `PAWL_MODEL` replaces both. */
const THOUGHTFUL = process.env['PAWL_MODEL'] ?? 'claude-sonnet-5-5';
const QUICK = process.env['PAWL_MODEL'] ?? 'claude-haiku-5-5';

const common = { limits: { turns: 8, timeMs: 120_000 }, maxTokens: 4096 };

/** An agent that answers in text. */
export function writer(name: string, task: string, model: string = THOUGHTFUL): Agent {
  return createAgent({ name, model, system: `You are the ${name}. ${task}`, ...common });
}

/** An agent that answers with data of a given shape. */
export function judge<const S extends z.ZodType>(name: string, task: string, output: S) {
  return createAgent({ name, model: QUICK, system: `You are the ${name}. ${task}`, output, ...common });
}

const NOTES: Readonly<Record<string, string>> = {
  pawl: 'A pawl is a pivoted catch that drops between the teeth of a ratchet and keeps it from turning back.',
  capstan:
    'Capstans on ships had several pawls, so that a slipping rope could not throw the sailors off the bars.',
  winch: 'A winch for boats has a pawl too; its clicking tells that the load is held.',
  clock:
    'In a clock, the click keeps the wound spring from unwinding at once: it is a pawl under another name.',
};

/** Searches a handful of notes that stand for a library. */
const search = defineTool({
  name: 'search_notes',
  description: 'Notes on a subject, given as one word.',
  input: z.object({ subject: z.string() }),
  effect: 'read',
  run: ({ subject }) => NOTES[subject.toLowerCase()] ?? 'There is no note on that.',
});

/** An agent that looks things up. Quick and cheap: the lead asks several of them at once. */
const searcher = createAgent({
  name: 'searcher',
  description: 'Looks one subject up in the notes and reports what they say, in a sentence.',
  model: QUICK,
  system: `You are the searcher. Look the subject up with search_notes (pawl, capstan, winch and clock are there), and report what the note says in one sentence.`,
  tools: [search],
  ...common,
});

/** An agent that decides itself what to have looked up, and by how many searchers. */
export const lead = createAgent({
  name: 'lead',
  model: THOUGHTFUL,
  system: `You are the lead. Split the question into subjects, ask a searcher about each of them, all in one turn, and answer from their reports in two or three sentences.`,
  subagents: [searcher],
  ...common,
});
