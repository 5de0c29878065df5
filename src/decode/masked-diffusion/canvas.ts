/** The canvas: a prompt and an answer of open positions, decoded block by block from left to right. */

import { corruptToken } from '../corruption.ts';
import { type Masking, vacant } from '../run.ts';
import type { Block, CanvasView, Placement } from './parts.ts';

export interface CanvasOptions {
  prompt: readonly number[];
  masking: Masking;
  /** [length] The answer, `vacant` where it is open; whoever owns it writes to it. */
  tokens: Int32Array;
  /** Lengths of the blocks from left to right, together as long as the answer. */
  blocks: readonly number[];
  /** Of the noise, where corruption is random. */
  seed: number | bigint;
}

export class Canvas implements CanvasView {
  readonly prompt: readonly number[];
  readonly masking: Masking;
  /** Replaced when the answer is cropped. */
  tokens: Int32Array;
  step = 0;
  blockStep = 0;
  block: Block;
  blockMasks: number;
  /** Tokens of open positions that the model is shown in this step in place of noise, by position. */
  held: ReadonlyMap<number, number> = new Map();
  readonly #blocks: readonly number[];
  readonly #seed: number | bigint;

  constructor({ prompt, masking, tokens, blocks, seed }: CanvasOptions) {
    this.prompt = prompt;
    this.masking = masking;
    this.tokens = tokens;
    this.#blocks = blocks;
    this.#seed = seed;
    this.block = this.#firstOpen();
    this.blockMasks = this.masked(this.block.start, this.block.end).length;
  }

  masked(start = 0, end = this.tokens.length): number[] {
    const positions: number[] = [];
    for (let position = start; position < end; position++) {
      if (this.tokens[position] === vacant) positions.push(position);
    }
    return positions;
  }

  fed(): Int32Array {
    const before = this.prompt.length;
    return this.tokens.map((token, position) =>
      token === vacant ? (this.held.get(position) ?? this.#corrupt(before + position)) : token,
    );
  }

  /** [prompt] What stands in for a prompt that the model is not to see. */
  hiddenPrompt(): number[] {
    return this.prompt.map((_, row) => this.#corrupt(row));
  }

  #corrupt(row: number): number {
    return corruptToken(this.masking.corruption, { seed: this.#seed, step: this.step, position: row });
  }

  after(placements: readonly Placement[]): Canvas {
    const { prompt, masking, step, blockStep, block, blockMasks, held } = this;
    const tokens = this.tokens.slice();
    const next = new Canvas({ prompt, masking, tokens, blocks: this.#blocks, seed: this.#seed });
    Object.assign(next, { step, blockStep, block, blockMasks, held });
    for (const { position, token } of placements) next.tokens[position] = token;
    next.advance();
    return next;
  }

  /** Counts the step that has just committed, and goes on to the next block when this one is full. */
  advance(): void {
    this.step++;
    this.blockStep++;
    const block = this.#firstOpen();
    const isSame = block.index === this.block.index;
    // Also when it is the same one: its end may have been cropped.
    this.block = block;
    if (isSame) return;
    this.blockStep = 0;
    this.blockMasks = this.masked(block.start, block.end).length;
  }

  #firstOpen(): Block {
    const { length } = this.tokens;
    const open = Math.max(0, this.tokens.indexOf(vacant));
    let [index, start] = [0, 0];
    while (start + this.#blocks[index] <= open) start += this.#blocks[index++];
    return { index, start, end: Math.min(start + this.#blocks[index], length) };
  }
}
