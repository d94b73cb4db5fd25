import type Anthropic from '@anthropic-ai/sdk';
import type { ToolParam } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';
import { type RunnableTool, type Tool, toTool } from './tool.ts';

/** A tool that the API itself runs, of the beta namespace too. Toolsets of MCP servers have no name. */
export type ServerTool =
  | Extract<ToolParam | Anthropic.Beta.BetaToolUnion, { type: string; name: string }>
  | Anthropic.Beta.BetaMCPToolset;

/** Whatever may stand in a list of tools. */
export type GivenTool = Tool | RunnableTool | ServerTool;

/**
 * The tools that run here, by name, and what the API is told of all of them, in the order given. Throws a ConfigError for
 * two of one name, and for what is no tool.
 */
export function sortTools(given: readonly GivenTool[]) {
  const tools = new Map<string, Tool>();
  const definitions: (() => ToolParam | Promise<ToolParam>)[] = [];
  const names = new Set<string>();
  for (const item of given) {
    const name = nameOf(item);
    if (names.has(name)) throw new ConfigError('tools', `two tools are named "${name}". Names must differ.`);
    names.add(name);
    if (isRunnable(item)) {
      const tool = toTool(item);
      tools.set(name, tool);
      definitions.push(() => tool.definition());
    } else {
      definitions.push(() => item as ToolParam);
    }
  }
  return { tools, definitions };
}

function isRunnable(item: GivenTool): item is Tool | RunnableTool {
  return 'run' in item || 'definition' in item;
}

/** Tools that the API defines but the caller runs. */
const RUN_BY_CALLER = /^(bash|text_editor|memory|computer)_\d/;

function nameOf(item: GivenTool): string {
  if (typeof item !== 'object' || item === null)
    throw new ConfigError('tools', `expected a tool, got ${shown(item)}.`);
  const { name, type, mcp_server_name } = item as {
    name?: unknown;
    type?: unknown;
    mcp_server_name?: unknown;
  };
  const runs = isRunnable(item);
  if (!runs && typeof type === 'string' && RUN_BY_CALLER.test(type)) {
    throw new ConfigError(
      'tools',
      `${type} is run by the caller, and has no run function here. Use the SDK's helper for it, or add run.`,
    );
  }
  // Toolsets of MCP servers have no name of their own.
  if (!runs && type === 'mcp_toolset' && typeof mcp_server_name === 'string') return `mcp:${mcp_server_name}`;
  if (typeof name !== 'string') throw new ConfigError('tools', `a tool has no name: ${described(item)}.`);
  if (!runs && typeof type !== 'string')
    throw new ConfigError('tools', `"${name}" has no run function. Make it with defineTool.`);
  refuseUnmade(item, name);
  return name;
}

/** What has a `run` as tools of the SDK have, and is none: an agent, or the options of a tool. */
function refuseUnmade(item: GivenTool, name: string): void {
  if ('asTool' in item)
    throw new ConfigError(
      'tools',
      `"${name}" is an agent. Give it in subagents: [agent], or as a tool: agent.asTool().`,
    );
  if ('definition' in item || 'input_schema' in item || 'type' in item) return;
  throw new ConfigError('tools', `"${name}" is not made yet. Wrap its options: defineTool({ ... }).`);
}

function described(item: object): string {
  return JSON.stringify(item).slice(0, 120);
}
