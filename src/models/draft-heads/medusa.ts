/**
 * Medusa heads (arXiv:2401.10774, section 2.1.1): head k guesses the token k places behind the one that the model itself
 * gives, from the model's last hidden state h alone,
 *
 *   z = h + SiLU(W h + b), once for each of its layers;  logits = head z
 *
 * with the model's own output head, of which only the rows of frequent tokens are used.
 */

import { z } from 'zod';
import { GraphBuilder } from '../../graph/builder.ts';
import { Program } from '../../graph/session.ts';
import { float32, type Graph, type Value } from '../../graph/types.ts';
import type { LanguageModel } from '../language-model.ts';
import { linear, type Precision } from '../linear.ts';
import type { TrainableWeights } from '../llama-training.ts';
import { type DraftBase, finalHidden, readDraftBase } from './base.ts';
import { type HeadShapes, type HeadWeights, headFacts, openHeadFile } from './file.ts';
import { outputRanked, type Ranked, rankedRow } from './ranked.ts';

export const medusaFacts = z.strictObject({
  kind: z.literal('medusa'),
  ...headFacts,
  layers: z.int().min(1).max(4),
});
export type MedusaFacts = z.output<typeof medusaFacts>;

/** Names and shapes of the weights. */
export function medusaShapes({
  hiddenSize: d,
  heads,
  layers,
}: Pick<MedusaFacts, 'hiddenSize' | 'heads' | 'layers'>): HeadShapes {
  const shapes = new Map<string, readonly number[]>();
  for (let head = 0; head < heads; head++)
    for (let layer = 0; layer < layers; layer++) {
      shapes.set(`${head}.${layer}.weight`, [d, d]);
      shapes.set(`${head}.${layer}.bias`, [d]);
    }
  return shapes;
}

/** What the output head reads in the place of h [rows, hidden], for one head. */
export function medusaHidden(
  b: GraphBuilder,
  h: Value,
  weights: TrainableWeights,
  head: number,
  layers: number,
): Value {
  let z = h;
  for (let layer = 0; layer < layers; layer++) {
    const name = `${head}.${layer}`;
    const inner = b.add(weights.linear(`${name}.weight`, z), weights.value(`${name}.bias`));
    z = b.add(z, b.silu(inner));
  }
  return z;
}

/**
 * Program: states [rows, hidden]  →  for each head in turn the most probable tokens and their probabilities among the
 * drafted ones, both [heads · rows, ranks].
 */
export function medusaGraph(
  { hiddenSize: d, heads, layers, tokens }: MedusaFacts,
  data: HeadWeights,
  base: DraftBase,
  precision: Precision,
): Graph {
  const b = new GraphBuilder();
  const weights: TrainableWeights = {
    value: (name) => b.constant(float32([d], data.get(name)!)),
    linear: (name, x) => linear(b, data.get(name)!, d, d, precision)(x),
  };
  const h = finalHidden(b, base, b.input('states', 'float32', ['rows', d]));
  const hidden = Array.from({ length: heads }, (_, head) => medusaHidden(b, h, weights, head, layers));
  outputRanked(b, b.concat(hidden, 0), base, tokens, precision);
  return b.build();
}

/** Medusa heads, ready to run. */
export class MedusaHeads implements AsyncDisposable {
  readonly facts: MedusaFacts;
  readonly #program: Program;

  private constructor(facts: MedusaFacts, program: Program) {
    this.facts = facts;
    this.#program = program;
  }

  static async load(
    { facts, weights }: { facts: MedusaFacts; weights: HeadWeights },
    base: DraftBase,
    precision: Precision,
  ): Promise<MedusaHeads> {
    const graph = medusaGraph(facts, weights, base, precision);
    // A row through such small products is not worth a second thread.
    return new MedusaHeads(facts, await Program.load(graph, { threads: 1 }));
  }

  /** The alternatives of each head behind each of some states [rows, hidden]: [rows][heads]. */
  async rank(states: Float32Array): Promise<Ranked[][]> {
    const { hiddenSize, heads } = this.facts;
    const rows = states.length / hiddenSize;
    const outputs = await this.#program.run({ states: float32([rows, hiddenSize], states) });
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: heads }, (_, head) => rankedRow(outputs, head * rows + row)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/**
 * The heads of a folder, or of a name in the package, for a model; opened once for each model.
 * @throws QuickstepError as `openHeadFile` and `readDraftBase`.
 */
export function openMedusa(model: LanguageModel, id: string): Promise<MedusaHeads> {
  return model.companion(`medusa ${id}`, async () => {
    const file = await openHeadFile(id, 'medusa', model, { facts: medusaFacts, shapes: medusaShapes });
    return MedusaHeads.load(file, await readDraftBase(model, file.facts.tokens), model.precision);
  });
}
