import type { AgentEvent } from '@pawl/agent-loop';
import { describe, expect, test } from 'vitest';
import { logLine } from '../../src/progress/log-line.ts';
import { RunTree } from '../../src/progress/run-tree.ts';
import { screenOf } from '../../src/progress/screen.ts';
import { recorder, recording, replyOf } from './events.ts';

/** The screen at this second, after all events up to it. */
function screenAt(events: readonly AgentEvent[], second: number, rows?: number): string[] {
  const tree = new RunTree();
  for (const event of events) if (event.at <= second * 1000) tree.apply(event);
  return screenOf(tree, second * 1000, rows).map(
    ({ branch, sign, text, note }) => `${branch}${sign && `${sign} `}${text}${note && `  ${note}`}`,
  );
}

describe('a screen', () => {
  test('shows the tree of agents with what each of them does', () => {
    expect(screenAt(recording(), 0)).toEqual([
      '● lead: turn 1, the model answers  0 in, 0 out, $0.00, 0.0 s',
    ]);
    expect(screenAt(recording(), 5)).toEqual([
      '● lead: turn 1, 2 subagents at work  7.0k in, 390 out, $0.0072, 5.0 s',
      '├ ● logs: turn 1  5.0k in, 300 out, $0.0006, 3.0 s',
      '│ ├ grep ERROR fatal line  1.0 s',
      '│ └ read half of it  1.0 s',
      '└ ● database: begins, waits for the rate limit, about 12 s  0 in, 0 out, $0.00, 2.0 s',
    ]);
    expect(screenAt(recording(), 10)).toEqual([
      '● lead: turn 1, 1 subagent at work  16.0k in, 510 out, $0.0082, 10 s',
      '├ ✓ logs: completed, 2 turns  14.0k in, 420 out, $0.0016, 7.0 s',
      '└ ● database: begins, waits for the rate limit, about 7.0 s  0 in, 0 out, $0.00, 7.0 s',
    ]);
    expect(screenAt(recording(), 25)).toEqual([
      '✓ lead: completed, 2 turns  18.6k in, 720 out, $0.0152, 20 s',
      '├ ✓ logs: completed, 2 turns  14.0k in, 420 out, $0.0016, 7.0 s',
      '└ ✗ database: failed: The stream broke: gone, 1 turn  0 in, 0 out, $0.00, 15 s',
    ]);
  });

  test('that is too high for a terminal gives up what has ended, then the end of the list', () => {
    expect(screenAt(recording(), 25, 2)).toEqual([
      '✓ lead: completed, 2 turns  18.6k in, 720 out, $0.0152, 20 s',
    ]);
    expect(screenAt(recording(), 10, 2)).toEqual([
      '● lead: turn 1, 1 subagent at work  16.0k in, 510 out, $0.0082, 10 s',
      '… 2 more lines',
    ]);
    const script = recorder('run_0', 'script');
    const many = Array.from({ length: 50 }, (_, index) => {
      const own = recorder(`run_${index + 1}`, `worker-${index + 1}`, 'run_0');
      const start = own(1, { type: 'run-start' });
      return index < 48 ? [start, own(2, { type: 'run-end', outcome: 'completed', reason: null })] : [start];
    }).flat();
    expect(screenAt([script(0, { type: 'run-start' }), ...many], 3, 10)).toEqual([
      '● script: begins, 2 subagents at work  0 in, 0 out, $0.00, 3.0 s',
      '├ 48 subagents done',
      '├ ● worker-49: begins  0 in, 0 out, $0.00, 2.0 s',
      '└ ● worker-50: begins  0 in, 0 out, $0.00, 2.0 s',
    ]);
  });

  test('shows calls that wait for a decision, and runs side by side', () => {
    const one = recorder('run_1', 'one');
    const two = recorder('run_2', 'two');
    const events = [
      one(0, { type: 'run-start' }),
      one(0, { type: 'request', turn: 1 }),
      one(1, replyOf(10, 5, null)),
      one(1, { type: 'approval-request', callId: 'a', tool: 'pay', input: {} }),
      two(1, { type: 'run-start' }),
      one(2, { type: 'run-end', outcome: 'awaiting-approval', reason: null }),
    ];
    expect(screenAt(events, 1)).toEqual([
      '● one: turn 1, waits for a decision  10 in, 5 out, price unknown, 1.0 s',
      '└ ! pay needs a decision',
      '● two: begins  0 in, 0 out, $0.00, 0.0 s',
    ]);
    expect(screenAt(events, 3)[0]).toBe(
      '! one: awaiting approval, 1 turn  10 in, 5 out, price unknown, 2.0 s',
    );
    const resumed = [
      ...events,
      one(4, { type: 'run-start', resumed: true }),
      one(4, { type: 'approval', callId: 'a', tool: 'pay', allow: true }),
      one(4, { type: 'tool-start', callId: 'a', tool: 'pay', input: { to: 'Ann' } }),
    ];
    expect(screenAt(resumed, 5).slice(0, 2)).toEqual([
      '● one: turn 1  10 in, 5 out, price unknown, 5.0 s',
      '└ pay Ann  1.0 s',
    ]);
  });

  test('keeps nothing of what a model or a tool writes that could move the cursor', () => {
    const one = recorder('run_1', 'one');
    const input = { text: '\u001b[2J\u001b]0;title\u0007a\r\nb\u009b1A' };
    const events = [
      one(0, { type: 'run-start' }),
      one(0, { type: 'tool-start', callId: 'a', tool: 'say', input }),
    ];
    expect(screenAt(events, 0)[1]).toBe('└ say a b  0.0 s');
  });
});

test('where nothing can be redrawn there is a line for what matters', () => {
  const tree = new RunTree();
  const lines = recording().flatMap((event) => logLine(event, tree.apply(event)) ?? []);
  expect(lines).toEqual([
    'lead: begins',
    'lead: runs logs Read the errors.',
    'lead > logs: begins',
    'lead: runs database Look at locks.',
    'lead > database: begins',
    'lead > logs: runs grep ERROR fatal line',
    'lead > logs: runs read app.log',
    'lead > database: waits for the rate limit, about 12 s',
    'lead > logs: read ended: timeout',
    'lead > logs: warning: The prompt is long.',
    'lead > logs: completed, 14.0k in, 420 out, $0.0016, 7.0 s',
    'lead > database: a reply was lost: The stream broke: gone',
    'lead > database: failed: The stream broke: gone, 0 in, 0 out, $0.00, 15 s',
    'lead: database ended: error',
    'lead: completed, 18.6k in, 720 out, $0.0152, 20 s',
  ]);
});
