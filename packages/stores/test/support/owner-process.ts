/**
 * Owns a session in a process of its own: `node owner-process.ts <folder> <label> <count>`. Says on stdout what it does,
 * each line after the fact: `open <length>`, `ack <seq>`, `error <code>`.
 */
import { writeSync } from 'node:fs';
import { JournalError } from '@pawl/agent-loop/store';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';

const [folder = '', label = '', count = '0', begin] = process.argv.slice(2);
const say = (text: string): void => void writeSync(1, `${text}\n`);

try {
  say('ready');
  if (begin === 'on-input') await new Promise((resolve) => process.stdin.once('data', resolve));
  const journal = await fileStore(folder, { blobBytes: 230 }).open('s');
  say(`open ${journal.length}`);
  const resultSize = 150 + (process.pid % 100);
  const end = journal.length + Number(count);
  for (let seq = journal.length; seq < end; seq += 1) {
    await journal.append(sampleEntries(1, { from: seq, label, resultSize }), seq, { sync: seq % 3 !== 1 });
    say(`ack ${seq}`);
  }
  await journal.close();
} catch (error) {
  say(`error ${error instanceof JournalError ? error.code : String(error)}`);
}
process.exit();
