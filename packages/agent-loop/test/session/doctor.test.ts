import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reply, toolUse } from '@pawl/emulator';
import { verifySession } from '@pawl/stores/file';
import { describe, expect, it } from 'vitest';
import { ConfigError, openSession, orchestrate } from '../../src/index.ts';
import { doctor } from '../../src/node/index.ts';
import { memoryStore } from '../../src/store.ts';
import { cutOff, shop } from '../subagents/shop.ts';
import { ID, inFiles, inMemory, noting, stores, world } from './world.ts';

const messages = (found: readonly { kind: string; message: string }[]): string[] =>
  found.map(({ kind, message }) => `${kind}: ${message}`);

describe.each(stores)('doctor, %s', (_, make) => {
  it('says what a session waits for, and takes it from nobody', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [drop.tool],
      steps: [reply('One.'), reply([toolUse('drop', {}, { id: 'call_1' })]), reply('Two.')],
    });
    await using session = await w.open();
    await session.run('A?');
    await session.run('B?');
    expect(await doctor({ store: here.store, id: ID })).toMatchObject({
      what: 'session',
      healthy: true,
      entries: 13,
    });
    const { findings } = await doctor({ store: here.store, id: ID });
    expect(messages(findings)).toEqual([
      'waiting: its last run waits for approval: approve(), then resume()',
      'waiting: drop (call_1) waits for a decision',
      'note: 2 runs ended: 1 completed, 1 awaiting-approval',
    ]);
    await session.approve('call_1', true);
    await session.resume();
    expect((await doctor({ store: here.store, id: ID })).findings).toHaveLength(1);
    await expect(doctor({ store: here.store, id: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('doctor', () => {
  it('names what subagents wait with, and scripts', async () => {
    const store = memoryStore();
    const { agent, clerk, begun } = shop();
    const session = await openSession({ agent, store, id: 'top' });
    const script = orchestrate({ session, name: 'sale' }, (team) => team.run('sell', clerk, 'Go.'));
    await cutOff(session, script, begun);
    const { findings, healthy } = await doctor({ store, id: 'top' });
    expect(healthy).toBe(true);
    expect(messages(findings)).toEqual([
      'waiting: its script "sale" goes on when it is run again',
      expect.stringMatching(
        /^waiting: charge \(toolu_charge\) of cashier in session "top\..*toolu_cashier" waits for a decision: approve\(\) on this session$/,
      ),
    ]);
  });

  it.each<[given: unknown, message: string]>([
    [undefined, 'doctor: expected an object of options, got undefined.'],
    ['a.jsonl', 'doctor: expected an object of options, got "a.jsonl".'],
    [{}, 'doctor: expected { file }, or { store, id }.'],
    [{ path: 'a' }, 'doctor: there is no option "path". Known: file, store, id, verify.'],
    [{ file: 7 }, 'file: must be a text that is not empty, got 7.'],
    [{ store: 'dir', id: 'a' }, `store: expected a store, such as fileStore('.pawl/sessions'), got "dir".`],
    [{ store: memoryStore() }, 'id: must be a text that is not empty, got undefined.'],
    [{ store: memoryStore(), id: 'a', verify: true }, 'verify: must be a function, got true.'],
  ])('of %j says what is expected', async (given, message) => {
    const error: unknown = await doctor(given as never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ message });
  });

  it('names damage, and what can be done about it', async () => {
    await using here = await inFiles();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.')] });
    const session = await w.open();
    await session.run('A?');
    await session.run('B?');
    await session.close();
    const folder = join(here.folder, 'sessions', ID);
    const [segment = ''] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
    const bytes = await readFile(join(folder, segment));
    bytes.fill(0x20, bytes.indexOf('B?'), bytes.indexOf('B?') + 2);
    await writeFile(join(folder, segment), bytes);
    const quick = await doctor({ store: here.store, id: ID });
    expect(quick.healthy).toBe(false);
    expect(messages(quick.findings)[0]).toMatch(/^problem: .*\.jsonl, bytes \d+ to \d+: /);
    const close = await doctor({ store: here.store, id: ID, verify: () => verifySession(folder) });
    expect(messages(close.findings)[0]).toMatch(
      /^problem: .*\.jsonl, bytes \d+ to \d+: .*; repairSession\(\) of '@pawl\/stores\/file' /,
    );
    expect(close.findings.filter(({ kind }) => kind === 'problem')).toHaveLength(1);
  });

  it('tells a saved session from a transcript, and both from anything else', async () => {
    await using here = await inMemory();
    const w = world({ ...here, steps: [reply('One.')] });
    await using session = await w.open();
    await session.run('A?');
    const file = join(here.folder, 'file.jsonl');
    await session.save(file);
    expect(await doctor({ file })).toMatchObject({ what: 'saved session', healthy: true, entries: 7 });
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, -40));
    const cut = await doctor({ file });
    expect(cut).toMatchObject({ what: 'saved session', healthy: false });
    expect(messages(cut.findings)[0]).toMatch(/problem: file: .*file\.jsonl:\d+ is not JSON/);
    await writeFile(
      file,
      '{"type":"user","message":{"role":"user","content":"Hi."},"sessionId":"s"}\n{"type":"summary"}\n',
    );
    expect(await doctor({ file })).toEqual({
      what: 'transcript',
      healthy: true,
      entries: 4,
      findings: [
        { kind: 'note', message: 'importTranscript reads it: session s, no model' },
        { kind: 'note', message: 'line 2 is left out: no message ("summary")' },
      ],
    });
    await writeFile(file, 'Dear diary');
    expect(await doctor({ file })).toMatchObject({ healthy: false, entries: 0 });
    await expect(doctor({ file: join(here.folder, 'nothing') })).rejects.toThrow(/could not be read/);
  });
});
