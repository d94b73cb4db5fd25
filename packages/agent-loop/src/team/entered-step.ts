import { ConfigError } from '../errors.ts';
import type { Scope } from './script-scope.ts';

/** The step whose function is just being called: up to its first `await`. */
export class EnteredStep {
  #scope: Scope | undefined;

  /** Calls the function of a step. */
  call<R>(own: Scope, work: () => R): R {
    const before = this.#scope;
    this.#scope = own;
    try {
      return work();
    } finally {
      this.#scope = before;
    }
  }

  /** Throws where the function of a step is seen to use another team than its own. */
  check(scope: Scope): void {
    const step = this.#scope;
    if (!step || step === scope || scope.path.startsWith(`${step.path}/`)) return;
    throw new ConfigError(
      'team',
      `inside the step "${step.path}" use the team that the step is given: ` +
        `step(${JSON.stringify(step.path.slice(step.path.lastIndexOf('/') + 1))}, (team) => ...).`,
    );
  }
}
