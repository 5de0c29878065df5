/** Finds the operator behind a NaN or an infinity, by running the program again with every value as an output. */

import { describeNode } from '../graph/print.ts';
import { Program, type ProgramOptions } from '../graph/session.ts';
import type { Graph, Tensor } from '../graph/types.ts';

/** Each run computes everything again; all values of a step at once may not fit in memory. */
const valuesAtOnce = 64;

/** The first node, in program order, that computes a number that is not finite; undefined when there is none. */
export async function firstNotFinite(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  options: ProgramOptions = {},
): Promise<string | undefined> {
  const values = graph.nodes
    .flatMap(({ outputs }) => outputs)
    .filter(({ dtype }) => dtype.startsWith('float'));
  const outputs = new Map(values.map((value) => [`%${value.id}`, value]));
  await using program = await Program.load({ ...graph, outputs }, options);
  const names = [...outputs.keys()];
  for (let first = 0; first < names.length; first += valuesAtOnce) {
    const results = await program.run(feeds, names.slice(first, first + valuesAtOnce));
    const bad = names.find((name) => name in results && hasNotFinite(results[name].data as Float32Array));
    if (bad === undefined) continue;
    const value = outputs.get(bad)!;
    return describeNode(graph.nodes.find((node) => node.outputs.includes(value))!);
  }
  return undefined;
}

function hasNotFinite(data: Float32Array | Float64Array): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return true;
  return false;
}
