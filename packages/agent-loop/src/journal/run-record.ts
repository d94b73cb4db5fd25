import type { Entry, ReplyEvent, RequestEvent, RunEndEvent } from './events.ts';
import type { Outcome } from '../loop/result.ts';
import { RunSpend, type SavedRunSpend } from '../money/run-spend.ts';
import { type SavedTally, Tally } from '../money/tally.ts';
import type { Restoring, Saving } from './saved-state.ts';

/** How a run stands. */
interface RunFacts {
  readonly runId: string;
  /** Whether it began with an input, rather than going on where another had ended. */
  readonly hasInput: boolean;
  /** Whether it has had a whole reply. */
  readonly answered: boolean;
  /** How it ended, or null while it has not: it goes on, or was interrupted. */
  readonly ended: Outcome | 'failed' | null;
  /** Its last entry, where it has ended. */
  readonly end: RunEndEvent | null;
  /** The request whose reply has not come, where there is one. */
  readonly inFlight: RequestEvent | null;
  /** The reply that no request has followed yet. */
  readonly unanswered: ReplyEvent | null;
  /** Whether the model was asked to finish, because a budget is used up. */
  readonly closing: boolean;
  /** Whether the compaction in its last reply is recorded. */
  readonly compacted: boolean;
}

/** A run as a checkpoint has it. */
export interface SavedRun extends RunFacts {
  readonly tally: SavedTally;
  readonly spend: SavedRunSpend;
}

/** The latest run of a session, folded from its entries. */
export class RunRecord implements RunFacts {
  runId: string;
  hasInput = false;
  answered = false;
  ended: RunFacts['ended'] = null;
  end: RunFacts['end'] = null;
  inFlight: RunFacts['inFlight'] = null;
  unanswered: RunFacts['unanswered'] = null;
  closing = false;
  compacted = false;
  tally: Tally;
  /** What it has used, as limits count it. */
  spend: RunSpend;

  constructor(runId: string, tally: Tally, spend: RunSpend) {
    this.runId = runId;
    this.tally = tally;
    this.spend = spend;
  }

  /** The run that a checkpoint has. */
  static restore({ tally, spend, ...facts }: SavedRun, from: Restoring): RunRecord {
    const run = new RunRecord(facts.runId, Tally.restore(tally, from), RunSpend.restore(spend));
    return Object.assign(run, facts);
  }

  /** For a checkpoint. */
  save(saving: Saving): SavedRun {
    const { tally, spend, ...facts } = this;
    return { ...facts, tally: tally.save(saving), spend: spend.save() };
  }

  /** Folds one entry, but for what it has used. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'run-start':
        this.ended = null;
        this.end = null;
        break;
      case 'run-end':
        this.ended = entry.outcome;
        this.end = entry;
        break;
      case 'input':
        this.unanswered = null;
        this.hasInput = true;
        this.closing ||= entry.source === 'budget';
        break;
      case 'request':
        this.inFlight = entry;
        this.unanswered = null;
        break;
      case 'reply':
        this.inFlight = null;
        this.unanswered = entry;
        this.answered = true;
        this.compacted = false;
        break;
      case 'reply-lost':
        this.inFlight = null;
        break;
      case 'compaction':
        this.compacted = true;
        break;
      default:
    }
  }

  /** It goes on in a fork, as a run of its own. What it has used, or has under way, stays the parent's. */
  forked(runId: string, tally: Tally, spend: RunSpend): RunRecord {
    const run = new RunRecord(runId, tally, spend);
    const { ended, end, unanswered, closing, compacted } = this;
    return Object.assign(run, { ended, end, unanswered, closing, compacted });
  }
}
