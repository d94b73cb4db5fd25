import type { Gate } from './admission.ts';
import type { AgentSpec } from './agent-spec.ts';

/** The gates of an agent of its own, in the order in which a request passes them. */
export function gatesOf({ governor }: AgentSpec): readonly Gate[] {
  return governor ? [governor] : [];
}
