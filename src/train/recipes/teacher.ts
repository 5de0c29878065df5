/**
 * A masked-diffusion model as its own teacher: its answers to training problems, at full quality, one token a step. What
 * Learn2PD and dParallel learn from.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { z } from 'zod';
import { generateBatch } from '../../decode/generate.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { cachedLines } from '../line-cache.ts';
import type { Trainable } from '../open-trainable.ts';
import type { Parameters } from '../parameters.ts';
import type { RecipeOptions } from '../recipe.ts';
import { diffusionShares } from './house-diffusion.ts';
import { type Drawn, Mixture } from './mixture.ts';

/** A problem with the canvas that the teacher answers it on. */
export interface Assignment extends Drawn {
  prompt: readonly number[];
  /** Positions of the canvas. */
  canvas: number;
}

/** Problem `n` of a mixture. Canvases just fit, fill blocks of 32, or have one to spare, in turn. */
function assignment(mixture: Mixture, n: number, { encode, config }: Trainable): Assignment {
  const [drawn] = mixture.draw(n, 1, 1);
  const { tokens, answerStart } = encode(drawn.problem);
  const length = tokens.length - answerStart;
  const upTo = (unit: number) => Math.ceil(length / unit) * unit;
  const canvas = [upTo(8), upTo(32), upTo(32) + 32][n % 3];
  const prompt = [...tokens.subarray(0, answerStart)];
  return { ...drawn, prompt, canvas: Math.min(canvas, config.contextLength - answerStart) };
}

/** Groups assignments by canvas, as a batch shares the length of its canvases; indices in order. */
export function byCanvas(assignments: readonly Assignment[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const [index, { canvas }] of assignments.entries())
    groups.set(canvas, [...(groups.get(canvas) ?? []), index]);
  return [...groups.values()];
}

export interface TeacherAnswer {
  /** The canvas, cut behind the block that ends the answer. */
  tokens: number[];
  text: string;
}

/** Answers in blocks of 32, one token a step. */
export async function staticAnswers(
  model: LanguageModel,
  assignments: readonly Assignment[],
  signal?: AbortSignal,
): Promise<TeacherAnswer[]> {
  const answers: TeacherAnswer[] = new Array(assignments.length);
  for (const group of byCanvas(assignments)) {
    const generation = generateBatch(
      model,
      group.map((index) => ({ tokens: assignments[index].prompt })),
      {
        method: 'diffusion',
        maxTokens: assignments[group[0]].canvas,
        methodOptions: { earlyStop: 'block' },
        signal,
      },
    );
    const canvases: (readonly number[])[] = [];
    for await (const { request, canvas } of generation) canvases[request] = canvas!;
    for (const [request, { text }] of (await generation.result).entries())
      answers[group[request]] = { tokens: [...canvases[request]], text };
  }
  return answers;
}

/** SHA-256 of all weights: what a teacher's answers are a function of, beside the prompts. */
export function fingerprint(parameters: Parameters): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of parameters) {
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

export interface Lesson<T> {
  /** Id of the teacher. */
  teacher: string;
  /** The same, opened for training. */
  trainable: Trainable;
  /** Name of the file in the run's folder that keeps what was made. */
  file: string;
  /** Number of problems. */
  count: number;
  schema: z.ZodType<T>;
  /** What is learned from some problems; each by itself, whatever problems it comes with. */
  make(model: LanguageModel, assignments: readonly Assignment[]): Promise<T[]>;
}

/** Problems answered between two writes to the file. */
const atOnce = 48;

/**
 * What is learned from each of the training problems of a seed, with the problem. The teacher is loaded, in the 8-bit
 * format it decodes in, only when the run's folder does not have all of it yet.
 * @throws QuickstepError as `generate` and `load`; the signal's reason when aborted.
 */
export async function lessons<T>(
  { teacher, trainable, file, count, schema, make }: Lesson<T>,
  { seed, folder, runtime, signal, onAnswers }: RecipeOptions,
): Promise<(Assignment & { lesson: T })[]> {
  const mixture = new Mixture(seed, trainable.encode, diffusionShares);
  const all = Array.from({ length: count }, (_, n) => assignment(mixture, n, trainable));
  let model: LanguageModel | undefined;
  try {
    const made = await cachedLines({
      path: folder && join(folder, file),
      identity: { teacher: fingerprint(trainable.parameters), seed },
      count,
      batch: atOnce,
      schema,
      make: async (first, end) => {
        model ??= await load(teacher, { ...runtime, signal });
        return await make(model, all.slice(first, end));
      },
      onProgress: onAnswers,
    });
    return all.map((one, n) => ({ ...one, lesson: made[n] }));
  } finally {
    await model?.[Symbol.asyncDispose]();
  }
}
