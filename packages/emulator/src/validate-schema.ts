import { asArray, asObject, isObject, shown } from './json.ts';

const lengthKeywords = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
];

/** Rules for schemas that constrain the output (`output_config.format` and strict tools); the first one broken, or undefined. */
export function checkOutputSchema(schema: unknown, path: string): string | undefined {
  return checkNode(schema, path) ?? checkRecursion(schema, path);
}

function checkNode(node: unknown, path: string): string | undefined {
  if (!isObject(node)) return undefined;
  const keyword = lengthKeywords.find((key) => key in node);
  if (keyword !== undefined)
    return `${path}: For '${shown(node['type'] ?? 'schema')}' type, property '${keyword}' is not supported`;
  if (node['type'] === 'object' && node['additionalProperties'] !== false) {
    return `${path}: For 'object' type, 'additionalProperties' must be explicitly set to false`;
  }
  for (const [place, child] of childrenOf(node)) {
    const problem = checkNode(child, `${path}.${place}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function* childrenOf(node: unknown): Generator<readonly [string, unknown]> {
  const schema = asObject(node);
  for (const group of ['properties', '$defs', 'definitions']) {
    for (const [name, child] of Object.entries(asObject(schema[group]))) yield [`${group}.${name}`, child];
  }
  for (const list of ['anyOf', 'allOf', 'oneOf', 'prefixItems']) {
    for (const [index, child] of asArray(schema[list]).entries()) yield [`${list}.${index}`, child];
  }
  if (isObject(schema['items'])) yield ['items', schema['items']];
}

/** A definition that reaches itself through references is recursive. */
function checkRecursion(schema: unknown, path: string): string | undefined {
  const root = asObject(schema);
  const definitions = { ...asObject(root['definitions']), ...asObject(root['$defs']) };
  const reaches = (node: unknown, trail: readonly string[]): boolean => {
    const reference = asObject(node)['$ref'];
    if (reference === '#') return true;
    if (typeof reference === 'string') {
      const name = reference.split('/').at(-1) ?? '';
      return trail.includes(name) || reaches(definitions[name], [...trail, name]);
    }
    return [...childrenOf(node)].some(([, child]) => reaches(child, trail));
  };
  const { $defs: _defs, definitions: _definitions, ...rest } = root;
  return reaches(rest, []) ? `${path}: Recursive schemas are not supported` : undefined;
}

/** Properties that are not required, in the whole schema. */
export function optionalProperties(node: unknown): number {
  const schema = asObject(node);
  const required = new Set(asArray(schema['required']));
  const own = Object.keys(asObject(schema['properties'])).filter((name) => !required.has(name)).length;
  return [...childrenOf(node)].reduce((sum, [, child]) => sum + optionalProperties(child), own);
}
