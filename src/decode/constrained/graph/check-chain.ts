/** What a written chain is worth, whatever wrote it: judged line by line against the graph. */

import type { KnowledgeGraph } from './knowledge-graph.ts';
import { readChain } from './triple-text.ts';

export interface ChainCheck {
  /** Triples written, and those of them that the graph has. */
  readonly triples: number;
  readonly faithful: number;
  /**
   * There is a triple, each one touches the question's entities or those before it, and the answers are among these
   * entities. Says nothing of the graph.
   */
  readonly connected: boolean;
  readonly answers: readonly string[];
}

/** Checks the chain of an answer to a question about some entities. */
export function checkChain(graph: KnowledgeGraph, entities: readonly string[], text: string): ChainCheck {
  const { triples, answers } = readChain(text);
  const visited = new Set(entities);
  let connected = triples.length > 0 && answers.length > 0;
  for (const { head, tail } of triples) {
    connected &&= visited.has(head) || visited.has(tail);
    visited.add(head).add(tail);
  }
  connected &&= answers.every((name) => visited.has(name));
  const faithful = triples.filter((triple) => graph.has(triple)).length;
  return { triples: triples.length, faithful, connected, answers };
}
