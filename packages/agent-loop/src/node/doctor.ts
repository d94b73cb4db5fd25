import { readFile } from 'node:fs/promises';
import { ConfigError, messageOf } from '../errors.ts';
import type { Entry } from '../journal/events.ts';
import { JournalError, type JournalDamage, type JournalStore } from '../journal/journal.ts';
import { checkFunction, checkOptions, checkStore, checkText } from '../option-checks.ts';
import { SessionState } from '../journal/session-state.ts';
import { systemSeams } from '../seams.ts';
import { askedBelow } from '../session/asked-below.ts';
import { readSession } from '../session/session-file.ts';
import { findingsOf, type SessionFinding } from '../session/session-findings.ts';
import { strangerNamed } from '../session/session-pending.ts';
import { importTranscript } from '../session/session-import.ts';

/** What to look at: a saved session or a transcript of another program, or a session in a store. */
export type Patient =
  | { readonly file: string }
  | { readonly store: JournalStore; readonly id: string; readonly verify?: Verify };

/**
 * Looks closer than opening does: `() => verifySession(folder)` of `@pawl/stores/file`. Its findings join those of the
 * doctor.
 */
export type Verify = () => Promise<{
  readonly findings: readonly (JournalDamage & { readonly kind: string; readonly repairable?: boolean })[];
}>;

/** What `doctor` found. */
export interface Diagnosis {
  readonly what: 'saved session' | 'session' | 'transcript';
  /** Whether everything can be read. What waits to be finished is healthy. */
  readonly healthy: boolean;
  /** How many entries can be read. */
  readonly entries: number;
  /** What was found, problems first. */
  readonly findings: readonly SessionFinding[];
}

/**
 * Looks at a session and says in plain words what is wrong with it, what it waits for and what happened in it. Writes
 * nothing and takes the session from nobody. Rejects with a JournalError where there is no such session, and with a
 * ConfigError where a file cannot be reached, or something else is given.
 */
export async function doctor(patient: Patient): Promise<Diagnosis> {
  checkPatient(patient);
  return 'file' in patient ? lookAtFile(patient.file) : lookAtStore(patient);
}

function checkPatient(patient: Patient): void {
  checkOptions('doctor', patient, ['file', 'store', 'id', 'verify']);
  if ('file' in patient) return checkText('file', patient.file);
  if (!('store' in patient)) throw new ConfigError('doctor', 'expected { file }, or { store, id }.');
  checkStore(patient.store);
  checkText('id', patient.id);
  checkFunction('verify', patient.verify);
}

async function lookAtFile(file: string): Promise<Diagnosis> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ConfigError('file', `${file} could not be read: ${messageOf(error)}`);
  });
  if (!isSaved(text)) return lookAtTranscript(text);
  try {
    const { entries } = await readSession(file);
    return await diagnosis('saved session', entries, []);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return await diagnosis('saved session', [], [{ kind: 'problem', message: messageOf(error) }]);
  }
}

function isSaved(text: string): boolean {
  return /^[^\n]{0,200}"pawl":\s*"session"/.test(text);
}

function lookAtTranscript(text: string): Diagnosis {
  try {
    const { entries, leftOut, sessionId, model } = importTranscript(text);
    const notes: SessionFinding[] = [
      {
        kind: 'note',
        message: `importTranscript reads it: session ${sessionId ?? 'without id'}, ${model ?? 'no model'}`,
      },
      ...leftOut.map(({ line, reason }): SessionFinding => ({
        kind: 'note',
        message: `line ${line} is left out: ${reason}`,
      })),
    ];
    return { what: 'transcript', healthy: true, entries: entries.length, findings: notes };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const message = 'it is neither a saved session nor a transcript of Claude Code or the Agent SDK';
    return { what: 'transcript', healthy: false, entries: 0, findings: [{ kind: 'problem', message }] };
  }
}

async function lookAtStore({
  store,
  id,
  verify,
}: Extract<Patient, { store: JournalStore }>): Promise<Diagnosis> {
  const journal = await store.open(id, { readonly: true });
  const entries: Entry[] = [];
  const found: SessionFinding[] = [];
  try {
    for await (const entry of journal.read()) entries.push(entry);
    if (journal.torn)
      found.push({ kind: 'note', message: `an append was cut off and left out: ${placeOf(journal.torn)}` });
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    if (!verify) found.push(problemOf(error));
  } finally {
    await journal.close();
  }
  const closer = verify ? (await verify()).findings : [];
  for (const finding of closer) {
    const { kind, repairable = false } = finding;
    const remedy = `repairSession() of '@pawl/stores/file' ${repairable ? 'restores it into a copy' : 'copies what comes before it'}`;
    if (kind === 'damage') found.push({ kind: 'problem', message: `${placeOf(finding)}; ${remedy}` });
    else found.push({ kind: 'note', message: `${kind}: ${placeOf(finding)}` });
  }
  return diagnosis('session', entries, found, store);
}

function problemOf(error: JournalError): SessionFinding {
  return { kind: 'problem', message: error.damage ? placeOf(error.damage) : error.message };
}

function placeOf({ where, from, to, message }: JournalDamage): string {
  return `${where}, bytes ${from} to ${to}: ${message}`;
}

const ORDER = ['problem', 'waiting', 'note'] as const;

/** `store`: where the sessions of its children are. */
async function diagnosis(
  what: Diagnosis['what'],
  entries: readonly Entry[],
  found: readonly SessionFinding[],
  store?: JournalStore,
): Promise<Diagnosis> {
  const state = new SessionState();
  for (const entry of entries) state.apply(entry);
  const below = store ? await askedBelow(store, state, (name) => strangerNamed(name, systemSeams)) : [];
  const told = [...found, ...findingsOf(entries, state, below)];
  const healthy = told.every(({ kind }) => kind !== 'problem');
  // Nothing goes on in a damaged session.
  const all = healthy
    ? told
    : told.map((finding) =>
        finding.kind === 'waiting'
          ? { kind: 'note' as const, message: `in a copy of what can be read: ${finding.message}` }
          : finding,
      );
  return {
    what,
    healthy,
    entries: entries.length,
    findings: all.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)),
  };
}
