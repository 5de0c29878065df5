/**
 * CreditDecoding (2025, arXiv:2510.06133): a masked position's final token has often led for some steps before it is
 * confident enough for parallel decoding. Each position keeps a fading record of how often and how strongly each token
 * has led, and the record's logarithm is added to the logits: steady predictions cross the threshold sooner.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { vacant } from '../run.ts';
import { argmax } from '../sampling/select.ts';
import { normalizer } from '../sampling/softmax.ts';
import { commitRule } from './commit/rule.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { canvasOptions, commitOptions } from './options.ts';
import type { Parts } from './parts.ts';

const creditWeight = (byDefault: number) =>
  z
    .number()
    .min(0)
    .max(100)
    .default(byDefault)
    .describe('Weight α of trace credit: α log(1 + credit) is added to the logits; 0 adds none.');

/** Options of trace credit for any method with a shape of its own: off by default. */
export const creditOptions = z.strictObject({
  creditWeight: creditWeight(0),
  creditExponent: z
    .number()
    .min(0)
    .max(10)
    .default(0.2)
    .describe(
      'Exponent γ: a leading token of probability p earns p^γ a step; below 1, unsure ones earn much as well.',
    ),
  creditDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('Factor β by which credit fades from step to step.'),
});

export type CreditOptions = z.output<typeof creditOptions>;

/** Credit by token of one position, as of a step. */
interface Trace {
  step: number;
  credit: Map<number, number>;
}

/**
 * The credit of one run: C_t(i, v) = β C_{t-1}(i, v) + [v = v*] p(v*)^γ, with v* the top token before fusion. Sparse:
 * a position gains one token a step at most.
 */
export class TraceCredit {
  readonly #options: CreditOptions;
  readonly #traces = new Map<number, Trace>();
  #block = -1;

  constructor(options: CreditOptions) {
    this.#options = options;
  }

  /** Forgets everything when a block begins. */
  enter(block: number): void {
    if (block !== this.#block) this.#traces.clear();
    this.#block = block;
  }

  /** Credit of a position by token. */
  of(position: number): ReadonlyMap<number, number> {
    return this.#traces.get(position)?.credit ?? new Map();
  }

  /** Takes note of a position's logits [vocabulary] in a step. */
  update(position: number, logits: Float32Array, step: number): void {
    const { creditExponent, creditDecay } = this.#options;
    const trace = this.#traces.get(position) ?? { step, credit: new Map<number, number>() };
    const fade = creditDecay ** (step - trace.step);
    for (const [token, credit] of trace.credit) trace.credit.set(token, fade * credit);
    const top = argmax(logits);
    const earned = (1 / normalizer(logits).sum) ** creditExponent;
    trace.credit.set(top, (trace.credit.get(top) ?? 0) + earned);
    trace.step = step;
    this.#traces.set(position, trace);
  }

  /** f~(v) = f(v) + α log(1 + C(v)), in place. */
  fuse(position: number, logits: Float32Array): void {
    const { creditWeight } = this.#options;
    for (const [token, credit] of this.of(position)) logits[token] += creditWeight * Math.log1p(credit);
  }
}

/**
 * Parts with trace credit on their logits. Its state is that of one run.
 * Only masks of the block take part; credit is counted before the parts' own shaping, which sees the fused logits.
 */
export function withCredit(parts: Parts, options: CreditOptions): Parts {
  // Without it the reduced outputs of the graph will do, and the baseline's confidence is the same to the last bit.
  if (options.creditWeight === 0) return parts;
  const traces = new TraceCredit(options);
  return {
    ...parts,
    shape: (logits, position, canvas) => {
      const { index, start, end } = canvas.block;
      traces.enter(index);
      if (position >= start && position < end && canvas.tokens[position] === vacant) {
        traces.update(position, logits, canvas.step);
        traces.fuse(position, logits);
      }
      parts.shape?.(logits, position, canvas);
    },
  };
}

export const creditDecoding = defineMethod({
  slug: 'credit-decoding',
  title: 'CreditDecoding',
  family: 'masked-diffusion',
  summary:
    'Commits all predictions that are sure enough, and counts as surer what has led for some steps; fewer forwards than a threshold alone.',
  options: z.strictObject({
    ...canvasOptions.shape,
    threshold: commitOptions.shape.threshold
      .unwrap()
      .default(0.9)
      .describe(
        'Commit all predictions whose confidence, credit included, is at least this; above 1 commits one a step.',
      ),
    ...creditOptions.shape,
    creditWeight: creditWeight(0.7),
  }),
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) =>
    run.finish ? {} : decodeCanvas(run, options, withCredit({ commit: commitRule(options, run) }, options)),
});
