import { type Answer, type EmulatedRequest, reply, toolUse } from '@pawl/emulator';

/** Plays all three by rule: decides what to look at, and writes what the results say. It is no model. */
export function standIn(request: EmulatedRequest): Answer {
  const { body } = request;
  const system = JSON.stringify(body.system);
  const turn = body.messages.filter(({ role }) => role === 'assistant').length;
  const results = resultsOf(request);
  if (system.includes('You lead')) return asLead(turn, results);
  return system.includes('You analyse logs') ? asAnalyst(turn, results) : asExpert(turn, results);
}

function asLead(turn: number, results: readonly string[]): Answer {
  if (turn === 0) {
    return reply([
      toolUse('deployments'),
      toolUse('log-analyst', {
        task: 'Checkout failed on 17 November around 14:00 UTC. What failed, from when to when, how often, with which messages?',
      }),
      toolUse('database-expert', {
        task: 'Checkout failed on 17 November around 14:00 UTC. Was something blocked in the database? By which process and statement?',
      }),
    ]);
  }
  const [deployed = '', failures = '', locks = ''] = results;
  const pid = /process (\d+)/.exec(locks)?.[1] ?? 'unknown';
  const migration = new RegExp(`migrate +(\\S+) (\\S+) +status=running +pid=${pid}`).exec(deployed);
  return reply(
    [
      `Cause: migration ${migration?.[2] ?? 'unknown'} of ${migration?.[1] ?? 'an unknown service'} held a lock on the orders table (process ${pid}).`,
      '',
      'Evidence, services:',
      failures,
      '',
      'Evidence, database:',
      locks,
      '',
      'Next: build indexes with CREATE INDEX CONCURRENTLY, and give migrations a lock_timeout.',
    ].join('\n'),
  );
}

function asAnalyst(turn: number, results: readonly string[]): Answer {
  if (turn === 0) return reply(toolUse('list_logs'));
  if (turn === 1) {
    return reply([
      toolUse('count_per_minute', { file: 'orders-api.log', pattern: ' 50[34] ' }),
      toolUse('search_log', { file: 'orders-api.log', pattern: 'ERROR' }),
      toolUse('search_log', { file: 'invoice-worker.log', pattern: 'WARN' }),
    ]);
  }
  const [, perMinute = '{}', errors = '', worker = ''] = results;
  const counts = Object.entries(JSON.parse(perMinute) as Record<string, number>);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return reply(
    [
      `${total} requests failed with 503 or 504 from ${counts[0]?.[0]} to ${counts.at(-1)?.[0]} UTC.`,
      `First: ${errors.split('\n')[1]}`,
      `Last: ${errors.split('\n').at(-1)}`,
      `Besides, ${worker.split(' ')[0]} warnings of the invoice worker, which waited for row locks.`,
    ].join('\n'),
  );
}

function asExpert(turn: number, results: readonly string[]): Answer {
  if (turn === 0) return reply(toolUse('lock_waits'));
  const held = (
    JSON.parse(results[0] ?? '[]') as { pid: string; waits: number; from: string; to: string }[]
  )[0];
  if (!held) return reply('Nobody waited for a lock.');
  if (turn === 1) return reply(toolUse('search_log', { file: 'postgres.log', pattern: `\\[${held.pid}\\]` }));
  const lines = (results[1] ?? '').split('\n');
  return reply(
    [
      `${held.waits} waits from ${held.from} to ${held.to} UTC, all for a lock of process ${held.pid}.`,
      ...lines.slice(1),
      'An index that is built without CONCURRENTLY blocks all writes to its table until it is done.',
    ].join('\n'),
  );
}

function resultsOf({ body }: EmulatedRequest): string[] {
  return body.messages.flatMap(({ content }) =>
    Array.isArray(content)
      ? content.flatMap((block) => (block.type === 'tool_result' ? [block.content as string] : []))
      : [],
  );
}
