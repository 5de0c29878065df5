/** Training data of Learn2PD (2025): what the oracle sees on its way to the model's own answers. */

import { z } from 'zod';
import { generateBatch } from '../../decode/generate.ts';
import { oracle } from '../../decode/masked-diffusion/oracle.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { type Assignment, byCanvas, staticAnswers } from './teacher.ts';

/** Positions of a block, for the teacher and the filter. */
export const blockLength = 32;

const flags = z.string().regex(new RegExp(`^[01]{${blockLength}}$`));

/** The steps of one answer; flags by place in the block. */
export const trajectorySchema = z.array(
  z.object({
    confidence: z.array(z.number().min(0).max(1)).length(blockLength),
    right: flags,
    masked: flags,
  }),
);
export type Trajectory = z.output<typeof trajectorySchema>;

const asFlags = (values: readonly boolean[], rest: boolean) =>
  Array.from({ length: blockLength }, (_, place) => ((values[place] ?? rest) ? '1' : '0')).join('');

/** Six digits: the files stay small, and a confidence is not known better. */
const rounded = (x: number) => Math.round(x * 1e6) / 1e6;

/** What the oracle sees of each problem, after the model has answered it one token a step. */
export async function trajectories(
  model: LanguageModel,
  assignments: readonly Assignment[],
  signal?: AbortSignal,
): Promise<Trajectory[]> {
  const answers = await staticAnswers(model, assignments, signal);
  const all: Trajectory[] = assignments.map(() => []);
  for (const group of byCanvas(assignments)) {
    const method = oracle(
      ({ request }) => answers[group[request]].tokens,
      ({ request, confidence, right, masked }) => {
        all[group[request]].push({
          confidence: Array.from({ length: blockLength }, (_, place) => rounded(confidence[place] ?? 1)),
          right: asFlags(right, true),
          masked: asFlags(masked, false),
        });
      },
    );
    const prompts = group.map((index) => ({ tokens: assignments[index].prompt }));
    await generateBatch(model, prompts, { method, maxTokens: assignments[group[0]].canvas, signal }).result;
  }
  return all;
}

/** Steps as rows of [vectors, blockLength]. */
export interface Vectors {
  count: number;
  confidence: Float32Array;
  /** 1 where the prediction was the final one. */
  right: Float32Array;
  masked: Uint8Array;
}

export function vectorsOf(trajectories: readonly Trajectory[]): Vectors {
  const steps = trajectories.flat();
  const size = steps.length * blockLength;
  const vectors = {
    count: steps.length,
    confidence: new Float32Array(size),
    right: new Float32Array(size),
    masked: new Uint8Array(size),
  };
  for (const [row, { confidence, right, masked }] of steps.entries()) {
    const at = row * blockLength;
    vectors.confidence.set(confidence, at);
    for (let place = 0; place < blockLength; place++) {
      vectors.right[at + place] = Number(right[place]);
      vectors.masked[at + place] = Number(masked[place]);
    }
  }
  return vectors;
}
