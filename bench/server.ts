/**
 * A cheap Messages API for measurements, run as its own process: `node bench/server.ts`. It prints its origin on
 * the first line and answers until its standard input closes.
 *
 * It keeps no state. What it shall answer stands in the prompt as `[[steps=200,...]]` (see plan.ts), and the turn a
 * request is at follows from the last tool call id in its body; so any number of runs, of any client, can share it.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { readPlan } from './plan.ts';
import type { Plan } from './plan.ts';
import { jsonReply, streamReply } from './replies.ts';
import type { Piece } from './replies.ts';

const callId = Buffer.from('"toolu_bench_');
const planStart = Buffer.from('[[');
const planEnd = Buffer.from(']]');
const streamFlag = Buffer.from('"stream":true');

/** Replies by plan, turn and kind: each is built once, so that answering costs little beside being asked. */
const replies = new Map<string, Piece[]>();

function planText(body: Buffer): string {
  const from = body.indexOf(planStart);
  const to = body.indexOf(planEnd, from);
  return from < 0 || to < 0 ? '' : body.toString('latin1', from + 2, to);
}

/** The number of replies the history in `body` already holds. */
function turnOf(body: Buffer): number {
  const last = body.lastIndexOf(callId);
  if (last < 0) return 0;
  const digits = last + callId.length;
  return Number(body.toString('latin1', digits, digits + 6)) + 1;
}

function replyFor(text: string, plan: Plan, turn: number, streamed: boolean): Piece[] {
  const key = `${streamed ? 's' : 'j'}${turn}:${text}`;
  let reply = replies.get(key);
  if (reply === undefined) {
    reply = streamed ? streamReply(plan, turn) : jsonReply(plan, turn);
    // Replies of a whole fleet's plan are shared; only many different plans could fill the memory.
    if (replies.size > 20_000) replies.clear();
    replies.set(key, reply);
  }
  return reply;
}

async function write(response: ServerResponse, pieces: readonly Piece[]): Promise<void> {
  for (const piece of pieces) {
    if (piece.delayMs > 0) await sleep(piece.delayMs);
    response.write(piece.bytes);
  }
  response.end();
}

async function answer(body: Buffer, response: ServerResponse): Promise<void> {
  const text = planText(body);
  const plan = readPlan(text);
  const streamed = body.includes(streamFlag);
  const pieces = replyFor(text, plan, turnOf(body), streamed);
  if (plan.delayMs > 0) await sleep(plan.delayMs);
  const [only] = pieces;
  const whole = pieces.length === 1 && only !== undefined;
  response.writeHead(200, {
    'content-type': streamed ? 'text/event-stream; charset=utf-8' : 'application/json',
    'request-id': 'req_bench',
    ...(whole && !streamed ? { 'content-length': only.bytes.length } : {}),
  });
  if (whole && only.delayMs === 0) response.end(only.bytes);
  else await write(response, pieces);
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => void answer(Buffer.concat(chunks), response));
  // A client that is measured may go away in the middle of a reply; that is not the server's failure.
  request.on('error', () => response.destroy());
  response.on('error', () => response.destroy());
}

const server = createServer({ keepAliveTimeout: 60_000 }, receive);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
