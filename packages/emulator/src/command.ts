import { Command, InvalidArgumentError, Option } from 'commander';
import { echo } from './echo.ts';
import { librarian } from './librarian/librarian.ts';
import { parseScript } from './script-file.ts';
import { startEmulator } from './server.ts';
import type { EmulatorServer } from './server.ts';
import type { Responder } from './types.ts';

/** What the command talks to. */
export interface Terminal {
  readonly print: (line: string) => void;
  readonly readFile: (path: string) => Promise<string>;
  readonly version: string;
}

interface Flags {
  readonly port: number;
  readonly host: string;
  readonly model: 'librarian' | 'echo';
  readonly script?: string;
  readonly seed: number;
}

/** The command line of `pawl-emulator`; `onStart` gets the running server. */
export function createCommand(terminal: Terminal, onStart: (server: EmulatorServer) => void): Command {
  return new Command('pawl-emulator')
    .description(
      'Serves an emulation of the Claude Messages API. What answers is rule-based: a stand-in, not a model.',
    )
    .version(terminal.version)
    .addOption(
      new Option('--port <number>', 'port to listen on; 0 takes a free one').default(8787).argParser(toPort),
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(
      new Option('--model <name>', 'stand-in that answers')
        .choices(['librarian', 'echo'])
        .default('librarian'),
    )
    .option('--script <file>', 'answer with the steps of a JSON file instead')
    .addOption(new Option('--seed <number>', 'seed of ids').default(1).argParser(toNumber))
    .action(async (flags: Flags) => {
      const respond = await responderOf(flags, terminal);
      const server = await startEmulator({
        port: flags.port,
        host: flags.host,
        seed: flags.seed,
        respond,
        record: { max: 1000 },
      });
      for (const line of greeting(server.url, flags)) terminal.print(line);
      onStart(server);
    });
}

async function responderOf({ script, model }: Flags, terminal: Terminal): Promise<Responder> {
  if (script !== undefined) return parseScript(await terminal.readFile(script));
  return model === 'echo' ? echo() : librarian();
}

function greeting(url: string, { model, script }: Flags): readonly string[] {
  const who = script === undefined ? `${model}, a rule-based stand-in (not a model)` : `the script ${script}`;
  return [
    `The emulated Messages API listens on ${url}`,
    `Answers come from ${who}.`,
    'Point a client at it:',
    `  export ANTHROPIC_BASE_URL=${url}`,
    '  export ANTHROPIC_API_KEY=offline',
    'Ctrl-C stops it.',
  ];
}

function toNumber(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number)) throw new InvalidArgumentError('It must be a whole number.');
  return number;
}

function toPort(value: string): number {
  const port = toNumber(value);
  if (port < 0 || port > 65_535) throw new InvalidArgumentError('It must be from 0 to 65535.');
  return port;
}
