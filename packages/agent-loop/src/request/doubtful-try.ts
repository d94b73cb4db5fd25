import { messageOf } from '../errors.ts';
import type { AttemptWatch } from '../loop/admission.ts';
import { LostReply } from './lost-reply.ts';

/**
 * Keeps the SDK from sending a request again that may have been carried out: it would be paid for twice, and counted once.
 * The reply counts as lost, and the turn is tried again. An error status is no such case, for it is not billed, nor is a
 * server that was not reached.
 */
export class DoubtfulTry implements AttemptWatch {
  readonly #lose: (lost: LostReply) => void;
  #unsent = false;
  #broken: unknown;

  constructor(lose: (lost: LostReply) => void) {
    this.#lose = lose;
  }

  /** Whether the latest try has ended, and nothing of it was sent. */
  get unsent(): boolean {
    return this.#unsent;
  }

  answered(): void {
    this.#unsent = false;
    this.#broken = undefined;
  }

  failed(error: unknown): void {
    this.#unsent = wasNotSent(error);
    this.#broken = this.#unsent ? undefined : error;
  }

  async again(): Promise<void> {
    this.#unsent = false;
    if (this.#broken === undefined) return;
    const { cause } = Object(this.#broken) as FetchError;
    const why = messageOf(cause ?? this.#broken);
    const message = `No answer came to the request, which may have been carried out (${why}).`;
    const lost = new LostReply('connection', message, true, this.#broken);
    this.#lose(lost);
    throw lost;
  }
}

/** What a fetch throws, or a part of it. */
interface FetchError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** Codes of a connection that did not come about: of Node, of its fetch, of Bun, and of OpenSSL about certificates. */
const NO_CONNECTION =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket|(DEPTH_ZERO_)?SELF_SIGNED_CERT.*|CERT_.*|ERR_TLS_CERT_.*|UNABLE_TO_.*|HOSTNAME_MISMATCH)$/;
/** System calls before there is a connection. */
const CONNECTING: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);
/** System calls on one. The network can also go while an answer is waited for. */
const CONNECTED: ReadonlySet<unknown> = new Set(['read', 'write']);
/** What OpenSSL says of a server that speaks no TLS, or another one. */
const NO_HANDSHAKE = /SSL.*(wrong version number|handshake failure)/;
const MAX_DEPTH = 5;

/** Whether a fetch failed before anything of the request was sent, by what it threw. */
function wasNotSent(thrown: unknown, depth = 0): boolean {
  const { code, syscall, message, cause, errors } = Object(thrown) as FetchError;
  if (depth > MAX_DEPTH) return false;
  if (CONNECTING.has(syscall)) return true;
  // Of a host with several addresses: each was tried.
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every((error) => wasNotSent(error, depth + 1));
  if (typeof code === 'string' && !CONNECTED.has(syscall) && NO_CONNECTION.test(code)) return true;
  if (typeof message === 'string' && NO_HANDSHAKE.test(message)) return true;
  return cause !== undefined && wasNotSent(cause, depth + 1);
}
