import { z } from './zod.ts';
import { cacheControlSchema, checkAgainst } from './content-schema.ts';
import type { JsonObject } from './json.ts';
import { asArray, asObject, asString, isObject, shown } from './json.ts';
import type { ModelSpec } from './model-spec.ts';
import { checkOutputSchema, optionalProperties } from './validate-schema.ts';

const maxStrictTools = 20;
const maxOptionalParameters = 24;
const namePattern = '^[a-zA-Z0-9_-]{1,64}$';

const customTool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: z.string().regex(new RegExp(namePattern), `String should match pattern '${namePattern}'`),
  description: z.string().nullish(),
  input_schema: z.looseObject({ type: z.literal('object') }),
  allowed_callers: z.array(z.string()).nullish(),
  cache_control: cacheControlSchema,
  defer_loading: z.boolean().nullish(),
  eager_input_streaming: z.boolean().nullish(),
  input_examples: z.array(z.record(z.string(), z.unknown())).nullish(),
  strict: z.boolean().nullish(),
});

/** Tools the API defines: their dated types, and the name each has when the request gives none. */
const definedTools: readonly (readonly [type: RegExp, name: string | undefined])[] = [
  [/^bash_20\d{6}$/, 'bash'],
  [/^text_editor_20250124$/, 'str_replace_editor'],
  [/^text_editor_20\d{6}$/, 'str_replace_based_edit_tool'],
  [/^memory_20\d{6}$/, 'memory'],
  [/^computer_20\d{6}$/, 'computer'],
  [/^(?:computer|browser)_toolset_20\d{6}$/, undefined],
  [/^web_search_20\d{6}$/, 'web_search'],
  [/^web_fetch_20\d{6}$/, 'web_fetch'],
  [/^code_execution_20\d{6}$/, 'code_execution'],
  [/^advisor_20\d{6}$/, 'advisor'],
  [/^tool_search_tool_regex(?:_20\d{6})?$/, 'tool_search_tool_regex'],
  [/^tool_search_tool_bm25(?:_20\d{6})?$/, 'tool_search_tool_bm25'],
  [/^mcp_toolset$/, undefined],
];

const toolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use: z.boolean().nullish() }),
  z.strictObject({ type: z.literal('any'), disable_parallel_tool_use: z.boolean().nullish() }),
  z.strictObject({
    type: z.literal('tool'),
    name: z.string(),
    disable_parallel_tool_use: z.boolean().nullish(),
  }),
  z.strictObject({ type: z.literal('none') }),
]);

/** Rules of `tools` and `tool_choice`; the first one broken, or undefined. */
export function checkTools(body: JsonObject, model: ModelSpec, thinks: boolean): string | undefined {
  const tools = asArray(body['tools']);
  if (body['tools'] !== undefined && body['tools'] !== null && !Array.isArray(body['tools']))
    return 'tools: Input should be a valid list';
  for (const [index, tool] of tools.entries()) {
    const problem = checkTool(tool, `tools.${index}`);
    if (problem !== undefined) return problem;
  }
  return (
    checkNames(tools) ?? checkDeferred(tools) ?? checkStrict(tools) ?? checkChoice(body, tools, model, thinks)
  );
}

function checkTool(tool: unknown, path: string): string | undefined {
  if (!isObject(tool)) return `${path}: Input should be a valid dictionary`;
  const type = tool['type'];
  if (type === undefined || type === null || type === 'custom') {
    return checkAgainst(customTool, tool, `${path}.custom`) ?? checkTopLevel(tool, path);
  }
  if (definedTools.some(([pattern]) => pattern.test(shown(type)))) return undefined;
  return `${path}: Input tag '${shown(type)}' found using 'type' does not match any of the expected tags`;
}

function checkTopLevel(tool: JsonObject, path: string): string | undefined {
  const union = ['anyOf', 'oneOf', 'allOf'].find((key) => key in asObject(tool['input_schema']));
  return (
    union &&
    `${path}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`
  );
}

function nameOf(tool: unknown): string | undefined {
  const { name, type } = asObject(tool);
  return asString(name) ?? definedTools.find(([pattern]) => pattern.test(shown(type)))?.[1];
}

function checkNames(tools: readonly unknown[]): string | undefined {
  const names = tools.map(nameOf).filter((name) => name !== undefined);
  return new Set(names).size === names.length ? undefined : 'tools: Tool names must be unique.';
}

function checkDeferred(tools: readonly unknown[]): string | undefined {
  const deferred = tools.filter((tool) => asObject(tool)['defer_loading'] === true);
  return deferred.length > 0 && deferred.length === tools.length
    ? 'tools: At least one tool must have defer_loading=false'
    : undefined;
}

function checkStrict(tools: readonly unknown[]): string | undefined {
  const strict = tools.map(asObject).filter((tool) => tool['strict'] === true);
  if (strict.length > maxStrictTools)
    return `tools: at most ${maxStrictTools} strict tools are allowed. Found ${strict.length}.`;
  const optional = strict.reduce((sum, tool) => sum + optionalProperties(tool['input_schema']), 0);
  if (optional > maxOptionalParameters) {
    return `tools: strict tools may have at most ${maxOptionalParameters} optional parameters in total. Found ${optional}.`;
  }
  for (const [index, tool] of tools.map(asObject).entries()) {
    if (tool['strict'] !== true) continue;
    const problem =
      checkOutputSchema(tool['input_schema'], `tools.${index}.custom.input_schema`) ??
      checkProgrammatic(tool, index);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkProgrammatic(tool: JsonObject, index: number): string | undefined {
  const callers = asArray(tool['allowed_callers']).some((caller) => caller !== 'direct');
  return callers
    ? `tools.${index}.custom: programmatic tool calling cannot be combined with strict`
    : undefined;
}

function checkChoice(
  body: JsonObject,
  tools: readonly unknown[],
  model: ModelSpec,
  thinks: boolean,
): string | undefined {
  const choice = body['tool_choice'];
  if (choice === undefined || choice === null) return undefined;
  const { type, name } = asObject(choice);
  const problem = checkAgainst(toolChoice, choice, 'tool_choice');
  if (problem !== undefined) return problem;
  if (tools.length === 0 && type !== 'none')
    return 'tool_choice: tool_choice may only be specified while providing tools.';
  if (type === 'tool' && !tools.some((tool) => nameOf(tool) === name))
    return `tool_choice.name: Tool '${shown(name)}' not found in provided tools`;
  if (type !== 'any' && type !== 'tool') return undefined;
  if (model.forcedToolChoice === false)
    return `tool_choice: forced tool use (\`${type}\`) is not supported on ${model.id}`;
  if (model.forcedToolChoice === 'not-while-thinking' && thinks)
    return 'tool_choice: Thinking may not be enabled when tool_choice forces tool use.';
  const programmatic = tools.some((tool) =>
    asArray(asObject(tool)['allowed_callers']).some((caller) => caller !== 'direct'),
  );
  return programmatic
    ? 'tool_choice: forced tool use cannot be combined with programmatic tool calling'
    : undefined;
}
