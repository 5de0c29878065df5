/** Graphs on the command line: chains of a graph as a constraint, its facts in the prompt, and index files of graphs. */

import { z } from 'zod';
import { readGraph, saveGraph } from '../decode/constrained/graph/graph-file.ts';
import { tripleLine } from '../decode/constrained/graph/triple-text.ts';
import { chainOptions, wellFormedChains } from '../decode/constrained/graph/well-formed-chains.ts';
import type { ConstraintOptions } from '../decode/constrained/options.ts';
import { QuickstepError } from '../errors.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';

export const graphOptions = z.strictObject({
  graph: z.string().min(1).optional().meta({
    value: 'path',
    description:
      'The answer is a chain of facts of this graph: a line head<TAB>relation<TAB>tail each, JSON Lines, or an index.',
  }),
  entity: z
    .array(z.string().min(1))
    .max(64)
    .default([])
    .meta({ value: 'name', description: 'Entity that the question is about, as the graph names it.' }),
  maxTriples: chainOptions.shape.maxTriples,
  facts: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('Put at most so many facts before the prompt, those nearest to the entities.'),
});

/** What the flags say: a constraint, and lines to put before the prompt. */
export interface GraphInput {
  constraint: Pick<ConstraintOptions, 'constraint'>;
  facts: string;
}

/**
 * Reads the graph of the flags.
 * @param others Constraints of other flags.
 * @throws QuickstepError 'bad-option' for entities without a graph or the other way round, or for another constraint; as
 * `readGraph` and `wellFormedChains`
 */
export async function readGraphInput(
  { graph: path, entity, maxTriples, facts }: z.output<typeof graphOptions>,
  others: ConstraintOptions,
  signal: AbortSignal,
): Promise<GraphInput> {
  if (path === undefined) {
    if (entity.length === 0 && facts === 0) return { constraint: {}, facts: '' };
    throw new QuickstepError('bad-option', 'There is no graph.', 'Give one with --graph.');
  }
  const [other] = Object.keys(others);
  if (other)
    throw new QuickstepError('bad-option', 'A graph is a constraint, and there is another one.', 'Give one.');
  const graph = await readGraph(path, { signal });
  const near = facts > 0 ? graph.near(entity, maxTriples, facts) : [];
  const constraint = wellFormedChains(graph, entity, { maxTriples });
  return { constraint: { constraint }, facts: near.map(tripleLine).join('') };
}

const indexOptions = z.strictObject({
  out: z
    .string()
    .min(1)
    .optional()
    .meta({ value: 'path', description: 'Write an index, which opens at once.' }),
  names: z.array(z.string().min(1)).max(2).default([]).meta({
    value: 'path',
    description: 'File of id<TAB>name, for triples of ids; a second one for the ids of relations.',
  }),
});

export const graphCommand: Command = {
  name: 'graph',
  usage: 'graph <file...> [options]',
  title: 'read a knowledge graph, and write its index',
  summary:
    'Reads triples, says how many there are, and with --out writes an index file for --graph of generate. The files are read as one graph.',
  examples: ['graph facts.tsv', 'graph train.tsv test.tsv --names entities.txt --out movies.index'],
  groups: () => [{ title: 'Options', schema: indexOptions }, commonGroup],
  run: runGraph,
};

async function runGraph(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const { out, names } = args.values(indexOptions);
  if (args.positionals.length === 0) {
    const hint = 'For instance: quickstep graph facts.tsv.';
    throw new QuickstepError('bad-option', '"graph" needs a file of triples.', hint);
  }
  const graph = await readGraph(args.positionals, { names, signal });
  if (out !== undefined) await saveGraph(out, graph);
  const facts = { triples: graph.size, entities: graph.entities.count, relations: graph.relations.count };
  if (json) printJson({ ...facts, index: out ?? null });
  else {
    const { triples, entities, relations } = facts;
    process.stdout.write(`${triples} triples, ${entities} entities, ${relations} relations\n`);
  }
}
