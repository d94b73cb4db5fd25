import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { z } from 'zod';
import type { Awaitable, JsonObject } from '../api.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { refuseUncheckable } from './json-schema.ts';
import { shown } from '../option-checks.ts';

/** A zod 4 schema, as far as this library looks at it. */
export interface Zod4Schema {
  readonly _zod: { readonly output: unknown; readonly input: unknown };
}
/** A zod 3 schema, as far as this library looks at it. */
export interface Zod3Schema {
  readonly _def: object;
  readonly _output: unknown;
  readonly _input: unknown;
}
/**
 * A schema of any library that implements Standard Schema together with its JSON Schema extension.
 * See https://standardschema.dev
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
    readonly validate: (value: unknown) => Awaitable<StandardResult>;
    readonly jsonSchema?:
      | { readonly input: (options: { target: string }) => Record<string, unknown> }
      | undefined;
  };
}
/** What a Standard Schema reports of an invalid value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** A plain JSON Schema for an object. */
export type ObjectJsonSchema = { readonly type: 'object' } & Exclude<JSONSchema, boolean>;

/** What may describe an input or output: a schema of zod 4, zod 3 or any Standard Schema library, or plain JSON Schema. */
export type Schema = Zod4Schema | Zod3Schema | StandardSchema | ObjectJsonSchema;

/** The type that a schema produces. */
export type InferSchema<S> = S extends Zod4Schema
  ? S['_zod']['output']
  : S extends Zod3Schema
    ? S['_output']
    : S extends { readonly '~standard': { readonly types?: infer T } }
      ? NonNullable<T> extends { readonly output: infer O }
        ? O
        : unknown
      : S extends JSONSchema
        ? FromSchema<S>
        : never;

const MAX_ISSUES = 10;

/** What checking a value against a schema gives. `message` lists every problem with its path. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/** A schema made ready: its JSON Schema for the wire, and its check. */
export interface CompiledSchema {
  /** The JSON Schema of what may come in. Asynchronous where a converter has to be loaded first. */
  readonly jsonSchema: Awaitable<JsonObject>;
  check(value: unknown): Awaitable<Checked>;
}

/**
 * Compiles a schema. `option` names it in errors; a schema that is not of an object, or would reach the API empty, is
 * refused with a ConfigError.
 */
export function compileSchema(schema: Schema, option: string): CompiledSchema {
  // Anything can come from JavaScript; a WeakMap answers for anything.
  const known = compiled.get(schema);
  if (known) return known;
  const fresh = compile(schema, option);
  compiled.set(schema, fresh);
  return fresh;
}

/** Tools are often made anew for each request around the same schema: it is converted once. */
const compiled = new WeakMap<object, CompiledSchema>();

function compile(schema: Schema, option: string): CompiledSchema {
  // Schemas of some libraries (ArkType) are functions.
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) {
    throw new ConfigError(option, `expected a schema such as z.object({ ... }), got ${shown(schema)}.`);
  }
  if ('_zod' in schema) return compileZod4(schema, option);
  if (isZod3(schema)) return compileZod3(schema, option);
  if ('~standard' in schema) return compileStandard(schema, option);
  return compileJsonSchema(schema, option);
}

/** Whether it is of zod 3, whose JSON Schema waits for a converter. */
export function isZod3(schema: Schema): schema is Zod3Schema {
  return '_def' in schema && !('_zod' in schema);
}

function compileZod4(schema: Zod4Schema, option: string): CompiledSchema {
  const json = converted(option, () => z.toJSONSchema(schema as unknown as z.ZodType, { io: 'input' }));
  return {
    jsonSchema: requireObject(inlineRoot(json), option),
    check: checkWith(schema as unknown as StandardSchema),
  };
}

/** A schema with an id of its own (`.meta({ id })`) is written as a reference; the API wants the object itself at the top. */
function inlineRoot(json: JsonObject): JsonObject {
  const ref = json['$ref'];
  const name = typeof ref === 'string' ? /^#\/\$defs\/([^/]+)$/.exec(ref)?.[1] : undefined;
  const defs = json['$defs'] as Readonly<Record<string, JsonObject>> | undefined;
  const root = name === undefined ? undefined : defs?.[name];
  if (!root || !defs) return json;
  const { $ref: _, $defs: __, ...beside } = json;
  const inlined: JsonObject = { ...root, ...beside };
  const referred = JSON.stringify(defs).includes('"$ref":"#/$defs/');
  return referred ? { ...inlined, $defs: defs } : inlined;
}

function compileZod3(schema: Zod3Schema, option: string): CompiledSchema {
  refuseNonObjectZod3(schema, option);
  if (!('~standard' in schema)) {
    throw new ConfigError(
      option,
      'this zod 3 schema has no Standard Schema interface. Use zod 3.24 or later.',
    );
  }
  let json: Promise<JsonObject> | undefined;
  return {
    get jsonSchema() {
      json ??= convertZod3(schema, option);
      return json;
    },
    check: checkWith(schema as unknown as StandardSchema),
  };
}

async function convertZod3(schema: Zod3Schema, option: string): Promise<JsonObject> {
  const { zodToJsonSchema } = await import('zod-to-json-schema');
  const views = { pipeStrategy: 'input', effectStrategy: 'input' } as const;
  return requireObject(
    converted(option, () => zodToJsonSchema(schema as never, { $refStrategy: 'none', ...views })),
    option,
  );
}

/** The parts of a zod 3 definition that lead to the schema inside a wrapper. */
interface Zod3Definition {
  readonly typeName?: string;
  /** ZodEffects */
  readonly schema?: Zod3Schema;
  /** ZodPipeline */
  readonly in?: Zod3Schema;
  /** ZodBranded, and the items of ZodArray */
  readonly type?: Zod3Schema;
  /** ZodDefault, ZodCatch, ZodReadonly, and ZodOptional and ZodNullable */
  readonly innerType?: Zod3Schema;
  /** ZodLazy */
  readonly getter?: () => Zod3Schema;
}

/** Conversion of zod 3 waits for its converter; what kind of schema it is can be told at once. */
function refuseNonObjectZod3(schema: Zod3Schema, option: string): void {
  const def = schema._def as Zod3Definition;
  const inner = {
    ZodEffects: def.schema,
    ZodPipeline: def.in,
    ZodBranded: def.type,
    ZodDefault: def.innerType,
    ZodCatch: def.innerType,
    ZodReadonly: def.innerType,
    ZodLazy: def.getter?.(),
  }[def.typeName ?? ''];
  if (inner) return refuseNonObjectZod3(inner, option);
  if (def.typeName === 'ZodObject' || def.typeName === 'ZodRecord') return;
  throw new ConfigError(
    option,
    `must describe an object, got ${def.typeName ?? 'an unknown zod 3 type'}. ${
      def.typeName === 'ZodIntersection'
        ? 'Use a.merge(b) or a.extend({ ... }).'
        : 'Wrap it: z.object({ value: ... }).'
    }`,
  );
}

function compileStandard(schema: StandardSchema, option: string): CompiledSchema {
  const standard = schema['~standard'];
  const { jsonSchema } = standard;
  if (typeof jsonSchema?.input !== 'function') {
    throw new ConfigError(
      option,
      `this ${standard.vendor} schema cannot tell its JSON Schema (no "~standard".jsonSchema). ` +
        'Update the library or use its JSON Schema adapter, or pass plain JSON Schema or zod.',
    );
  }
  const json = converted(option, () => jsonSchema.input({ target: 'draft-2020-12' }));
  return { jsonSchema: requireObject(json, option), check: checkWith(schema) };
}

function compileJsonSchema(schema: ObjectJsonSchema, option: string): CompiledSchema {
  refuseShape(schema, option);
  const json = requireObject(schema as unknown as JsonObject, option);
  refuseUncheckable(json, option);
  let validator: StandardSchema;
  try {
    validator = z.fromJSONSchema(schema as never);
  } catch (error) {
    throw new ConfigError(
      option,
      `inputs cannot be checked against this JSON Schema (${messageOf(error)}). Leave the keyword out or use zod.`,
    );
  }
  return { jsonSchema: json, check: checkWith(validator) };
}

/** The fields of an object, each with its schema, are no schema of the object. */
function refuseShape(given: object, option: string): void {
  const fields = Object.entries(given);
  if (!fields.some(([, value]) => isSchema(value))) return;
  const shape = fields.slice(0, 3).map(([key]) => `${key}: ...`);
  if (fields.length > shape.length) shape.push('...');
  throw new ConfigError(
    option,
    `expected a schema, got an object with schemas as its fields. Wrap it: z.object({ ${shape.join(', ')} }).`,
  );
}

function isSchema(value: unknown): boolean {
  return ['_zod', '_def', '~standard'].some((mark) => mark in (Object(value) as object));
}

/** What a converter gives, without what only names the dialect. What it throws becomes a ConfigError. */
function converted(option: string, convert: () => object): JsonObject {
  try {
    const { $schema: _, '~standard': __, ...json } = convert() as Record<string, never>;
    return json;
  } catch (error) {
    throw new ConfigError(
      option,
      `cannot be written as JSON Schema (${messageOf(error)}). Use types that exist in JSON.`,
    );
  }
}

function checkWith(schema: StandardSchema): (value: unknown) => Awaitable<Checked> {
  const toChecked = (result: StandardResult): Checked =>
    result.issues ? checkedIssues(result.issues) : { ok: true, value: result.value };
  return (value) => {
    const result = schema['~standard'].validate(value);
    return 'then' in result ? result.then(toChecked) : toChecked(result);
  };
}

/** The problems of an invalid value as the model reads them: one line each, with its path. */
export function checkedIssues(issues: readonly StandardIssue[]): Checked {
  const lines = issues.slice(0, MAX_ISSUES).map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === 'object' ? part.key : part))
      .join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  if (issues.length > MAX_ISSUES) lines.push(`... and ${issues.length - MAX_ISSUES} more`);
  return { ok: false, message: lines.join('\n') };
}

/**
 * The API takes object schemas only, and none that is a union at the top. A converter that does not know its input
 * yields `{}`: refuse that, do not send it.
 */
export function requireObject(json: JsonObject, option: string): JsonObject {
  if (Object.keys(json).length === 0) {
    throw new ConfigError(
      option,
      'became an empty JSON Schema. Describe an object, such as z.object({ city: z.string() }).',
    );
  }
  const union = ['anyOf', 'oneOf', 'allOf'].find((key) => json[key] !== undefined);
  if (json['type'] !== 'object' || union !== undefined) {
    const got = union === undefined ? JSON.stringify(json['type'] ?? null) : `a union (${union})`;
    throw new ConfigError(
      option,
      `must describe an object at the top, got ${got}. Wrap it: z.object({ value: ... }).`,
    );
  }
  return json;
}
