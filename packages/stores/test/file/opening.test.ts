import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Entry, Journal, KeptCheckpoint } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore, verifySession } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { treeOf, writeTree } from '../support/tree.ts';

async function readAll(journal: Journal): Promise<{ entries: Entry[]; error: unknown }> {
  const entries: Entry[] = [];
  try {
    for await (const entry of journal.read()) entries.push(entry);
    return { entries, error: undefined };
  } catch (error) {
    return { entries, error };
  }
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('opening', () => {
  test('names a content that is missing, reads up to it and appends nothing', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path, { blobBytes: 200 });
    const entries = sampleEntries(20);
    const journal = await store.open('s');
    await journal.append(entries, 0);
    await journal.close();
    const line = readFileSync(`${folder.path}/s/000001.jsonl`, 'utf8').split('\n')[7];
    const hash = /#\d+:(\w+)/.exec(line ?? '')?.[1];
    rmSync(`${folder.path}/s/blobs/${hash}`);
    const damaged = await store.open('s');
    expect(damaged.length).toBe(6);
    expect(damaged.damage).toMatchObject({ where: `${folder.path}/s/blobs/${hash}`, from: 0 });
    await expect(damaged.append(sampleEntries(1, { from: 6 }), 6)).rejects.toMatchObject({ code: 'corrupt' });
    const { entries: read, error } = await readAll(damaged);
    expect(read).toEqual(entries.slice(0, 6));
    expect(error).toMatchObject({ code: 'corrupt', damage: damaged.damage });
  });

  test('leaves a damaged session to its owner', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    const owner = await store.open('s');
    await owner.append(sampleEntries(10), 0);
    const path = `${folder.path}/s/000001.jsonl`;
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.from(bytes).fill('?', 300, 310));
    const damaged = await store.open('s');
    expect(damaged.damage).toMatchObject({ where: path });
    expect(damaged.damage?.from).toBeLessThanOrEqual(300);
    expect(damaged.damage?.to).toBeGreaterThanOrEqual(310);
    expect(readdirSync(`${folder.path}/s`)).toEqual(['000001.jsonl']);
    await expect(damaged.append([], damaged.length)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining(
        `of ${path}). Nothing can be appended to a damaged session. repairSession("${folder.path}/s", { into }) of '@pawl/stores/file'`,
      ) as string,
    });
    writeFileSync(path, bytes);
    await owner.append(sampleEntries(1, { from: 10 }), 10);
    await owner.close();
    expect((await readAll(await store.open('s'))).entries).toEqual(sampleEntries(11));
  });

  test('refuses a newer version and leaves it alone', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    const journal = await store.open('s');
    await journal.append(sampleEntries(3), 0);
    await journal.close();
    const text = '{"format":"pawl-session","version":2,"anything":"else"}';
    const summed = `${text.length} ${text}`;
    const crc = crc32(summed).toString(16).padStart(8, '0');
    writeFileSync(`${folder.path}/s/000002.jsonl`, `${crc} ${summed}\n`);
    for (const readonly of [true, false])
      await expect(store.open('s', { readonly })).rejects.toMatchObject({ code: 'newer-version' });
    expect(readdirSync(`${folder.path}/s`)).toEqual(['000001.jsonl', '000002.jsonl']);
    await expect(verifySession(`${folder.path}/s`)).rejects.toMatchObject({ code: 'newer-version' });
  });

  test('names a segment that is missing', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    for (let seq = 0; seq < 9; seq += 3) {
      const journal = await store.open('s');
      await journal.append(sampleEntries(3, { from: seq }), seq);
      await journal.close();
    }
    rmSync(`${folder.path}/s/000002.jsonl`);
    const damaged = await store.open('s');
    expect(damaged.damage).toMatchObject({ where: `${folder.path}/s/000002.jsonl`, from: 0 });
    expect((await readAll(damaged)).entries).toEqual(sampleEntries(3));
    const report = await verifySession(`${folder.path}/s`);
    expect(report).toMatchObject({
      ok: false,
      session: 's',
      entries: 3,
      findings: [{ kind: 'damage', repairable: false }],
    });
  });

  test('tells what was torn, and verifying tells what belongs to nothing', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    const journal = await store.open('s');
    await journal.append(sampleEntries(5), 0);
    await journal.close();
    const path = `${folder.path}/s/000001.jsonl`;
    const whole = readFileSync(path);
    writeFileSync(path, Buffer.concat([whole, Buffer.from('12345678 900 {"type":"inp')]));
    const range = { where: path, from: whole.length, to: whole.length + 25 };
    expect(await verifySession(`${folder.path}/s`)).toMatchObject({
      ok: true,
      findings: [{ kind: 'torn', ...range }],
    });
    const next = await store.open('s');
    expect([next.length, next.damage, next.torn]).toEqual([5, null, expect.objectContaining(range)]);
    await next.append(sampleEntries(1, { from: 5 }), 5);
    await next.close();
    const last = await store.open('s');
    expect([last.length, last.torn]).toEqual([6, null]);
    await last.close();
    expect(await verifySession(`${folder.path}/s`)).toMatchObject({
      ok: true,
      entries: 6,
      findings: [{ kind: 'unused', ...range }],
    });
  });

  test('tells a record with one zero byte from the zeros that a disk leaves of an append', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    const journal = await store.open('s');
    await journal.append(sampleEntries(4), 0);
    await journal.append(sampleEntries(1, { from: 4 }), 4);
    await journal.close();
    const path = `${folder.path}/s/000001.jsonl`;
    const whole = readFileSync(path);
    const last = whole.lastIndexOf(10, whole.length - 2) + 1;
    const told = async (from: number, to: number): Promise<string> => {
      writeFileSync(path, Buffer.from(whole).fill(0, from, to));
      const { length, damage, torn } = await store.open('s', { readonly: true });
      expect([length, (damage ?? torn)?.from]).toEqual([4, last]);
      return damage ? 'damage' : 'torn';
    };
    for (let at = last; at < whole.length; at += 1) {
      const isEdge = at === last || at === whole.length - 1 || at % 512 === 0 || at % 512 === 511;
      expect(await told(at, at + 1), `byte ${at}`).toBe(isEdge ? 'torn' : 'damage');
    }
    expect(await told(last, whole.length)).toBe('torn');
    const sector = Math.ceil(last / 512) * 512;
    if (sector < whole.length) expect(await told(last, sector)).toBe('torn');
    expect(await told(last + 20, whole.length)).toBe('torn');
    writeFileSync(path, Buffer.from(whole).fill(0, last + 20, last + 21));
    await expect(store.open('s').then((opened) => opened.append(sampleEntries(1), 4))).rejects.toMatchObject({
      code: 'corrupt',
    });
    expect(readFileSync(path).length).toBe(whole.length);
  });

  test.for<[holds: string, files: Readonly<Record<string, string>>, told: string]>([
    ['a program', { 'src/main.ts': 'main();' }, 'holds main.ts and no session'],
    ['folders', { 'src/lib/deep/a.ts': '' }, 'holds lib and no session'],
    [
      'a record of somebody else',
      { 'src/000001.jsonl': '{"text":"a"}' },
      'holds 000001.jsonl and no session',
    ],
    ['what only looks like contents', { 'src/blobs/a': '' }, 'holds blobs/a and no session'],
  ])('makes no session in a folder that holds %s', async ([, files, told]) => {
    await using folder = await temporaryFolder();
    writeTree(folder.path, files);
    const before = treeOf(folder.path);
    const store = fileStore(folder.path);
    for (const make of [() => store.open('src'), () => store.create?.('src', iterate(sampleEntries(3)))])
      await expect(make()).rejects.toMatchObject({
        name: 'JournalError',
        code: 'bad-id',
        message: expect.stringContaining(`${folder.path}/src ${told}`) as string,
      });
    expect(treeOf(folder.path)).toEqual(before);
  });

  test.for<[holds: string, files: Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['an empty segment', { 's/000001.jsonl': '' }],
    ['a header that was cut off', { 's/000001.jsonl': '3e920b65 120 {"for' }],
    ['an empty segment, and a file of somebody else', { 's/000001.jsonl': '', 's/.DS_Store': 'x' }],
  ])('goes on where a creation was cut off and left %s', async ([, files]) => {
    await using folder = await temporaryFolder();
    mkdirSync(`${folder.path}/s`);
    writeTree(folder.path, files);
    const journal = await fileStore(folder.path).open('s');
    await journal.append(sampleEntries(3), 0);
    await journal.close();
    expect((await fileStore(folder.path).open('s')).length).toBe(3);
  });

  test('leaves a checkpoint alone that holds more than the next owner has counted', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    const [late, next] = [`${folder.path}/late`, `${folder.path}/next`];
    const fenced = await store.open('late');
    await fenced.append(sampleEntries(8), 0);
    await cp(late, next, { recursive: true });
    await fenced.append(sampleEntries(2, { from: 8 }), 8);
    const free = { before: 0, behind: 0 };
    await fenced.checkpoints?.keep({ seq: 10, state: 'of ten', steps: '', pieces: [], free });
    await fenced.close();
    const owner = await store.open('next');
    await owner.append(sampleEntries(4, { from: 8 }), 8);
    await owner.close();
    // As if the first had been slow to hear that it has lost the session.
    await cp(`${next}/000002.jsonl`, `${late}/000002.jsonl`);
    const journal = await store.open('late', { readonly: true });
    expect(await journal.checkpoints?.latest()).toBeNull();
    expect(journal.length).toBe(12);
    expect((await readAll(journal)).entries).toEqual(sampleEntries(12));
  });

  test('gives a content back wherever a checkpoint wants it, however it lies across what is read at once', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path, { blobBytes: 1 << 20 });
    const entries = sampleEntries(120, { resultSize: 70_000 });
    const journal = await store.open('s');
    await journal.append(entries, 0);
    const wanted = entries.filter(({ type }) => type === 'tool-end').map(({ seq }) => seq);
    const pieces = [...wanted, 'and again', ...wanted];
    await journal.checkpoints?.keep({
      seq: 120,
      state: '',
      steps: '',
      pieces,
      free: { before: 0, behind: 0 },
    });
    await journal.close();
    const kept = await (await store.open('s')).checkpoints?.latest();
    const { bytes, ends } = kept as KeptCheckpoint;
    const texts = ends.map((to, index) => Buffer.from(bytes.subarray(ends[index - 1] ?? 0, to)).toString());
    const contents = wanted.map((seq) => JSON.stringify((entries[seq] as { content?: unknown }).content));
    expect(bytes.length).toBeGreaterThan(5 << 20);
    expect(texts).toEqual([...contents, 'and again', ...contents]);
  });

  test('leaves a checkpoint alone where a content has changed that it does not even hold', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path, { blobBytes: 200 });
    const journal = await store.open('s');
    await journal.append(sampleEntries(20), 0);
    await journal.checkpoints?.keep({
      seq: 20,
      state: '',
      steps: '',
      pieces: [],
      free: { before: 0, behind: 0 },
    });
    await journal.close();
    expect(await (await store.open('s', { readonly: true })).checkpoints?.latest()).not.toBeNull();
    const [hash = ''] = readdirSync(`${folder.path}/s/blobs`);
    const blob = `${folder.path}/s/blobs/${hash}`;
    const bytes = readFileSync(blob);
    for (const harm of [() => writeFileSync(blob, bytes.fill('?', 3, 4)), () => rmSync(blob)]) {
      harm();
      const damaged = await store.open('s', { readonly: true });
      expect(await damaged.checkpoints?.latest()).toBeNull();
      expect((await readAll(damaged)).error).toMatchObject({ code: 'corrupt', damage: { where: blob } });
    }
  });

  test('removes what a dead owner has left of a checkpoint', async () => {
    await using folder = await temporaryFolder();
    const store = fileStore(folder.path);
    await (await store.open('s')).close();
    const journal = await store.open('s');
    await journal.append(sampleEntries(9), 0);
    for (const epoch of [1, 3]) writeFileSync(`${folder.path}/s/checkpoint.${epoch}.part`, 'half a che');
    const free = { before: 0, behind: 0 };
    await journal.checkpoints?.keep({ seq: 9, state: '', steps: '', pieces: [], free });
    await journal.close();
    // That of a later owner, which writes it now, is its own.
    const left = readdirSync(`${folder.path}/s`).filter((name) => name.startsWith('checkpoint'));
    expect(left).toEqual(['checkpoint', 'checkpoint.3.part']);
  });
});
