import type { JsonObject, JsonValue } from '../api.ts';
import { ConfigError } from '../errors.ts';

/** Keywords that are checked only beside a type, an enumeration, a reference or a combination of schemas. */
const CONSTRAINTS = [
  'properties',
  'required',
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'uniqueItems',
  'contains',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
];
const COMBINATIONS = ['anyOf', 'oneOf', 'allOf'];
const KINDS = ['type', 'enum', 'const', '$ref', 'not', ...COMBINATIONS];
/** Keywords that the validator does not know. Others that it can not check it refuses itself. */
const UNKNOWN = ['dependencies', '$dynamicRef', '$recursiveRef'];
/** Keywords that hold a schema, a list of schemas, or schemas by name. */
const INNER = [
  'items',
  'prefixItems',
  'additionalItems',
  'contains',
  'additionalProperties',
  ...COMBINATIONS,
];
const INNER_BY_NAME = ['properties', 'patternProperties', '$defs', 'definitions'];

/** What of a schema would be passed over in silence, and the remedy; undefined where nothing would. */
type Rule = (json: JsonObject, path: string) => string | undefined;

const RULES: readonly Rule[] = [
  (json, path) => {
    const unknown = first(UNKNOWN, json);
    return unknown && `has "${unknown}" at ${path}, which is not checked here. Leave it out or use zod.`;
  },
  (json, path) => {
    const beside = '$ref' in json && first([...CONSTRAINTS, ...KINDS.filter((key) => key !== '$ref')], json);
    return beside
      ? `has "${beside}" beside "$ref" at ${path}, where it is not checked. Write allOf: [{ $ref }, { type, ... }].`
      : undefined;
  },
  (json, path) => {
    const listed = first(['enum', 'const'], json);
    const constraint = listed && first(CONSTRAINTS, json);
    return (
      constraint &&
      `has "${constraint}" beside "${listed}" at ${path}, where it is not checked. Leave it out.`
    );
  },
  (json, path) => {
    if (first(['type', 'enum', 'const', '$ref', 'not'], json)) return undefined;
    const constraint = first(CONSTRAINTS, json);
    const [one, two] = COMBINATIONS.filter((key) => key in json);
    if (constraint) return `has "${constraint}" at ${path} without a "type". Add the type.`;
    return two && `has "${one}" and "${two}" at ${path} without a "type". Add the type.`;
  },
  (json, path) => {
    const isList = [json['type']].flat().includes('array') && !first(['items', 'prefixItems'], json);
    const length = isList && first(['minItems', 'maxItems'], json);
    return length ? `has "${length}" at ${path} without "items". Add items: {} for any.` : undefined;
  },
  (json, path) =>
    'patternProperties' in json && Object.keys(object(json['additionalProperties'])).length > 0
      ? `has "additionalProperties" with a schema beside "patternProperties" at ${path}, where it is not checked. Use one of them.`
      : undefined,
  (json, path) => {
    const missing = names(json['required']).find((name) => !Object.hasOwn(object(json['properties']), name));
    return missing && `requires "${missing}" at ${path}, which "properties" does not describe. Add it there.`;
  },
];

/**
 * Refuses, with a ConfigError, what the validator would pass over in silence. A check that looks stricter than it is would
 * be worse than none.
 */
export function refuseUncheckable(schema: JsonObject, option: string): void {
  visit(schema, '#', (json, path) => {
    for (const rule of RULES) {
      const problem = rule(json, path);
      if (problem) throw new ConfigError(option, problem);
    }
  });
}

function first(keys: readonly string[], json: JsonObject): string | undefined {
  return keys.find((key) => key in json);
}

function visit(
  value: JsonValue | undefined,
  path: string,
  look: (json: JsonObject, path: string) => void,
): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) visit(item as JsonValue, `${path}/${index}`, look);
    return;
  }
  const json = object(value);
  look(json, path);
  for (const key of INNER) if (key in json) visit(json[key], `${path}/${key}`, look);
  for (const key of INNER_BY_NAME) {
    for (const [name, inner] of Object.entries(object(json[key])))
      visit(inner, `${path}/${key}/${name}`, look);
  }
}

function object(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function names(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
}
