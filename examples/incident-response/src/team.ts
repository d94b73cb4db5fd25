import { type Agent, createAgent } from '@pawl/agent-loop';
import { countPerMinute, deployments, listLogs, lockWaits, searchLog } from './log-tools.ts';

/** Which model plays whom. */
export interface Models {
  readonly lead: string;
  readonly cheap: string;
}

/** The lead, with the two it can ask. */
export function createTeam({ lead, cheap }: Models): Agent {
  const analyst = createAgent({
    name: 'log-analyst',
    description:
      'Reads the logs of the services. Ask it what failed, from when to when, how often, and with which message.',
    model: cheap,
    maxTokens: 2000,
    system:
      'You analyse logs. Count before you read; quote lines with their time. Answer in at most ten lines: what failed, ' +
      'from when to when, how often, with which messages. Say what you did not find.',
    tools: [listLogs, searchLog, countPerMinute],
    limits: { turns: 10 },
  });
  const database = createAgent({
    name: 'database-expert',
    description:
      'Knows PostgreSQL and reads its log. Ask it about locks, slow statements, and which process did what.',
    model: cheap,
    maxTokens: 2000,
    system:
      'You are an expert for PostgreSQL. Look for locks first, then for the statement of the process that held them. ' +
      'Answer in at most ten lines: what blocked what, from when to when, the statement, and what would have avoided it.',
    tools: [lockWaits, searchLog],
    limits: { turns: 10 },
  });
  return createAgent({
    name: 'lead',
    model: lead,
    maxTokens: 4000,
    system:
      'You lead the response to an incident. Ask your subagents at once, look at the deployments yourself, then write a ' +
      'report: cause, timeline, evidence, what to do next. Name processes, migrations and times exactly.',
    tools: [deployments],
    subagents: [analyst, database],
    limits: { turns: 8, usd: 0.5 },
  });
}
