import type { ModelSpec } from './model-spec.ts';
import { asObject } from './json.ts';
import type { RequestBody } from './types.ts';

/** Whether thinking text is sent: by the request's `display`, otherwise as the model does by default. */
export function showsThinking(body: RequestBody, model: ModelSpec): boolean {
  const display = asObject(body.thinking)['display'];
  if (display === undefined || display === null) return model.thinkingDisplay === 'summarized';
  return display !== 'omitted';
}
