import type { AgentOptions } from './agent-options.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';
import type { Schema } from '../tools/schema.ts';

/** Request fields that have an option of their own, or that the loop sets itself. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  model: 'model',
  max_tokens: 'maxTokens',
  system: 'system',
  tools: 'tools',
  tool_choice: 'toolChoice',
  thinking: 'thinking',
  messages: 'the input of run()',
  stream: 'nothing: the loop always streams',
  betas: 'betas',
};

/** See https://platform.claude.com/docs/en/build-with-claude/effort. Levels that are newer go into `request.output_config`. */
const EFFORTS: readonly NonNullable<AgentOptions['effort']>[] = ['low', 'medium', 'high', 'xhigh', 'max'];

/** Checks what goes into every request. Throws a ConfigError that names the option, what was expected and what came. */
export function checkRequest(options: AgentOptions<Schema | undefined>): void {
  const { description, system, request = {}, maxTokens, betas } = options;
  if (description !== undefined && typeof description !== 'string')
    throw new ConfigError('description', `must be a text, got ${shown(description)}.`);
  checkSystem(system);
  checkThought(options);
  checkToolChoice(options.toolChoice);
  if (typeof request !== 'object' || request === null)
    throw new ConfigError('request', `must be an object, got ${shown(request)}.`);
  for (const key of Object.keys(request)) {
    const own = Object.hasOwn(OWN_FIELDS, key) ? OWN_FIELDS[key] : undefined;
    if (own) throw new ConfigError(`request.${key}`, `has an option of its own. Use ${own}.`);
  }
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw new ConfigError('maxTokens', `must be a whole number above 0, got ${shown(maxTokens)}.`);
  }
  if (betas !== undefined && !(Array.isArray(betas) && betas.every((beta) => typeof beta === 'string')))
    throw new ConfigError('betas', `must be a list of beta names, got ${shown(betas)}.`);
}

function checkSystem(system: unknown): void {
  if (system === undefined || typeof system === 'string') return;
  const expected = "a text, or a list of blocks such as { type: 'text', text: '...' }";
  if (!Array.isArray(system)) throw new ConfigError('system', `expected ${expected}, got ${shown(system)}.`);
  for (const [index, block] of (system as readonly unknown[]).entries()) {
    const { type, text } = Object(block) as { type?: unknown; text?: unknown };
    if (typeof type === 'string' && (type !== 'text' || typeof text === 'string')) continue;
    throw new ConfigError(`system[${index}]`, `is no block. Expected ${expected}, got ${shown(block)}.`);
  }
}

function checkThought({ thinking, effort }: AgentOptions<Schema | undefined>): void {
  if (thinking !== undefined && !hasType(thinking))
    throw new ConfigError(
      'thinking',
      `expected an object such as { type: 'adaptive' }, got ${shown(thinking)}.`,
    );
  if (effort === undefined || EFFORTS.includes(effort)) return;
  throw new ConfigError(
    'effort',
    `must be ${EFFORTS.map((level) => `'${level}'`).join(', ')}, got ${shown(effort)}. Others can be set with request: { output_config: { effort } }.`,
  );
}

function checkToolChoice(toolChoice: unknown): void {
  if (toolChoice === undefined || hasType(toolChoice)) return;
  throw new ConfigError(
    'toolChoice',
    `expected an object such as { type: 'auto' }, got ${shown(toolChoice)}.`,
  );
}

function hasType(value: unknown): boolean {
  return typeof (Object(value) as { type?: unknown }).type === 'string';
}
