/** Finds the operator behind a NaN or an infinity, by running the program again with every value as an output. */

import { describeNode } from '../graph/print.ts';
import { Program, type ProgramOptions } from '../graph/session.ts';
import type { Graph, Tensor } from '../graph/types.ts';

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
  for (const node of graph.nodes) {
    const names = node.outputs.map(({ id }) => `%${id}`).filter((name) => outputs.has(name));
    if (names.length === 0) continue;
    const results = await program.run(feeds, names);
    if (names.some((name) => hasNotFinite(results[name].data as Float32Array))) return describeNode(node);
  }
  return undefined;
}

function hasNotFinite(data: Float32Array | Float64Array): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return true;
  return false;
}
