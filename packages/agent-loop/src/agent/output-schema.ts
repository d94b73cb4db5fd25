import type { JsonObject, JsonValue } from '../api.ts';
import { ConfigError } from '../errors.ts';

const OPEN = 'fields of any name, which the output format of the API has no place for';
const COMBINATIONS = ['anyOf', 'oneOf', 'allOf'];

/** Tells, with the remedy, what the API could not be asked for; undefined where there is nothing of it. */
type Rule = (json: JsonObject) => string | undefined;

const RULES: readonly Rule[] = [
  (json) =>
    ['type', 'enum', 'const', ...COMBINATIONS].some((key) => key in json)
      ? undefined
      : 'may be anything, and the API has to be told what. Use z.string(), z.union([...]), or JSON as a text',
  (json) =>
    typesOf(json).length > 1 && typesOf(json).some((type) => type === 'object' || type === 'array')
      ? "is of several types. Write anyOf: [{ type: 'object', ... }, { type: 'null' }]"
      : undefined,
  (json) => {
    if (!typesOf(json).includes('object')) return undefined;
    const { properties, additionalProperties = false, patternProperties } = json;
    return properties && additionalProperties === false && !patternProperties
      ? undefined
      : `has ${OPEN}: the model could only leave them out. Name each, or use a list such as z.array(z.object({ key: z.string(), value: z.number() }))`;
  },
  ({ prefixItems, items }) =>
    prefixItems !== undefined || Array.isArray(items)
      ? 'is a tuple, which the output format of the API has no place for. Use z.object({ first: ..., second: ... })'
      : undefined,
  (json) =>
    typesOf(json).includes('array') && json['items'] === undefined
      ? 'is a list of anything, and the API has to be told of what. Add its items'
      : undefined,
];

/**
 * Throws a ConfigError, which names the place, for a schema of an output that the API could not be asked for: it takes
 * closed objects only, and everything in them has a type. What it would lose or refuse is told before anything is sent.
 * See https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function refuseUnsendable(schema: JsonObject, option: string): void {
  const refuse = (path: string, problem: string): never => {
    throw new ConfigError(option, `${path} ${problem}.`);
  };
  const visit = (value: JsonValue | undefined, path: string, within: readonly string[]): void => {
    const json = object(value);
    const { $ref: ref } = json;
    if (typeof ref === 'string') {
      if (ref === '#' || within.includes(ref))
        refuse(path, 'is recursive, which the output format of the API can not be. Write its levels out');
      const target = definitionOf(schema, ref);
      if (!target) refuse(path, `refers to ${ref}. Only references to "#/$defs/..." are sent`);
      return visit(target, path, [...within, ref]);
    }
    const problem = RULES.map((rule) => rule(json)).find((found) => found !== undefined);
    if (problem !== undefined) refuse(path, problem);
    for (const [name, inner] of Object.entries(object(json['properties'])))
      visit(inner, `${path}/properties/${name}`, within);
    if (json['items'] !== undefined) visit(json['items'], `${path}/items`, within);
    for (const key of COMBINATIONS) {
      for (const [index, inner] of list(json[key]).entries()) visit(inner, `${path}/${key}/${index}`, within);
    }
  };
  visit(schema, '#', []);
}

function typesOf({ type }: JsonObject): readonly JsonValue[] {
  return type === undefined ? [] : [type].flat();
}

function definitionOf(schema: JsonObject, ref: string): JsonValue | undefined {
  const name = /^#\/\$defs\/([^/]+)$/.exec(ref)?.[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
  return name === undefined ? undefined : object(schema['$defs'])[name];
}

function object(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
