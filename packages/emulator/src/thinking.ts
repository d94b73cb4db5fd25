import type { JsonObject } from './json.ts';
import { asObject, shown } from './json.ts';
import type { ModelSpec, ThinkingForm } from './model-spec.ts';

/** Whether thinking text is sent: by the request's `display`, otherwise as the model does by default. */
export function showsThinking(thinking: unknown, model: ModelSpec): boolean {
  const display = asObject(thinking)['display'];
  if (display === undefined || display === null) return model.thinkingDisplay === 'summarized';
  return display !== 'omitted';
}

/** Whether the model thinks before it answers. */
export function thinksBefore(thinking: unknown, model: ModelSpec): boolean {
  const { type } = asObject(thinking);
  if (type === undefined) return model.thinkingWhenOmitted;
  return type === 'adaptive' || type === 'enabled';
}

const members: Readonly<Record<ThinkingForm, readonly string[]>> = {
  adaptive: ['type', 'display', 'block_binding'],
  enabled: ['type', 'display', 'budget_tokens', 'block_binding'],
  disabled: ['type'],
  between_tools: ['type'],
};

/** Rules of `thinking` and `output_config.effort` for a model; the first one broken, or undefined. */
export function checkThinking(
  body: JsonObject,
  model: ModelSpec,
  betas: readonly string[],
): string | undefined {
  const effort = asObject(body['output_config'])['effort'];
  return checkEffort(effort, model) ?? checkForm(body, model, betas, shown(effort ?? model.defaultEffort));
}

function checkEffort(effort: unknown, model: ModelSpec): string | undefined {
  if (effort === undefined || effort === null) return undefined;
  if (model.efforts.length === 0)
    return 'output_config.effort: This model does not support the effort parameter.';
  if (model.efforts.some((level) => level === effort)) return undefined;
  return `output_config.effort: \`${shown(effort)}\` is not supported on ${model.id}. Input should be ${model.efforts.map((level) => `'${level}'`).join(', ')}`;
}

function checkForm(
  body: JsonObject,
  model: ModelSpec,
  betas: readonly string[],
  effort: string,
): string | undefined {
  const thinking = body['thinking'];
  if (thinking === undefined || thinking === null) return undefined;
  const { type, display, budget_tokens: budget } = asObject(thinking);
  const form = (['adaptive', 'enabled', 'disabled', 'between_tools'] as const).find(
    (known) => known === type,
  );
  if (form === undefined)
    return `thinking: Input tag '${shown(type)}' found using 'type' does not match any of the expected tags`;
  if (!model.thinking.includes(form))
    return `thinking.type: \`${form}\` is not supported on ${model.id}. Supported: ${model.thinking.join(', ')}`;
  const extra = Object.keys(asObject(thinking)).find((key) => !members[form].includes(key));
  if (extra !== undefined) return `thinking.${form}.${extra}: Extra inputs are not permitted`;
  const isOff = form === 'disabled' || form === 'between_tools';
  if (isOff && model.disabledUpToHigh && (effort === 'xhigh' || effort === 'max')) {
    return `thinking.type: \`${form}\` is not supported on ${model.id} at effort \`${effort}\`; use an effort of at most \`high\``;
  }
  return (
    checkDisplay(asObject(thinking), display, betas) ??
    (form === 'enabled' ? checkBudget(budget, body['max_tokens']) : undefined)
  );
}

const bindingBeta = 'thinking-binding-controls-2026-08-01';

function checkDisplay(thinking: JsonObject, display: unknown, betas: readonly string[]): string | undefined {
  if (thinking['block_binding'] !== undefined && !betas.includes(bindingBeta))
    return 'thinking.block_binding: Extra inputs are not permitted';
  if (display === undefined || display === null || display === 'summarized' || display === 'omitted')
    return undefined;
  if (display === 'updates' && betas.includes('thinking-display-updates-2026-08-18')) return undefined;
  return "thinking.display: Input should be 'summarized' or 'omitted'";
}

function checkBudget(budget: unknown, maxTokens: unknown): string | undefined {
  if (budget === undefined) return 'thinking.enabled.budget_tokens: Field required';
  if (!Number.isInteger(budget)) return 'thinking.enabled.budget_tokens: Input should be a valid integer';
  if (Number(budget) < 1024)
    return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024';
  if (typeof maxTokens === 'number' && Number(budget) >= maxTokens) {
    return '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size';
  }
  return undefined;
}

/** Whether blocks that no longer fit are dropped instead of refused. */
export function dropsMismatches(thinking: unknown): boolean {
  return asObject(asObject(thinking)['block_binding'])['prefix_mismatch_behavior'] === 'drop_block';
}
