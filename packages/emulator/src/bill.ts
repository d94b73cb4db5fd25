import type { JsonObject } from './json.ts';
import { asArray, asObject, isObject } from './json.ts';
import type { ModelSpec, Prices } from './model-spec.ts';
import type { Bill, BillLine } from './types.ts';

/** Adds up what the emulator bills. Money is kept in whole picodollars, so sums are exact. */
export interface Ledger {
  add(model: string, usage: JsonObject): void;
  bill(): Bill;
}

interface Line {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  webSearches: number;
  /** Picodollars, or null once something without a price was added. */
  pico: number | null;
}

/** A ledger over a model table. */
export function createLedger(models: ReadonlyMap<string, ModelSpec>): Ledger {
  const lines = new Map<string, Line>();
  return {
    add: (model, usage) => {
      const own = lineOf(lines, model);
      addTo(own, usage, 1);
      // Searches are of the reply, however many passes it took.
      if (own.pico !== null) own.pico += counts(usage).webSearches * 1e10;
      for (const [passModel, pass, isExtra] of passesOf(model, usage)) {
        const line = lineOf(lines, passModel);
        if (isExtra) addTo(line, pass, 0);
        const pico = priceOf(models.get(passModel), { ...usage, ...pass });
        line.pico = line.pico === null || pico === null ? null : line.pico + pico;
      }
    },
    bill: () => ({
      ...publicLine(total(lines.values())),
      byModel: Object.fromEntries([...lines].map(([model, line]) => [model, publicLine(line)])),
    }),
  };
}

/**
 * The model passes that are billed: the listed iterations, or the reply itself when none are listed. An attempt that was
 * declined before any output, and followed by a fallback, is listed but free.
 */
function passesOf(
  model: string,
  usage: JsonObject,
): readonly (readonly [model: string, usage: JsonObject, isExtra: boolean])[] {
  const iterations = asArray(usage['iterations']).filter(isObject);
  if (iterations.length === 0) return [[model, usage, false]];
  const served = iterations.findLastIndex((pass) => pass['type'] === 'fallback_message');
  const isDeclined = (pass: JsonObject, index: number): boolean =>
    index < served && pass['type'] === 'message' && pass['output_tokens'] === 0;
  const billed = iterations.filter((pass, index) => !isDeclined(pass, index));
  return billed.map((pass) => {
    const isExtra = pass['type'] === 'compaction' || pass['type'] === 'advisor_message';
    return [typeof pass['model'] === 'string' ? pass['model'] : model, pass, isExtra];
  });
}

function lineOf(lines: Map<string, Line>, model: string): Line {
  const line = lines.get(model) ?? emptyLine();
  lines.set(model, line);
  return line;
}

function emptyLine(): Line {
  return {
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    webSearches: 0,
    pico: 0,
  };
}

function counts(usage: JsonObject): Omit<Line, 'pico' | 'requests'> {
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const write1h = number(asObject(usage['cache_creation'])['ephemeral_1h_input_tokens']);
  return {
    inputTokens: number(usage['input_tokens']),
    outputTokens: number(usage['output_tokens']),
    cacheReadTokens: number(usage['cache_read_input_tokens']),
    cacheWrite5mTokens: number(usage['cache_creation_input_tokens']) - write1h,
    cacheWrite1hTokens: write1h,
    webSearches: number(asObject(usage['server_tool_use'])['web_search_requests']),
  };
}

function addTo(line: Line, usage: JsonObject, requests: number): void {
  const added = counts(usage);
  line.requests += requests;
  line.inputTokens += added.inputTokens;
  line.outputTokens += added.outputTokens;
  line.cacheReadTokens += added.cacheReadTokens;
  line.cacheWrite5mTokens += added.cacheWrite5mTokens;
  line.cacheWrite1hTokens += added.cacheWrite1hTokens;
  line.webSearches += added.webSearches;
}

function priceOf(model: ModelSpec | undefined, usage: JsonObject): number | null {
  const used = counts(usage);
  const prices = model && pricesFor(model, used, usage['speed']);
  if (!prices) return null;
  // A price in USD per million tokens is a price in millionths of a USD per token: a million picodollars.
  const pico = (usd: number): number => Math.round(usd * 1e6);
  let sum =
    used.inputTokens * pico(prices.input) +
    used.outputTokens * pico(prices.output) +
    used.cacheReadTokens * pico(prices.read) +
    used.cacheWrite5mTokens * pico(prices.write5m) +
    used.cacheWrite1hTokens * pico(prices.write1h);
  if (usage['inference_geo'] === 'us') sum = (sum * 11) / 10;
  if (usage['service_tier'] === 'batch') sum /= 2;
  return sum;
}

function pricesFor(model: ModelSpec, used: ReturnType<typeof counts>, speed: unknown): Prices | undefined {
  if (speed === 'fast' && model.fastPrices) return model.fastPrices;
  const prompt = used.inputTokens + used.cacheReadTokens + used.cacheWrite5mTokens + used.cacheWrite1hTokens;
  return model.longPrices && prompt > (model.longFrom ?? Infinity) ? model.longPrices : model.prices;
}

function total(lines: Iterable<Line>): Line {
  const sum = emptyLine();
  for (const line of lines) {
    sum.requests += line.requests;
    sum.inputTokens += line.inputTokens;
    sum.outputTokens += line.outputTokens;
    sum.cacheReadTokens += line.cacheReadTokens;
    sum.cacheWrite5mTokens += line.cacheWrite5mTokens;
    sum.cacheWrite1hTokens += line.cacheWrite1hTokens;
    sum.webSearches += line.webSearches;
    sum.pico = sum.pico === null || line.pico === null ? null : sum.pico + line.pico;
  }
  return sum;
}

function publicLine({ pico, ...line }: Line): BillLine {
  return { ...line, usd: pico === null ? null : pico / 1e12 };
}
