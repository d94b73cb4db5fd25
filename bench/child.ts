/** A measurement process: `child.ts <scenario> <params as JSON>`, started by bench.ts, which gets the sample back. */
import type { Params, Scenario } from './scenario.ts';

const [name = '', json = '{}'] = process.argv.slice(2);
const { scenario } = (await import(`./scenarios/${name}.ts`)) as { scenario: Scenario };
if (scenario.measure === undefined) throw new Error(`scenario ${name} measures nothing in a process`);
const sample = await scenario.measure(JSON.parse(json) as Params);
process.send?.(sample, () => process.exit(0));
