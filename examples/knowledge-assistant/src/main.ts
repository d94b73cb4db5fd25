import { styleText } from 'node:util';
import { RunError } from '@pawl/agent-loop';
import { type Arguments, readArguments, USAGE, UsageError } from './arguments.ts';
import { createAssistant } from './assistant.ts';
import { chooseEndpoint } from './endpoint.ts';
import { Display } from './show.ts';

const OK = 0;
const FAILED = 1;
const BAD_ARGUMENTS = 2;
const INTERRUPTED = 130;

async function main(argv: readonly string[]): Promise<number> {
  let args: Arguments | null;
  try {
    args = await readArguments(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return BAD_ARGUMENTS;
  }
  if (!args) {
    console.log(USAGE);
    return OK;
  }
  return answer(args);
}

async function answer(args: Arguments): Promise<number> {
  const endpoint = await chooseEndpoint(process.env);
  try {
    return await show(args, endpoint.label);
  } finally {
    await endpoint.close();
  }
}

async function show({ question, dir, model }: Arguments, label: string): Promise<number> {
  const display = new Display((text) => process.stdout.write(text), dir);
  console.log(`${styleText('bold', question)}\n${styleText('dim', `${dir} · ${label}`)}\n`);
  const stream = createAssistant(dir, model).stream(question);
  const onInterrupt = (): void => stream.stop('Ctrl-C');
  process.once('SIGINT', onInterrupt);
  try {
    for await (const event of stream) display.show(event);
    const result = await stream.result;
    display.summary(result, label);
    if (result.outcome === 'completed') return OK;
    console.error(`Not finished: ${result.outcome}${result.reason ? ` (${result.reason})` : ''}.`);
    return result.outcome === 'stopped' ? INTERRUPTED : FAILED;
  } catch (error) {
    if (!RunError.is(error)) throw error;
    if (error.result) display.summary(error.result, label);
    console.error(`The run failed (${error.code}): ${error.message}`);
    return FAILED;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

process.exitCode = await main(process.argv.slice(2));
