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
const KINDS = ['type', 'enum', 'const', '$ref', 'anyOf', 'oneOf', 'allOf', 'not'];
/** Keywords that hold a schema, a list of schemas, or schemas by name. */
const INNER = ['items', 'prefixItems', 'contains', 'additionalProperties', 'anyOf', 'oneOf', 'allOf'];
const INNER_BY_NAME = ['properties', 'patternProperties', '$defs', 'definitions'];

/**
 * Refuses, with a ConfigError, what the validator would pass over in silence: constraints without a `type`, and required
 * properties that `properties` does not describe. A check that looks stricter than it is would be worse than none.
 */
export function refuseUncheckable(schema: JsonObject, option: string): void {
  visit(schema, '#', (json, path) => {
    const constraint = CONSTRAINTS.find((key) => key in json);
    if (constraint !== undefined && !KINDS.some((key) => key in json)) {
      throw new ConfigError(option, `has "${constraint}" at ${path} without a "type". Add the type.`);
    }
    const missing = names(json['required']).find((name) => !Object.hasOwn(object(json['properties']), name));
    if (missing !== undefined) {
      throw new ConfigError(
        option,
        `requires "${missing}" at ${path}, which "properties" does not describe. Add it there.`,
      );
    }
  });
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
