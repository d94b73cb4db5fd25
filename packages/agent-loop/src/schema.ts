import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { z } from 'zod';
import type { Awaitable, JsonObject } from './api.ts';
import { ConfigError, messageOf } from './errors.ts';

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
interface StandardIssue {
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
  if (typeof schema !== 'object' || schema === null) {
    throw new ConfigError(
      option,
      `expected a schema such as z.object({ ... }), got ${schema === null ? 'null' : typeof schema}.`,
    );
  }
  if ('_zod' in schema) {
    const standard = schema as unknown as StandardSchema;
    return { jsonSchema: requireObject(fromZod4(schema, option), option), check: checkWith(standard) };
  }
  if ('_def' in schema) return compileZod3(schema, option);
  if ('~standard' in schema) return compileStandard(schema, option);
  return compileJsonSchema(schema, option);
}

function fromZod4(schema: Zod4Schema, option: string): JsonObject {
  try {
    return withoutMeta(z.toJSONSchema(schema as unknown as z.ZodType, { io: 'input' }));
  } catch (error) {
    throw new ConfigError(
      option,
      `cannot be written as JSON Schema (${messageOf(error)}). Use types that exist in JSON.`,
    );
  }
}

function compileZod3(schema: Zod3Schema, option: string): CompiledSchema {
  refuseNonObjectZod3(schema, option);
  let converted: Promise<JsonObject> | undefined;
  const check = '~standard' in schema ? checkWith(schema as unknown as StandardSchema) : undefined;
  if (!check)
    throw new ConfigError(
      option,
      'this zod 3 schema has no Standard Schema interface. Use zod 3.24 or later.',
    );
  return {
    get jsonSchema() {
      converted ??= import('zod-to-json-schema').then(({ zodToJsonSchema }) =>
        requireObject(
          withoutMeta(
            zodToJsonSchema(schema as never, {
              $refStrategy: 'none',
              pipeStrategy: 'input',
              effectStrategy: 'input',
            }),
          ),
          option,
        ),
      );
      return converted;
    },
    check,
  };
}

/** Conversion of zod 3 waits for its converter; what kind of schema it is can be told at once. */
function refuseNonObjectZod3(schema: Zod3Schema, option: string): void {
  const def = schema._def as {
    typeName?: string;
    schema?: Zod3Schema;
    innerType?: Zod3Schema;
    in?: Zod3Schema;
    type?: Zod3Schema;
  };
  const inner =
    def.typeName === 'ZodEffects' ? def.schema : def.typeName === 'ZodPipeline' ? def.in : def.innerType;
  if (inner) return refuseNonObjectZod3(inner, option);
  if (def.typeName === 'ZodObject' || def.typeName === 'ZodRecord' || def.typeName === 'ZodIntersection')
    return;
  throw new ConfigError(
    option,
    `must describe an object, got ${def.typeName ?? 'an unknown zod 3 type'}. Wrap it: z.object({ value: ... }).`,
  );
}

function compileStandard(schema: StandardSchema, option: string): CompiledSchema {
  const standard = schema['~standard'];
  if (typeof standard.jsonSchema?.input !== 'function') {
    throw new ConfigError(
      option,
      `this ${standard.vendor} schema cannot tell its JSON Schema (no "~standard".jsonSchema). ` +
        'Update the library or use its JSON Schema adapter, or pass plain JSON Schema or zod.',
    );
  }
  const json = withoutMeta(standard.jsonSchema.input({ target: 'draft-2020-12' }));
  return { jsonSchema: requireObject(json, option), check: checkWith(schema) };
}

function compileJsonSchema(schema: ObjectJsonSchema, option: string): CompiledSchema {
  const json = requireObject(schema as unknown as JsonObject, option);
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

function checkWith(schema: StandardSchema): (value: unknown) => Awaitable<Checked> {
  const validate = schema['~standard'].validate;
  return (value) => {
    const result = validate(value);
    return result instanceof Promise ? result.then(toChecked) : toChecked(result);
  };
}

function toChecked(result: StandardResult): Checked {
  if (!result.issues) return { ok: true, value: result.value };
  const lines = result.issues.slice(0, 10).map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === 'object' ? part.key : part))
      .join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  if (result.issues.length > 10) lines.push(`... and ${result.issues.length - 10} more`);
  return { ok: false, message: lines.join('\n') };
}

/** The API takes object schemas only. A converter that does not know its input yields `{}`: refuse that, do not send it. */
function requireObject(json: JsonObject, option: string): JsonObject {
  if (Object.keys(json).length === 0) {
    throw new ConfigError(
      option,
      'became an empty JSON Schema. Describe an object, such as z.object({ city: z.string() }).',
    );
  }
  if (json['type'] !== 'object') {
    const got = json['anyOf'] || json['oneOf'] ? 'a union' : JSON.stringify(json['type'] ?? null);
    throw new ConfigError(
      option,
      `must describe an object at the top, got ${got}. Wrap it: z.object({ value: ... }).`,
    );
  }
  return json;
}

function withoutMeta(json: object): JsonObject {
  const { $schema: _, '~standard': __, ...rest } = json as Record<string, never>;
  return rest;
}
