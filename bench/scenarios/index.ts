import type { Scenario } from '../scenario.ts';
import { scenario as caching } from './caching.ts';
import { scenario as deltas } from './deltas.ts';
import { scenario as eager } from './eager.ts';
import { scenario as firstReply } from './first-reply.ts';
import { scenario as fleet } from './fleet.ts';
import { scenario as governor } from './governor.ts';
import { scenario as imports } from './imports.ts';
import { scenario as money } from './money.ts';
import { scenario as open } from './open.ts';
import { scenario as packages } from './packages.ts';
import { scenario as parallel } from './parallel.ts';
import { scenario as sessions } from './sessions.ts';
import { scenario as steps } from './steps.ts';
import { scenario as subagents } from './subagents.ts';
import { scenario as toolInput } from './tool-input.ts';
import { scenario as types } from './types.ts';

/** All scenarios in the order of the results. */
export const scenarios: readonly Scenario[] = [
  steps,
  sessions,
  open,
  caching,
  money,
  deltas,
  toolInput,
  parallel,
  eager,
  fleet,
  subagents,
  governor,
  imports,
  firstReply,
  types,
  packages,
];
