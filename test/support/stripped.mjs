/**
 * Keeps TypeScript files without their types, for all processes that tests start: Node takes them off anew in each, which is
 * most of the time that a program of ours takes to start. It is Node that does it here too. JavaScript, so that there is
 * nothing to take off this file. See `node-flags.ts`.
 */
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = new URL(`../../node_modules/.cache/pawl-stripped/${process.version}/`, import.meta.url);

registerHooks({
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
    const source = readFileSync(fileURLToPath(url), 'utf8');
    return { format: 'module', source: stripped(source), shortCircuit: true };
  },
});

/** By content: files are edited, and mutated. */
function stripped(source) {
  const kept = new URL(hash('sha1', source), folder);
  try {
    return readFileSync(kept, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const bare = quietly(() => stripTypeScriptTypes(source));
  mkdirSync(folder, { recursive: true });
  // Another process may be reading, or writing the same.
  const own = new URL(`${kept.href}.${process.pid}`);
  writeFileSync(own, bare);
  renameSync(own, kept);
  return bare;
}

/** Without the warning that this is an experiment of Node: tests look at what programs print. */
function quietly(work) {
  const warning = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  Object.defineProperty(process, 'emitWarning', { ...warning, value: () => {} });
  try {
    return work();
  } finally {
    Object.defineProperty(process, 'emitWarning', warning);
  }
}
