import { z } from './zod.ts';
import { issueText } from './schema-issue.ts';
import type { JsonObject } from './json.ts';
import { isObject } from './json.ts';

const cacheControl = z
  .strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() })
  .nullish();
const dictionary = z.record(z.string(), z.unknown());
const idPattern = z.string().regex(/^[a-zA-Z0-9_-]+$/, "String should match pattern '^[a-zA-Z0-9_-]+$'");
const citations = z.array(dictionary).nullish();
const citationSwitch = z.strictObject({ enabled: z.boolean() }).nullish();

const imageSource = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('base64'),
    media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
    data: z.string(),
  }),
  z.strictObject({ type: z.literal('url'), url: z.string() }),
  z.strictObject({ type: z.literal('file'), file_id: z.string() }),
]);
const image = z.strictObject({
  type: z.literal('image'),
  source: imageSource,
  transformations: z.strictObject({ oversized_image: z.enum(['downsize', 'error']).optional() }).nullish(),
  cache_control: cacheControl,
});

const documentSource = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: z.string() }),
  z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
  z.strictObject({ type: z.literal('content'), content: z.union([z.string(), z.array(dictionary)]) }),
  z.strictObject({ type: z.literal('url'), url: z.string() }),
  z.strictObject({ type: z.literal('file'), file_id: z.string() }),
]);
const document = z.strictObject({
  type: z.literal('document'),
  source: documentSource,
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: citationSwitch,
  cache_control: cacheControl,
});
const text = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations,
  cache_control: cacheControl,
});
const searchResult = z.strictObject({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  content: z.array(dictionary),
  citations: citationSwitch,
  cache_control: cacheControl,
});

const callFields = {
  id: idPattern,
  name: z.string().min(1),
  input: dictionary,
  caller: dictionary.nullish(),
  cache_control: cacheControl,
};

type BlockSchemas = Readonly<Record<string, z.ZodType>>;

const userBlocks: BlockSchemas = {
  text,
  image,
  document,
  search_result: searchResult,
  tool_result: z.strictObject({
    type: z.literal('tool_result'),
    tool_use_id: idPattern,
    content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish(),
    is_error: z.boolean().nullish(),
    cache_control: cacheControl,
  }),
  container_upload: z.strictObject({
    type: z.literal('container_upload'),
    file_id: z.string(),
    cache_control: cacheControl,
  }),
};

const resultBlocks: BlockSchemas = {
  text,
  image,
  document,
  search_result: searchResult,
  tool_reference: z.strictObject({
    type: z.literal('tool_reference'),
    tool_name: z.string(),
    cache_control: cacheControl,
  }),
};

const assistantBlocks: BlockSchemas = {
  text,
  thinking: z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  redacted_thinking: z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  tool_use: z.strictObject({
    type: z.literal('tool_use'),
    ...callFields,
    toolset_name: z.string().nullish(),
  }),
  server_tool_use: z.strictObject({ type: z.literal('server_tool_use'), ...callFields }),
};

const systemBlocks: BlockSchemas = {
  text,
  tool_addition: z.looseObject({ type: z.literal('tool_addition') }),
  tool_removal: z.looseObject({ type: z.literal('tool_removal') }),
};

const byRole: Readonly<Record<string, BlockSchemas>> = {
  user: userBlocks,
  assistant: assistantBlocks,
  system: systemBlocks,
};

/** Types an assistant message must not hold although a user message may. */
const userOnly = new Set(['image', 'document', 'search_result', 'tool_result', 'container_upload']);

/** What is wrong with a content block in a message of this role; types the API may add later pass in assistant messages. */
export function checkBlock(block: unknown, role: string, path: string): string | undefined {
  if (!isObject(block)) return `${path}: Input should be a valid dictionary`;
  const type = block['type'];
  if (typeof type !== 'string') return `${path}.type: Field required`;
  const schemas = byRole[role] ?? {};
  const schema = schemas[type];
  if (schema) return checkAgainst(schema, block, `${path}.${type}`) ?? checkNested(block, path);
  if (role === 'assistant' && !userOnly.has(type)) return undefined;
  if (role === 'assistant' && type === 'document') {
    return `${path}: \`document\` blocks are not allowed in assistant messages`;
  }
  return `${path}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${tags(schemas)}`;
}

function checkNested(block: JsonObject, path: string): string | undefined {
  if (block['type'] !== 'tool_result' || !Array.isArray(block['content'])) return undefined;
  for (const [index, inner] of block['content'].entries()) {
    const place = `${path}.tool_result.content.${index}`;
    const type = isObject(inner) ? String(inner['type']) : '';
    const schema = resultBlocks[type];
    const problem = schema
      ? checkAgainst(schema, inner, `${place}.${type}`)
      : `${place}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${tags(resultBlocks)}`;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function tags(schemas: BlockSchemas): string {
  return Object.keys(schemas)
    .map((tag) => `'${tag}'`)
    .join(', ');
}

/** The first violation of a schema, or undefined. */
export function checkAgainst(schema: z.ZodType, value: unknown, prefix: string): string | undefined {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return undefined;
  const issue = parsed.error.issues[0];
  return issue && issueText(issue, prefix);
}

/** The system prompt: a text or a list of text blocks. */
export const systemSchema = z.union([z.string(), z.array(text)]);

/** A cache marker. */
export const cacheControlSchema = cacheControl;
