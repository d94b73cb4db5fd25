import type { JsonObject, Message } from '../api.ts';
import { messageOf } from '../errors.ts';
import { type Checked, type CompiledSchema, compileSchema, isZod3, type Schema } from '../tools/schema.ts';
import { textOf } from '../money/tally.ts';
import { refuseUnsendable } from './output-schema.ts';

/** Compiles the schema of an output. Throws a ConfigError for one that the API could not be asked for. */
export function compileOutput(schema: Schema): CompiledSchema {
  const output = compileSchema(schema, 'output');
  // What zod 3 makes of a schema is known when its converter is loaded: then `outputFormat` looks.
  if (!isZod3(schema)) refuseUnsendable(output.jsonSchema as JsonObject, 'output');
  return output;
}

/**
 * The schema as the API's output format takes it: keywords it does not know become part of the description, and are
 * checked here when the reply is there.
 * See https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export async function outputFormat(
  output: CompiledSchema,
): Promise<{ type: 'json_schema'; schema: JsonObject }> {
  const { transformJSONSchema } = await import('@anthropic-ai/sdk/lib/transform-json-schema');
  const schema = await output.jsonSchema;
  refuseUnsendable(schema, 'output');
  return { type: 'json_schema', schema: transformJSONSchema(schema) };
}

/** Parses and checks the output of a finished reply. A check that throws (a transform, say) counts as a problem of the output. */
export async function checkOutput(output: CompiledSchema, message: Message): Promise<Checked> {
  let value: unknown;
  try {
    value = JSON.parse(textOf(message));
  } catch (error) {
    return { ok: false, message: `The text is not JSON: ${messageOf(error)}` };
  }
  try {
    return await output.check(value);
  } catch (error) {
    return { ok: false, message: `The output could not be checked: ${messageOf(error)}` };
  }
}
