/**
 * The layout of a canvas: its length, its blocks and their steps. What was asked for must fit exactly; what was left
 * out is fitted, so that the last block may be shorter.
 */

import { QuickstepError } from '../../errors.ts';
import type { Run } from '../run.ts';
import type { CanvasOptions } from './options.ts';

export interface Layout {
  length: number;
  blockLength: number;
  blocks: number;
}

const usualBlock = 32;

/** Refuses options that do not fit together. */
export function refuse(option: string, problem: string, remedy: string): never {
  throw new QuickstepError('bad-option', `Option "${option}": ${problem}.`, remedy);
}

/**
 * The canvas of a run.
 * @throws QuickstepError 'bad-option' for a length that blocks do not divide or that maxTokens cuts, 'bad-input' for
 * a prompt and canvas that are longer than the context.
 */
export function layoutOf(
  { genLength, blockLength }: Pick<CanvasOptions, 'genLength' | 'blockLength'>,
  run: Run,
): Layout {
  const length = genLength ?? run.remaining;
  if (length > run.maxTokens) {
    refuse(
      'genLength',
      `${length} tokens are more than maxTokens ${run.maxTokens}`,
      `Give maxTokens ${length} as well.`,
    );
  }
  const all = run.prompt.length + length;
  if (all > run.contextLength) {
    throw new QuickstepError(
      'bad-input',
      `The prompt has ${run.prompt.length} tokens, the canvas ${length}, the context ${run.contextLength}.`,
      `Give genLength ${run.contextLength - run.prompt.length} at most, or a shorter prompt.`,
    );
  }
  const block = blockLength === 0 ? length : Math.min(blockLength ?? usualBlock, length);
  if (genLength !== undefined && blockLength) {
    if (blockLength > length) {
      refuse('blockLength', `${blockLength} is more than genLength ${length}`, 'Give 0 for one block.');
    }
    if (length % block !== 0) {
      const remedy = `Give genLength ${Math.ceil(length / block) * block}, or another blockLength.`;
      refuse('genLength', `${length} tokens do not divide into blocks of ${block}`, remedy);
    }
  }
  return { length, blockLength: block, blocks: Math.ceil(length / block) };
}

/** Lengths of the blocks, from left to right. */
export function blockLengths({ length, blockLength, blocks }: Layout): number[] {
  return Array.from({ length: blocks }, (_, index) => Math.min(blockLength, length - index * blockLength));
}

/**
 * Steps for each block; one for each position without `steps`.
 * @throws QuickstepError 'bad-option' when the blocks cannot share the steps, or there are more than positions.
 */
export function stepsPerBlock({ length, blockLength, blocks }: Layout, steps: number | undefined): number {
  if (steps === undefined) return blockLength;
  if (steps > length) {
    refuse('steps', `${steps} steps are more than the ${length} positions`, `Give ${length} steps at most.`);
  }
  if (steps % blocks !== 0) {
    const remedy = `Give a multiple of ${blocks}, or another blockLength.`;
    refuse('steps', `${blocks} blocks cannot share ${steps} steps evenly`, remedy);
  }
  return steps / blocks;
}

/** Steps of the whole canvas; a last block that is shorter than the others may have fewer. */
export function scheduledSteps(layout: Layout, steps: number | undefined): number {
  const each = stepsPerBlock(layout, steps);
  return blockLengths(layout).reduce((sum, length) => sum + Math.min(each, length), 0);
}
