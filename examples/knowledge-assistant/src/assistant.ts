import { betaGlobTool, betaGrepTool, betaReadTool } from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { type Agent, createAgent, defineTool } from '@pawl/agent-loop';

const SYSTEM = `You answer questions from the files of one folder.
Search for the key terms with several grep calls in one turn, read the most promising files in parallel, then answer.
Quote the sentences that carry the answer, each with its source as path:line. Say so when the files do not answer it.`;

/** An agent with the SDK's file tools over one folder. They only read, so they start while the reply still streams. */
export function createAssistant(dir: string, model: string): Agent {
  const context = { workdir: dir };
  return createAgent({
    name: 'knowledge-assistant',
    model,
    system: SYSTEM,
    tools: [betaGrepTool(context), betaGlobTool(context), betaReadTool(context)].map((tool) =>
      defineTool(tool, { effect: 'read', timeoutMs: 30_000, maxResultBytes: 64 * 1024 }),
    ),
    limits: { turns: 12, timeMs: 300_000 },
  });
}
