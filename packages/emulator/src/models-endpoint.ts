import type { Anthropic } from './sdk.ts';
import type { JsonObject } from './json.ts';
import type { Effort, ModelSpec } from './model-spec.ts';
import type { EmulatorState } from './state.ts';

/** The page of `GET /v1/models`: newest first, with `limit`, `after_id`, `before_id` and `lifecycle[]`. */
export function listModels(state: EmulatorState, query: URLSearchParams): JsonObject {
  const lifecycles = [...query.getAll('lifecycle'), ...query.getAll('lifecycle[]')];
  const all = [...new Set(state.models.values())]
    .filter((model) => lifecycles.length === 0 || lifecycles.includes(model.lifecycle))
    .toSorted((left, right) => right.createdAt.localeCompare(left.createdAt));
  const limit = Number(query.get('limit') ?? 20);
  const after = all.findIndex((model) => model.id === query.get('after_id')) + 1;
  const before = all.findIndex((model) => model.id === query.get('before_id'));
  const page = before >= 0 ? all.slice(Math.max(0, before - limit), before) : all.slice(after, after + limit);
  const more = before >= 0 ? before - limit > 0 : after + limit < all.length;
  return {
    data: page.map(modelInfo),
    has_more: more,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

/** One model by id or alias. */
export function retrieveModel(state: EmulatorState, id: string): JsonObject | undefined {
  const model = state.models.get(id);
  return model && modelInfo(model);
}

function modelInfo(model: ModelSpec): JsonObject {
  const info: Anthropic.ModelInfo = {
    type: 'model',
    id: model.id,
    display_name: model.displayName,
    created_at: model.createdAt,
    line: model.line,
    lifecycle: model.lifecycle,
    deprecated_at: model.lifecycle === 'deprecated' ? model.createdAt : null,
    retires_at: model.retiresAt,
    max_input_tokens: model.maxInputTokens,
    max_tokens: model.maxTokens,
    capabilities: capabilities(model),
  };
  return { ...info };
}

function capabilities(model: ModelSpec): Anthropic.ModelCapabilities {
  const yes = { supported: true };
  const can = (supported: boolean) => ({ supported });
  const effort = (level: Effort) => can(model.efforts.includes(level));
  const thinks = (form: ModelSpec['thinking'][number]) => can(model.thinking.includes(form));
  return {
    batch: can(false),
    citations: yes,
    code_execution: yes,
    context_management: {
      supported: true,
      clear_thinking_20251015: yes,
      clear_tool_uses_20250919: yes,
      compact_20260112: yes,
    },
    effort: {
      supported: model.efforts.length > 0,
      low: effort('low'),
      medium: effort('medium'),
      high: effort('high'),
      xhigh: effort('xhigh'),
      max: effort('max'),
    },
    image_input: yes,
    pdf_input: yes,
    server_tools: { supported: true, code_execution: yes, web_search: yes },
    structured_outputs: yes,
    thinking: {
      supported: true,
      types: {
        adaptive: thinks('adaptive'),
        between_tools: thinks('between_tools'),
        disabled: thinks('disabled'),
        enabled: thinks('enabled'),
      },
    },
  };
}
