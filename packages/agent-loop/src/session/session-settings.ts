import type { AgentSpec } from '../agent/agent-spec.ts';
import type { RequestParams } from '../api.ts';
import type { NewEntry, SettingsEvent } from '../journal/events.ts';
import { scrub } from '../scrub.ts';

/** What an agent's requests hold beside their messages, without credentials. */
export function settingsOf({
  params,
  spec,
}: {
  readonly params: RequestParams;
  readonly spec: Pick<AgentSpec, 'betas'>;
}): Extract<NewEntry, { type: 'settings' }> {
  // The container changes by itself. What a tool calls its fields is no credential, nor is what the model is told.
  const { container: _, system, tools, ...others } = params;
  const kept = {
    ...(scrub(others) as Omit<RequestParams, 'system' | 'tools'>),
    ...(system !== undefined && { system }),
    ...(tools !== undefined && { tools }),
  };
  return { type: 'settings', params: kept, betas: [...spec.betas] };
}

/** Whether nothing has changed, not even an order. */
export function sameSettings(
  now: Pick<SettingsEvent, 'params' | 'betas'>,
  before: Pick<SettingsEvent, 'params' | 'betas'> | null,
): boolean {
  return before !== null && textOf(now) === textOf(before);
}

function textOf({ params, betas }: Pick<SettingsEvent, 'params' | 'betas'>): string {
  return JSON.stringify([params, betas]);
}
