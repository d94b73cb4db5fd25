#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { createCommand } from './command.ts';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const command = createCommand(
  { print: (line) => console.log(line), readFile: (path) => readFile(path, 'utf8'), version },
  (server) => {
    const stop = (): void => void server.close();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  },
);

try {
  await command.parseAsync();
} catch (error) {
  console.error(`pawl-emulator: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
