/** Draft heads for tests: random ones, near the model's own output head. Test support. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveHeadFile } from '../../models/draft-heads/disk.ts';
import type { HeadShapes, HeadWeights } from '../../models/draft-heads/file.ts';
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

/** Saves heads in a folder of their own; returns the folder. */
export async function savedMedusa(choice: HeadsChoice): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quickstep-heads-'));
  const { facts, weights } = someMedusa(choice);
  await saveHeadFile(folder, facts, medusaShapes(facts), weights);
  return folder;
}
