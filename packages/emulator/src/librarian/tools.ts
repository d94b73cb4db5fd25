import type { JsonObject } from '../json.ts';
import { asArray, asObject, asString } from '../json.ts';

/** A call the librarian wants to make. */
export interface PlannedCall {
  readonly name: string;
  readonly input: JsonObject;
}

/** The tools of a request that the librarian can work with, as functions that build calls. */
export interface Toolbox {
  readonly grep: ((pattern: string) => PlannedCall) | undefined;
  readonly glob: ((pattern: string) => PlannedCall) | undefined;
  readonly read: ((path: string) => PlannedCall) | undefined;
}

const names = {
  grep: [/^grep$/i, /grep|search/i],
  glob: [/^glob$/i, /glob|list.*(?:file|dir)|^ls$/i],
  read: [/^read$/i, /^(?:read|view|open|cat).*file|read/i],
} as const;

const members = {
  grep: ['pattern', 'query', 'regex', 'search', 'term', 'text'],
  glob: ['pattern', 'glob', 'query', 'path', 'directory'],
  read: ['file_path', 'filePath', 'path', 'file', 'filename', 'name'],
} as const;

/** Finds the tools by name and the members to fill by their input schemas. */
export function toolboxOf(tools: unknown): Toolbox {
  const custom = asArray(tools)
    .map(asObject)
    .filter((tool) => 'input_schema' in tool);
  const find = (kind: keyof typeof names): ((value: string) => PlannedCall) | undefined => {
    const [exact, loose] = names[kind];
    const nameOf = (tool: JsonObject): string => asString(tool['name']) ?? '';
    const tool =
      custom.find((candidate) => exact.test(nameOf(candidate))) ??
      custom.find((candidate) => loose.test(nameOf(candidate)));
    const schema = asObject(tool?.['input_schema']);
    const member = members[kind].find((name) => name in asObject(schema['properties']));
    if (!tool || member === undefined) return undefined;
    return (value) => ({ name: nameOf(tool), input: { [member]: value, ...required(schema, member) } });
  };
  return { grep: find('grep'), glob: find('glob'), read: find('read') };
}

/** Plain values for members the schema demands besides the one that matters. */
function required(schema: JsonObject, filled: string): JsonObject {
  const properties = asObject(schema['properties']);
  const values: [string, unknown][] = [];
  for (const name of asArray(schema['required']).map(String)) {
    if (name !== filled) values.push([name, plainValue(asObject(properties[name]))]);
  }
  return Object.fromEntries(values);
}

function plainValue(schema: JsonObject): unknown {
  if ('default' in schema) return schema['default'];
  const choices = asArray(schema['enum']);
  if (choices.length > 0) return choices[0];
  switch (schema['type']) {
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return {};
    default:
      return '.';
  }
}
