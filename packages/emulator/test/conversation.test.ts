import { describe, expect, test } from 'vitest';
import { createEmulator } from '../src/index.ts';
import { plain, post } from './api.ts';
import type { Body } from './api.ts';

const user = (content: unknown): Body => ({ role: 'user', content });
const assistant = (...content: Body[]): Body => ({ role: 'assistant', content });
const system = (content: unknown): Body => ({ role: 'system', content });
const text = (value: string): Body => ({ type: 'text', text: value });
const use = (id: string, input: unknown = {}): Body => ({ type: 'tool_use', id, name: 'a', input });
const result = (id: string, content: unknown = 'ok'): Body => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});
const serverUse: Body = {
  type: 'server_tool_use',
  id: 'srvtoolu_1',
  name: 'web_search',
  input: { query: 'x' },
};
const serverResult: Body = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] };
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = (data: string, type = 'image/png'): Body => ({
  type: 'image',
  source: { type: 'base64', media_type: type, data },
});
const pdf = (data: string): Body => ({
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data },
});

/** The message of a refusal, or `ok`. */
async function check(messages: readonly Body[], change: Body = {}): Promise<string> {
  const answer = await post(createEmulator(), { ...plain, ...change, messages });
  return answer.status === 200 ? 'ok' : answer.error.message;
}

/** The header of a PNG of this size. */
function pngOf(width: number, height: number): string {
  const bytes = Buffer.from(png, 'base64');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes.toString('base64');
}

describe('messages', () => {
  test('[conversation/empty] names what is missing', async () => {
    expect(await check([])).toBe('messages: at least one message is required');
  });

  test('[conversation/first-user] unless it is a summary', async () => {
    expect(await check([assistant(text('Hi')), user('Hi')])).toBe(
      'messages: first message must use the "user" role',
    );
    expect(await check([assistant({ type: 'compaction', content: 'Summary' }), user('Hi')])).toBe('ok');
  });

  test('[conversation/roles] and must be there', async () => {
    expect(await check([{ role: 'tool', content: 'x' }])).toContain('messages.0.role: Input should be');
    expect(await check([{ content: 'x' }])).toBe('messages.0.role: Field required');
    expect(await check([{ role: 'user' }])).toBe('messages.0.content: Field required');
  });

  test('[conversation/merge] tool results included', async () => {
    expect(await check([user('a'), user('b')])).toBe('ok');
    expect(
      await check([
        user('a'),
        assistant(text('x')),
        assistant(use('t1')),
        user([result('t1')]),
        user('go on'),
      ]),
    ).toBe('ok');
  });

  test('[conversation/empty-content] a user message never', async () => {
    expect(await check([user('')])).toContain('messages.0: all messages must have non-empty content');
    expect(await check([user('a'), assistant(), user('b')])).toContain(
      'messages.1: all messages must have non-empty content',
    );
    expect(await check([user('a'), assistant()], { model: 'claude-haiku-4-5' })).toBe('ok');
  });

  test('[conversation/empty-text] inside results too', async () => {
    expect(await check([user([text('')])])).toBe('messages: text content blocks must be non-empty');
    expect(await check([user('a'), assistant(use('t1')), user([result('t1', [text('')])])])).toBe(
      'messages: text content blocks must be non-empty',
    );
    expect(await check([user('a'), assistant(use('t1')), user([result('t1', '')])])).toBe('ok');
  });

  test('[conversation/unknown-user-block] and one without a type', async () => {
    expect(await check([user([{ type: 'hologram' }])])).toContain(
      "messages.0.content.0: Input tag 'hologram'",
    );
    expect(await check([user([{ text: 'x' }])])).toBe('messages.0.content.0.type: Field required');
    expect(await check([user(['x'])])).toContain('messages.0.content.0: Input should be');
  });

  test('[conversation/unknown-assistant-block] whatever they hold', async () => {
    expect(await check([user('a'), assistant({ type: 'hologram', depth: 3 }, text('x')), user('b')])).toBe(
      'ok',
    );
    expect(await check([user('a'), assistant(image(png)), user('b')])).toContain(
      "messages.1.content.0: Input tag 'image'",
    );
  });

  test('[conversation/extra-member] known ones are typed', async () => {
    expect(await check([user([{ ...text('x'), mood: 1 }])])).toBe(
      'messages.0.content.0.text.mood: Extra inputs are not permitted',
    );
    expect(await check([{ ...user('x'), id: 'msg_1' }])).toBe(
      'messages.0.id: Extra inputs are not permitted',
    );
    expect(await check([user('a'), assistant({ ...use('t1'), id: undefined }), user('b')])).toBe(
      'messages.1.content.0.tool_use.id: Field required',
    );
  });

  test('[version/assistant-document] a plain one too', async () => {
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
    expect(await check([user('a'), assistant(document), user('b')])).toContain(
      '`document` blocks are not allowed in assistant messages',
    );
    expect(await check([user([document])])).toBe('ok');
  });

  test('[version/user-citations] in a tool result as well', async () => {
    const cited = { ...text('x'), citations: [{ type: 'char_location', cited_text: 'x' }] };
    expect(await check([user([cited])])).toContain(
      '`citations` are not allowed on text blocks in user messages',
    );
    expect(await check([user('a'), assistant(use('t1')), user([result('t1', [cited])])])).toContain(
      '`citations` are not allowed',
    );
    expect(
      await check([user([{ type: 'search_result', source: 's', title: 't', content: [cited] }])]),
    ).toContain('`citations` are not allowed');
    expect(await check([user('a'), assistant(cited), user([{ ...text('x'), citations: [] }])])).toBe('ok');
  });

  test('[conversation/paused] also after its result, or text that follows', async () => {
    expect(await check([user('a'), assistant(serverUse)])).toBe('ok');
    expect(await check([user('a'), assistant(serverUse, serverResult)])).toBe('ok');
    expect(await check([user('a'), assistant(serverUse, serverResult, text('so far'))])).toBe('ok');
    expect(await check([user('a'), assistant(text('so far'))])).toContain('prefill');
  });
});

describe('system messages', () => {
  const talk = [user('a'), assistant(text('x')), user('b')];

  test('[system/model] Sonnet 5 does not', async () => {
    expect(await check([...talk, system('Be quick.')])).toBe('ok');
    expect(await check([...talk, system('Be quick.')], { model: 'claude-sonnet-5' })).toContain(
      "messages.3: role 'system' is not supported",
    );
  });

  test('[system/not-first] not even before a user message', async () => {
    expect(await check([system('x'), user('a')])).toContain('first message must use the "user" role');
  });

  test('[system/after-user] not after plain text of the assistant', async () => {
    expect(await check([user('a'), assistant(text('x')), system('y')])).toContain(
      'must follow a user message',
    );
    expect(await check([user('a'), assistant(serverUse), system('y')])).toBe('ok');
  });

  test('[system/before-assistant] not before a user message', async () => {
    expect(await check([user('a'), system('y'), assistant(text('x')), user('b')])).toBe('ok');
    expect(await check([user('a'), system('y'), user('b')])).toContain(
      'must be followed by an assistant message',
    );
  });

  test('[system/text-only] with one it may add tools', async () => {
    const change = [...talk, system([{ type: 'tool_removal', name: 'a' }])];
    expect(await check(change)).toContain('may hold only text');
    expect(await check([...talk, system([image(png)])])).toContain('may hold only text');
    const answer = await post(
      createEmulator(),
      { ...plain, messages: change },
      { 'anthropic-beta': 'mid-conversation-tool-changes-2026-07-01' },
    );
    expect(answer.status).toBe(200);
  });
});

describe('tool uses and results', () => {
  test('[tool-result/missing] all of them', async () => {
    const message = await check([
      user('a'),
      assistant(use('t1'), use('t2'), use('t3')),
      user([result('t2')]),
    ]);
    expect(message).toBe(
      'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1, t3. Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
    );
    expect(await check([user('a'), assistant(use('t1')), user('b')])).toContain(
      'without `tool_result` blocks immediately after: t1',
    );
    expect(await check([user('a'), assistant(use('t1'))])).toContain(
      'without `tool_result` blocks immediately after: t1',
    );
  });

  test('[tool-result/extra] also of an earlier turn', async () => {
    expect(await check([user([result('t1')])])).toContain(
      'messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1.',
    );
    const late = [
      user('a'),
      assistant(use('t1')),
      user([result('t1')]),
      assistant(text('x')),
      user([result('t1')]),
    ];
    expect(await check(late)).toContain('messages.4.content.0: unexpected `tool_use_id`');
    expect(await check([user('a'), assistant(use('t1')), user([result('t1'), result('t2')])])).toContain(
      'unexpected `tool_use_id` found in `tool_result` blocks: t2',
    );
  });

  test('[tool-result/duplicate] over two messages too', async () => {
    const message =
      'each `tool_use` must have a single result. Found multiple `tool_result` blocks with id: t1';
    expect(await check([user('a'), assistant(use('t1')), user([result('t1'), result('t1')])])).toBe(
      `messages.2.content.1: ${message}`,
    );
    expect(await check([user('a'), assistant(use('t1')), user([result('t1')]), user([result('t1')])])).toBe(
      `messages.3.content.0: ${message}`,
    );
  });

  test('[tool-result/first] text may follow', async () => {
    expect(await check([user('a'), assistant(use('t1')), user([text('x'), result('t1')])])).toContain(
      'immediately after: t1',
    );
    expect(
      await check([
        user('a'),
        assistant(use('t1'), use('t2')),
        user([result('t1'), text('x'), result('t2')]),
      ]),
    ).toContain('immediately after: t2');
    expect(await check([user('a'), assistant(use('t1')), user([result('t1'), text('x')])])).toBe('ok');
  });

  test('[tool-result/split] in any order', async () => {
    expect(
      await check([user('a'), assistant(use('t1'), use('t2')), user([result('t2')]), user([result('t1')])]),
    ).toBe('ok');
  });

  test('[tool-result/content] nothing else', async () => {
    const contents = [
      undefined,
      null,
      'x',
      [],
      [text('x'), image(png)],
      [{ type: 'tool_reference', tool_name: 'a' }],
    ];
    for (const content of contents) {
      expect(
        await check([user('a'), assistant(use('t1')), user([{ ...result('t1'), content, is_error: true }])]),
      ).toBe('ok');
    }
    const odd = await check([user('a'), assistant(use('t1')), user([result('t1', [use('t2')])])]);
    expect(odd).toContain("messages.2.content.0.tool_result.content.0: Input tag 'tool_use'");
    expect(await check([user('a'), assistant(use('t1')), user([result('t1', 7)])])).toContain(
      'messages.2.content.0.tool_result.content',
    );
  });

  test('[tool-result/open-server-tool] text only after it is closed', async () => {
    const answer = user([result('t1'), text('x')]);
    expect(await check([user('a'), assistant(serverUse, use('t1')), answer])).toContain(
      'only `tool_result` blocks are allowed while a server tool use is pending',
    );
    expect(await check([user('a'), assistant(serverUse, serverResult, use('t1')), answer])).toBe('ok');
  });

  test('[tool-result/programmatic] no images', async () => {
    const call = { ...use('t1'), caller: { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' } };
    expect(await check([user('a'), assistant(call), user([result('t1', [text('x')])])])).toBe('ok');
    expect(await check([user('a'), assistant(call), user([result('t1'), text('x')])])).toContain(
      'only `tool_result` blocks',
    );
    expect(await check([user('a'), assistant(call), user([result('t1', [image(png)])])])).toContain(
      'must be text',
    );
  });

  test('[tool-use/unique-ids] over turns too', async () => {
    expect(await check([user('a'), assistant(use('t1'), use('t1')), user([result('t1')])])).toBe(
      'messages.1.content.1: `tool_use` ids must be unique',
    );
    expect(
      await check([
        user('a'),
        assistant(use('t1')),
        user([result('t1')]),
        assistant(use('t1')),
        user([result('t1')]),
      ]),
    ).toBe('messages.3.content.0: `tool_use` ids must be unique');
    expect(await check([user('a'), assistant(use('t 1')), user([result('t 1')])])).toContain(
      "String should match pattern '^[a-zA-Z0-9_-]+$'",
    );
  });

  test('[tool-use/input-object] not its JSON text', async () => {
    expect(await check([user('a'), assistant(use('t1', '{}')), user([result('t1')])])).toBe(
      'messages.1.content.0.tool_use.input: Input should be a valid dictionary',
    );
  });
});

describe('media and citations', () => {
  test('[media/image-type] read from its bytes', async () => {
    expect(await check([user([image(png)])])).toBe('ok');
    const kept = { ...image(png), transformations: { oversized_image: 'error' } };
    expect(await check([user([kept])])).toBe('ok');
    expect(await check([user([image(png, 'image/gif')])])).toContain(
      'does not appear to be a image/gif image',
    );
    expect(await check([user([image(png, 'image/bmp')])])).toContain('media_type');
    expect(await check([user([image('aGVsbG8gd29ybGQ=')])])).toContain('Could not process image');
    expect(await check([user([image('%%%')])])).toContain('Invalid base64 data');
    expect(
      await check([user([{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }])]),
    ).toBe('ok');
  });

  test('[media/image-size] more tokens for more pixels', async () => {
    expect(await check([user([image(pngOf(8001, 10))])])).toContain('exceed max allowed size: 8000 pixels');
    expect(await check([user([image('A'.repeat(14_000_000))])])).toContain('image exceeds 10 MB maximum');
    const count = async (width: number, height: number, model: string): Promise<number> => {
      const answer = await post(
        createEmulator(),
        { model, messages: [user([image(pngOf(width, height))])] },
        {},
        '/v1/messages/count_tokens',
      );
      return Number(answer.json['input_tokens']);
    };
    const overhead = (await count(28, 28, 'claude-opus-5-5')) - 1;
    expect((await count(1000, 1000, 'claude-opus-5-5')) - overhead).toBe(36 * 36);
    expect((await count(8000, 8000, 'claude-opus-5-5')) - overhead).toBe(4784);
    expect(await count(8000, 8000, 'claude-haiku-4-5')).toBeLessThan(1600);
  });

  test('[media/pdf] and its pages count', async () => {
    const body = Buffer.from('%PDF-1.7\n<< /Type /Pages >> << /Type /Page >> << /Type /Page >>').toString(
      'base64',
    );
    expect(await check([user([pdf(body)])])).toBe('ok');
    expect(await check([user([pdf('aGVsbG8=')])])).toContain('The PDF specified was not valid.');
    const many = Buffer.from(`%PDF-1.7\n${'<< /Type /Page >>'.repeat(101)}`).toString('base64');
    expect(await check([user([pdf(many)])])).toBe('ok');
    expect(await check([user([pdf(many)])], { model: 'claude-haiku-4-5' })).toContain(
      'A maximum of 100 PDF pages',
    );
  });

  test('[citations/all-or-none] search results count as well', async () => {
    const document = (enabled?: boolean): Body => ({
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
      ...(enabled !== undefined && { citations: { enabled } }),
    });
    expect(await check([user([document(true), document(true)])])).toBe('ok');
    expect(await check([user([document(true), document()])])).toContain(
      'citations must be enabled on all or none',
    );
  });

  test('[format/citations] not even with a good schema', async () => {
    const document = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
      citations: { enabled: true },
    };
    const format = {
      type: 'json_schema',
      schema: { type: 'object', properties: {}, additionalProperties: false },
    };
    expect(await check([user([document])], { output_config: { format } })).toContain(
      'cannot be combined with citations',
    );
  });
});

test('[context/edits] each by its own', async () => {
  const emulator = createEmulator();
  const edits = async (list: readonly Body[], betas: string): Promise<string> => {
    const answer = await post(
      emulator,
      { ...plain, context_management: { edits: list } },
      { 'anthropic-beta': betas },
    );
    return answer.status === 200 ? 'ok' : answer.error.message;
  };
  const [uses, thinking] = [{ type: 'clear_tool_uses_20250919' }, { type: 'clear_thinking_20251015' }];
  const compact = (value: number): Body => ({
    type: 'compact_20260112',
    trigger: { type: 'input_tokens', value },
  });
  expect(await edits([thinking, uses], 'context-management-2025-06-27')).toBe('ok');
  expect(await edits([uses, thinking], 'context-management-2025-06-27')).toContain('must be the first edit');
  expect(await edits([compact(50_000)], 'compact-2026-01-12')).toBe('ok');
  expect(await edits([compact(49_999)], 'compact-2026-01-12')).toContain('greater than or equal to 50000');
  expect(await edits([compact(50_000)], 'context-management-2025-06-27')).toContain(
    "Input tag 'compact_20260112'",
  );
});
