import { describe, expect, test } from 'vitest';
import { compaction, createEmulator, reply, script, text, thinking, toolUse } from '../src/index.ts';
import type { EmulatorOptions } from '../src/index.ts';
import { plain, post, tool } from './api.ts';
import type { Body } from './api.ts';

const tools = [tool('a'), tool('b')];
const start: Body = {
  ...plain,
  system: 'Be brief.',
  tools,
  thinking: { type: 'adaptive', display: 'summarized' },
};

/** Has a turn with thinking and a tool call made, and returns the request that goes on from it. */
async function turn(
  options: EmulatorOptions = {},
  change: Body = {},
): Promise<{
  readonly next: Body;
  readonly send: (body: Body, headers?: Record<string, string>) => Promise<string>;
}> {
  const respond = script([
    reply([thinking('plan'), text('so'), toolUse('a')]),
    ...Array.from({ length: 8 }, () => reply([thinking('again'), text('done')])),
  ]);
  const emulator = createEmulator({ respond, ...options });
  const first = { ...start, ...change };
  const answer = await post(emulator, first);
  const content = answer.json['content'] as readonly Body[];
  const result = { type: 'tool_result', tool_use_id: content.at(-1)?.['id'], content: 'ok' };
  const messages = [
    ...(first['messages'] as Body[]),
    { role: 'assistant', content },
    { role: 'user', content: [result] },
  ];
  const send = async (body: Body, headers: Record<string, string> = {}): Promise<string> => {
    const sent = await post(emulator, body, headers);
    return sent.status === 200 ? 'ok' : sent.error.message;
  };
  return { next: { ...first, messages }, send };
}

/** The request with something of its second message's first block replaced. */
function editThinking(body: Body, change: Body): Body {
  const [question, answer, ...rest] = body['messages'] as {
    readonly role: string;
    readonly content: Body[];
  }[];
  const [block, ...blocks] = answer?.content ?? [];
  return {
    ...body,
    messages: [question, { role: 'assistant', content: [{ ...block, ...change }, ...blocks] }, ...rest],
  };
}

const bound = 'bound to a different conversation';

describe('thinking blocks', () => {
  test('[thinking/signed] over several turns', async () => {
    const { next, send } = await turn();
    expect(await send(next)).toBe('ok');
    expect(await send(editThinking(next, { signature: 'c2lnbmVk' }))).toContain(
      'messages.1.content.0: Invalid `signature` in `thinking` block',
    );
    expect(await send(editThinking(next, { signature: '' }))).toContain('Invalid `signature`');
  });

  test('[thinking/edited] whoever the organisation is', async () => {
    for (const preservedThinking of ['new-organisation', 'old-organisation'] as const) {
      const { next, send } = await turn({ preservedThinking });
      expect(await send(editThinking(next, { thinking: 'another plan' }))).toContain(
        'messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified',
      );
    }
  });

  test('[thinking/system-changed] a string is the same as its one block', async () => {
    const { next, send } = await turn();
    expect(await send({ ...next, system: 'Be verbose.' })).toContain(bound);
    expect(await send({ ...next, system: undefined })).toContain(bound);
    expect(await send({ ...next, system: [{ type: 'text', text: 'Be brief.' }] })).toBe('ok');
  });

  test('[thinking/tools-changed] nor does a marker on one', async () => {
    const { next, send } = await turn();
    expect(await send({ ...next, tools: [...tools, tool('c')] })).toContain(bound);
    expect(await send({ ...next, tools: [tool('a', { x: { type: 'string' } }), tool('b')] })).toContain(
      bound,
    );
    expect(await send({ ...next, tools: tools.toReversed() })).toBe('ok');
    expect(
      await send({ ...next, tools: [tool('a'), { ...tool('b'), cache_control: { type: 'ephemeral' } }] }),
    ).toBe('ok');
  });

  test('[thinking/history-changed] even by one word', async () => {
    const { next, send } = await turn();
    const messages = next['messages'] as Body[];
    expect(
      await send({ ...next, messages: [{ role: 'user', content: 'Hello!' }, ...messages.slice(1)] }),
    ).toContain(bound);
    expect(
      await send({
        ...next,
        messages: [{ role: 'user', content: 'Before' }, { role: 'assistant', content: 'x' }, ...messages],
      }),
    ).toContain(bound);
    expect(
      await send({
        ...next,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }, ...messages.slice(1)],
      }),
    ).toBe('ok');
  });

  test('[thinking/markers-free] in any place', async () => {
    const { next, send } = await turn();
    const messages = next['messages'] as Body[];
    const marked = {
      role: 'user',
      content: [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }],
    };
    const more = [
      marked,
      ...messages.slice(1),
      { role: 'user', content: 'And?' },
      { role: 'system', content: 'Hurry.' },
    ];
    expect(await send({ ...next, messages: more, cache_control: { type: 'ephemeral' } })).toBe('ok');
    expect(await send({ ...next, output_config: { effort: 'low' }, max_tokens: 99 })).toBe('ok');
  });

  test('[thinking/who] or for nobody, by the option', async () => {
    const holds = async (
      model: string,
      preservedThinking: NonNullable<EmulatorOptions['preservedThinking']>,
    ): Promise<boolean> => {
      const { next, send } = await turn({ preservedThinking }, { model });
      return (await send({ ...next, system: 'Changed.' })) !== 'ok';
    };
    const table = {
      'claude-fable-5-2': [true, true, true, false],
      'claude-opus-5-5': [true, false, true, false],
      'claude-haiku-5-5': [true, false, true, false],
      'claude-opus-5': [false, false, true, false],
    };
    for (const [model, expected] of Object.entries(table)) {
      const modes = ['new-organisation', 'old-organisation', 'everyone', 'off'] as const;
      expect([model, await Promise.all(modes.map((mode) => holds(model, mode)))]).toEqual([model, expected]);
    }
  });

  test('[thinking/other-model] whatever happened before them', async () => {
    const { next, send } = await turn();
    expect(await send({ ...next, model: 'claude-opus-5-5', system: 'Changed.' })).toBe('ok');
  });

  test('[thinking/drop-block] with its beta', async () => {
    const { next, send } = await turn();
    const drop = {
      ...next,
      system: 'Changed.',
      thinking: { type: 'adaptive', block_binding: { prefix_mismatch_behavior: 'drop_block' } },
    };
    expect(await send(drop)).toContain('thinking.block_binding: Extra inputs');
    expect(await send(drop, { 'anthropic-beta': 'thinking-binding-controls-2026-08-01' })).toBe('ok');
  });

  test('[thinking/counting] with the same message', async () => {
    const { next } = await turn();
    const counted: Body = { ...next, system: 'Changed.' };
    delete counted['max_tokens'];
    const answer = await post(createEmulator(), counted, {}, '/v1/messages/count_tokens');
    expect([answer.status, answer.error.message.includes(bound)]).toEqual([400, true]);
  });

  test('a signature of one emulator holds for another', async () => {
    const { next } = await turn();
    expect((await post(createEmulator(), next)).status).toBe(200);
    expect((await post(createEmulator(), { ...next, system: 'x' })).status).toBe(400);
  });

  test('a summary takes the place of what it summarises', async () => {
    const emulator = createEmulator({
      respond: script([
        reply([compaction('summary')], { stopReason: 'compaction' }),
        reply([thinking('on'), text('x')]),
      ]),
    });
    const summary = (
      await post(
        emulator,
        { ...start, compaction: { type: 'summarize' } },
        { 'anthropic-beta': 'compact-2026-09-04' },
      )
    ).json['content'];
    const messages = [
      { role: 'assistant', content: summary },
      { role: 'user', content: 'Go on' },
    ];
    const answer = await post(emulator, { ...start, messages });
    const later = [
      ...messages,
      { role: 'assistant', content: answer.json['content'] },
      { role: 'user', content: 'More' },
    ];
    const whole = [...(start['messages'] as Body[]), ...later];
    expect((await post(createEmulator(), { ...start, messages: later })).status).toBe(200);
    expect((await post(createEmulator(), { ...start, messages: whole })).status).toBe(200);
  });
});
