/**
 * medusa, house-medusa: Medusa heads (Medusa-1, arXiv:2401.10774, section 2.2.1: the model itself is not changed), trained
 * on the model's own answers.
 */

import { float32 } from '../../graph/types.ts';
import { type DraftBase, finalHidden } from '../../models/draft-heads/base.ts';
import {
  type MedusaFacts,
  MedusaHeads,
  medusaHidden,
  medusaShapes,
} from '../../models/draft-heads/medusa.ts';
import { initialize } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import { plainWeights } from '../sequence-model.ts';
import {
  chatData,
  type HeadChoice,
  type HeadTraining,
  headLoss,
  headRecipe,
  headTargets,
  houseData,
  targetInputs,
} from './self-distillation/head-recipe.ts';
import type { Passage } from './self-distillation/passages.ts';

const heads = 3;
const layers = 1;

/** Σ over heads and rows of decayᵏ · -log p(token), over the drafted tokens. */
export function medusaObjective(base: DraftBase): Objective {
  return (b, weight) => {
    const h = finalHidden(b, base, b.input('states', 'float32', ['rows', base.hiddenSize]));
    const weights = plainWeights(b, weight);
    const hidden = Array.from({ length: heads }, (_, head) => medusaHidden(b, h, weights, head, layers));
    return headLoss(b, base, hidden);
  };
}

/** Rows before tokens of the answers, and what each head is to say there. */
export function medusaBatch(
  passages: readonly Passage[],
  placeOf: ReadonlyMap<number, number>,
  hiddenSize: number,
): Batch {
  const targets = headTargets(passages, placeOf, heads);
  const states = new Float32Array(targets.rows * hiddenSize);
  let row = 0;
  for (const { states: own, first } of passages) {
    const rows = own.subarray(first * hiddenSize);
    states.set(rows, row * hiddenSize);
    row += rows.length / hiddenSize;
  }
  return { states: float32([targets.rows, hiddenSize], states), ...targetInputs(targets) };
}

function training({ model, base, facts: known, seed }: HeadChoice): HeadTraining<MedusaFacts> {
  const { hiddenSize } = base;
  const { precision } = model;
  const facts: MedusaFacts = { kind: 'medusa', ...known, heads, layers };
  const shapes = medusaShapes(facts);
  return {
    facts,
    shapes,
    // Zeros: a head begins as the model's own output head.
    parameters: initialize(shapes, () => ({ constant: 0 }), seed),
    objective: medusaObjective(base),
    batch: (passages, placeOf) => medusaBatch(passages, placeOf, hiddenSize),
    ready: async (weights) => {
      const ready = await MedusaHeads.load({ facts, weights }, base, precision);
      return {
        rank: ({ states, first }) => ready.rank(states.subarray(first * hiddenSize)),
        [Symbol.asyncDispose]: () => ready[Symbol.asyncDispose](),
      };
    },
  };
}

export const medusa = headRecipe({
  slug: 'medusa',
  title: 'Medusa heads',
  summary: 'Three heads that guess what follows the next token of SmolLM2; for the method medusa.',
  data: chatData,
  training,
  learningRate: 0.004,
  smokeSteps: 4,
});

export const houseMedusa = headRecipe({
  slug: 'house-medusa',
  title: 'Medusa heads',
  summary: 'Three heads that guess what follows the next token of house-causal; for the method medusa.',
  data: houseData,
  training,
  learningRate: 0.01,
  smokeSteps: 10,
});
