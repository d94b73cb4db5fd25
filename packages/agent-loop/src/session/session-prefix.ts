import type { AgentSpec } from '../agent/agent-spec.ts';
import type { RequestParams } from '../api.ts';
import type { NewEntry, ParentLink } from '../journal/events.ts';
import { compactingAt } from '../money/compaction-plan.ts';
import { differences, fingerprint } from './fingerprint.ts';
import { sameSettings, settingsOf } from './session-settings.ts';
import type { SessionState } from '../journal/session-state.ts';

/** What a session is about to be continued with. */
export interface PrefixParts {
  readonly spec: Pick<AgentSpec, 'betas' | 'autoCompaction'>;
  readonly params: RequestParams;
  readonly state: Pick<SessionState, 'prefix' | 'settings' | 'compactAt' | 'total'>;
  /** The session that this one belongs to, where it is new. */
  readonly parent?: ParentLink | undefined;
}

/**
 * The entries that a session needs before it goes on with this agent: the first ones of a new session, or those that tell
 * of a change. `changed`: what its history was made with another of, such as `system prompt`; nothing where no model has
 * answered in it yet.
 */
export async function prefixNews(
  parts: PrefixParts,
): Promise<{ readonly news: readonly NewEntry[]; readonly changed: readonly string[] }> {
  const { spec, params, state, parent } = parts;
  const now = { model: params.model, fingerprint: await fingerprint(params) };
  const { compactAt, prefix } = state;
  const isPlanned = spec.autoCompaction && compactAt !== null && prefix?.fingerprint === now.fingerprint;
  const settings = settingsOf({ spec, params: isPlanned ? compactingAt(params, compactAt) : params });
  const news: NewEntry[] = sameSettings(settings, state.settings) ? [] : [settings];
  if (!state.prefix)
    return {
      changed: [],
      news: [{ type: 'session-start', version: 1, ...now, ...(parent && { parent }) }, ...news],
    };
  if (state.prefix.fingerprint === now.fingerprint) return { changed: [], news };
  const isBound = state.total.reply !== null;
  return {
    changed: isBound ? differences(state.prefix.fingerprint, now.fingerprint) : [],
    news: [{ type: 'prefix-change', ...now }, ...news],
  };
}
