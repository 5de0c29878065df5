/** Draft heads for tests: random ones, near the model's own output head. Test support. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CloverFacts, cloverShapes } from '../../models/draft-heads/clover.ts';
import { saveHeadFile } from '../../models/draft-heads/disk.ts';
import type { HeadFacts, HeadShapes, HeadWeights } from '../../models/draft-heads/file.ts';
import { type MedusaFacts, medusaShapes } from '../../models/draft-heads/medusa.ts';
import { normal } from '../random.ts';

export interface HeadsChoice {
  model: string;
  hiddenSize: number;
  vocabSize: number;
  heads?: number;
  seed?: number;
}

/** Normal numbers, small enough that heads are not far from where training begins. */
export function someWeights(shapes: HeadShapes, seed: number): HeadWeights {
  return new Map(
    [...shapes].map(([name, shape], step) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const draw = (_: unknown, position: number) => 0.1 * normal({ seed, stream: 201, step, position });
      return [name, Float32Array.from({ length: size }, draw)];
    }),
  );
}

/** All but the last tokens of a vocabulary, so that some are never drafted. */
const mostTokens = (vocabSize: number) => [...Array(vocabSize - 8).keys()];

export function someMedusa({ heads = 3, seed = 5, ...choice }: HeadsChoice): {
  facts: MedusaFacts;
  weights: HeadWeights;
} {
  const facts: MedusaFacts = {
    kind: 'medusa',
    ...choice,
    heads,
    layers: 1,
    accuracies: [
      [0.5, 0.2, 0.1],
      [0.4, 0.2],
      [0.3, 0.1],
    ],
    tokens: mostTokens(choice.vocabSize),
  };
  return { facts, weights: someWeights(medusaShapes(facts), seed) };
}

export function someClover({ heads = 3, seed = 6, ...choice }: HeadsChoice): {
  facts: CloverFacts;
  weights: HeadWeights;
} {
  const facts: CloverFacts = {
    kind: 'clover',
    ...choice,
    heads,
    accuracies: [[0.5]],
    tokens: mostTokens(choice.vocabSize),
    decoderHeads: 4,
    layer: { heads: 4, kvHeads: 2, headDim: 16, intermediateSize: 48, ropeTheta: 10_000, window: 12 },
    regressive: true,
  };
  return { facts, weights: nearIdentity(someWeights(cloverShapes(facts), seed), choice.hiddenSize) };
}

/** Adds the identity of the state to what the output head reads. */
function nearIdentity(weights: HeadWeights, hiddenSize: number): HeadWeights {
  for (let i = 0; i < hiddenSize; i++) {
    weights.get('first.weight')![i * hiddenSize + i] += 1;
    weights.get('next.weight')![i * 2 * hiddenSize + i] += 1;
  }
  return weights;
}

async function saved<F extends HeadFacts>(
  { facts, weights }: { facts: F; weights: HeadWeights },
  shapes: HeadShapes,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quickstep-heads-'));
  await saveHeadFile(folder, facts, shapes, weights);
  return folder;
}

/** Saves heads in a folder of their own; returns the folder. */
export function savedMedusa(choice: HeadsChoice): Promise<string> {
  const heads = someMedusa(choice);
  return saved(heads, medusaShapes(heads.facts));
}

/** As `savedMedusa`. */
export function savedClover(choice: HeadsChoice): Promise<string> {
  const heads = someClover(choice);
  return saved(heads, cloverShapes(heads.facts));
}
