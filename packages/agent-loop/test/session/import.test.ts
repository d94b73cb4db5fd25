import { reply } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { ConfigError, importTranscript, loadSession } from '../../src/index.ts';
import { inMemory, noting, world } from './world.ts';

const SESSION = '5f0c0000-0000-4000-8000-000000000001';
const USAGE = {
  input_tokens: 10,
  output_tokens: 5,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

interface Fields {
  readonly [key: string]: unknown;
}

/** A line of Claude Code: uuid, parent, and the rest. */
const line = (uuid: string, parentUuid: string | null, fields: Fields): Fields => ({
  parentUuid,
  isSidechain: false,
  userType: 'external',
  cwd: '/home/me/project',
  sessionId: SESSION,
  version: '2.1.12',
  gitBranch: 'main',
  uuid,
  timestamp: '2026-11-01T10:00:00.000Z',
  ...fields,
});
const user = (uuid: string, parent: string | null, content: unknown, more: Fields = {}): Fields =>
  line(uuid, parent, { type: 'user', message: { role: 'user', content }, ...more });
const said = (uuid: string, parent: string, id: string, block: Fields, more: Fields = {}): Fields =>
  line(uuid, parent, {
    type: 'assistant',
    requestId: `req_${id}`,
    message: {
      id,
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-5-5',
      content: [block],
      stop_reason: null,
      stop_sequence: null,
      usage: USAGE,
    },
    ...more,
  });
const text = (value: string): Fields => ({ type: 'text', text: value });
const call = (id: string, input: Fields = { command: 'ls' }): Fields => ({
  type: 'tool_use',
  id,
  name: 'Bash',
  input,
});
const result = (id: string, content: unknown, more: Fields = {}): Fields[] => [
  { tool_use_id: id, type: 'tool_result', content, ...more },
];
const jsonl = (...lines: readonly (Fields | string)[]): string =>
  lines.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n') + '\n';

/** A conversation with thinking, parallel calls whose lines branch, a subagent and much that is no message. */
const conversation = jsonl(
  { type: 'file-history-snapshot', messageId: 'x', snapshot: {} },
  user('u1', null, 'What is here?'),
  said('a1', 'u1', 'msg_1', { type: 'thinking', thinking: 'Hm.', signature: 'sig' }),
  said('a2', 'a1', 'msg_1', text('Let me look.')),
  said('a3', 'a2', 'msg_1', call('toolu_1')),
  said('a4', 'a3', 'msg_1', call('toolu_2', { command: 'pwd' })),
  user('s1', 'a4', 'Look into it.', { isSidechain: true }),
  said('s2', 's1', 'msg_s', text('I see.'), { isSidechain: true }),
  // The result of the first call hangs on its own line: the branch of the last message does not lead through it.
  user('r1', 'a3', result('toolu_1', 'README.md'), { toolUseResult: { stdout: 'README.md' } }),
  user('r2', 'a4', result('toolu_2', 'no', { is_error: true })),
  { type: 'progress', uuid: 'p1', parentUuid: 'r2', data: {} },
  said('a5', 'p1', 'msg_2', text('A README.')),
  { type: 'summary', summary: 'A README', leafUuid: 'a5' },
  { type: 'brand-new', uuid: 'n1' },
  'not json {',
);

const messagesOf = (source: string, options?: Parameters<typeof importTranscript>[1]): unknown =>
  importTranscript(source, options).entries.flatMap((entry): unknown[] => {
    if (entry.type === 'input') return [entry.content];
    if (entry.type === 'reply') return [entry.message.content];
    return entry.type === 'tool-end' ? [[entry.callId, entry.outcome, entry.content]] : [];
  });

describe('importTranscript', () => {
  it('joins the lines of a reply, keeps parallel calls, leaves out the rest and says so', () => {
    const imported = importTranscript(conversation);
    expect(imported).toMatchObject({ sessionId: SESSION, model: 'claude-sonnet-5-5' });
    expect(messagesOf(conversation)).toEqual([
      'What is here?',
      [text('Let me look.'), call('toolu_1'), call('toolu_2', { command: 'pwd' })],
      ['toolu_1', 'ok', 'README.md'],
      ['toolu_2', 'error', 'no'],
      [text('A README.')],
    ]);
    expect(imported.leftOut).toEqual([
      { line: 1, reason: 'no message ("file-history-snapshot")' },
      { line: 7, reason: 'said by a subagent' },
      { line: 8, reason: 'said by a subagent' },
      { line: 11, reason: 'no message ("progress")' },
      { line: 13, reason: 'no message ("summary")' },
      { line: 14, reason: 'of an unknown type ("brand-new")' },
      { line: 15, reason: 'it is not JSON' },
    ]);
    expect(imported.entries.map(({ seq }) => seq)).toEqual(imported.entries.map((_, index) => index));
  });

  it('gives a session that goes on, and counts only what it uses itself', async () => {
    await using here = await inMemory();
    const w = world({ ...here, tools: [noting('Bash').tool], steps: [reply('Yes.')] });
    const { entries } = importTranscript(conversation);
    await using session = await loadSession({ agent: w.agent(), store: here.store, id: 'imported', entries });
    expect(session.pending).toBeNull();
    expect(session.steps).toEqual([]);
    expect((await session.run('Is it long?')).text).toBe('Yes.');
    expect(w.emulator.refusals).toEqual([]);
    expect(session.steps).toHaveLength(1);
    const sent = JSON.stringify(w.emulator.requests[0]?.body?.messages);
    expect(sent).toContain('What is here?');
    expect(sent).not.toContain('"thinking"');
  });

  it('keeps thinking where told to', () => {
    expect(JSON.stringify(messagesOf(conversation, { thinking: 'keep' }))).toContain('"signature":"sig"');
  });

  it('follows the branch of the last message', () => {
    const source = jsonl(
      user('u1', null, 'One?'),
      said('a1', 'u1', 'msg_1', text('One.')),
      user('u2', 'a1', 'Dropped?'),
      said('a2', 'u2', 'msg_2', text('Dropped.')),
      user('u3', 'a1', 'Two?'),
      said('a3', 'u3', 'msg_3', text('Two.')),
    );
    expect(messagesOf(source)).toEqual(['One?', [text('One.')], 'Two?', [text('Two.')]]);
    expect(importTranscript(source).leftOut).toEqual([
      { line: 3, reason: 'on another branch' },
      { line: 4, reason: 'on another branch' },
    ]);
  });

  it('begins at the last compaction', () => {
    const source = jsonl(
      user('u1', null, 'Long ago?'),
      said('a1', 'u1', 'msg_1', text('Long ago.')),
      line('b1', null, {
        type: 'system',
        subtype: 'compact_boundary',
        logicalParentUuid: 'a1',
        content: 'Conversation compacted',
      }),
      user('c1', 'b1', 'This session continues. They asked of old times.', { isCompactSummary: true }),
      said('a2', 'c1', 'msg_2', text('And now?')),
    );
    expect(messagesOf(source)).toEqual([
      'This session continues. They asked of old times.',
      [text('And now?')],
    ]);
    expect(importTranscript(source).leftOut.map(({ reason }) => reason)).toEqual([
      'before the last compaction',
      'before the last compaction',
      'no message ("system")',
    ]);
  });

  it('answers calls without a result, and drops results without a call, errors that were shown, and empty replies', async () => {
    const source = jsonl(
      user('u1', null, 'Go.'),
      said('a1', 'u1', 'msg_1', call('toolu_1')),
      user('u2', 'a1', '[Request interrupted by user]'),
      line('e1', 'u2', {
        type: 'assistant',
        isApiErrorMessage: true,
        message: { id: 'x', role: 'assistant', model: '<synthetic>', content: [text('API Error')] },
      }),
      user('r9', 'u2', result('toolu_9', 'late')),
      said('a2', 'r9', 'msg_2', { type: 'thinking', thinking: '', signature: 's' }),
      user('u3', 'a2', 'Still there?'),
    );
    expect(messagesOf(source)).toEqual([
      'Go.',
      [call('toolu_1')],
      ['toolu_1', 'unknown', expect.stringContaining('holds no result')],
      '[Request interrupted by user]',
      'Still there?',
    ]);
    expect(importTranscript(source).leftOut).toEqual([
      { line: 4, reason: 'an error that was shown, not a reply' },
      { line: 5, reason: 'a result of a call that is not there, or has one already' },
      { line: 6, reason: 'a reply of nothing but thinking' },
    ]);
    await using here = await inMemory();
    const w = world({ ...here, tools: [noting('Bash').tool], steps: [reply('Yes.')] });
    const { entries } = importTranscript(source);
    await using session = await loadSession({ agent: w.agent(), store: here.store, id: 'imported', entries });
    expect((await session.resume()).text).toBe('Yes.');
    expect(w.emulator.refusals).toEqual([]);
  });

  it('reads what the Agent SDK streams: no tree, subagents told by their parent call', () => {
    const message = (id: string, block: Fields): Fields => ({
      id,
      role: 'assistant',
      model: 'claude-sonnet-5-5',
      content: [block],
    });
    const source = jsonl(
      { type: 'system', subtype: 'init', session_id: SESSION, tools: ['Bash'] },
      {
        type: 'user',
        message: { role: 'user', content: [text('Go.')] },
        parent_tool_use_id: null,
        session_id: SESSION,
      },
      {
        type: 'assistant',
        message: message('m1', text('Hm.')),
        parent_tool_use_id: null,
        session_id: SESSION,
        uuid: 'x1',
      },
      {
        type: 'assistant',
        message: message('m1', call('toolu_1')),
        parent_tool_use_id: null,
        session_id: SESSION,
        uuid: 'x2',
      },
      {
        type: 'assistant',
        message: message('m9', text('Sub.')),
        parent_tool_use_id: 'toolu_1',
        session_id: SESSION,
      },
      {
        type: 'user',
        message: { role: 'user', content: result('toolu_1', [text('ok')]) },
        parent_tool_use_id: null,
        session_id: SESSION,
      },
      {
        type: 'assistant',
        message: message('m2', text('Done.')),
        parent_tool_use_id: null,
        session_id: SESSION,
      },
      { type: 'result', subtype: 'success', result: 'Done.', session_id: SESSION },
    );
    expect(messagesOf(source)).toEqual([
      [text('Go.')],
      [text('Hm.'), call('toolu_1')],
      ['toolu_1', 'ok', [text('ok')]],
      [text('Done.')],
    ]);
    expect(importTranscript(source)).toMatchObject({ sessionId: SESSION });
  });

  it('refuses what holds no message', () => {
    for (const source of ['', 'hello', '{"type":"summary"}\n', '[1]\n{}\nnull'])
      expect(() => importTranscript(source)).toThrow(ConfigError);
    expect(() => importTranscript(7 as never)).toThrow(/text: expected/);
  });
});
