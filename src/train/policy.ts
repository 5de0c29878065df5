/**
 * Group relative policy optimization (GRPO, Shao et al. 2024, arXiv:2402.03300) of a masked-diffusion model: what is
 * likely or not are tokens committed to a canvas, given the canvas as it was. Of each token i, with advantage A,
 *
 *   -min(ρ A, clip(ρ, 1 - ε, 1 + ε) A) + β (e^d - d - 1),  ρ = p(i) / p_old(i),  d = ln p_reference(i) - ln p(i)
 */

import { GraphBuilder, Program, type ProgramOptions, type Tensor, type Value } from '../graph/index.ts';
import type { LlamaConfig } from '../models/config.ts';
import { withoutMask } from '../models/llama.ts';
import { llamaWeightShapes, trainableLlama } from '../models/llama-training.ts';
import { clippedSurrogate, crossEntropyRows, klEstimate, weightedSum } from './losses.ts';
import type { Parameters } from './parameters.ts';
import { type Objective, weightInputs } from './program.ts';
import { plainWeights } from './sequence-model.ts';

export interface PolicyOptions {
  /** ε: how far a ratio may go before it is clipped. */
  epsilon: number;
  /** β: weight of the KL divergence from the reference. */
  beta: number;
}

/** Canvases, and tokens whose probability is asked for. */
export type CommittedTokens = {
  /** int32 [batch, rows] Prompt and canvas, as the model is fed with them. */
  ids: Tensor;
  /** int32 [batch, rows] */
  positions: Tensor;
  /** int32 [asked] Rows of batch·rows that predict. */
  headRows: Tensor;
  /** int32 [asked] What was committed there. */
  tokens: Tensor;
};

/** ln p of the committed tokens [asked] at temperature 1; the mask token has no probability, as in decoding. */
function logProbabilitiesOf(b: GraphBuilder, config: LlamaConfig, weight: (name: string) => Value): Value {
  const inputs = {
    ids: b.input('ids', 'int32', ['batch', 'rows']),
    positions: b.input('positions', 'int32', ['batch', 'rows']),
    // All rows of a batch are of one length, and each sees all others.
    bias: b.scalar(0),
  };
  const headRows = b.input('headRows', 'int32', ['asked']);
  const tokens = b.input('tokens', 'int32', ['asked']);
  const { logits } = trainableLlama(b, config, plainWeights(b, weight), inputs, { headRows });
  return b.neg(crossEntropyRows(b, withoutMask(b, logits, config), tokens));
}

/**
 * The objective over batches of `CommittedTokens` with, as float32 [asked], `advantages`, `old` and `reference` log
 * probabilities and `weights`, and as float32 [1] `onPolicy` and `reward`. With `onPolicy` 1 and `old` 0 the old policy
 * is the current one, and ρ is 1 exactly. Metrics are the mean reward, which the batch tells, and the KL divergence.
 */
export function policyObjective(config: LlamaConfig, { epsilon, beta }: PolicyOptions): Objective {
  return (b, weight) => {
    const logProbabilities = logProbabilitiesOf(b, config, weight);
    const perToken = (name: string) => b.input(name, 'float32', ['asked']);
    const perBatch = (name: string) => b.input(name, 'float32', [1]);
    const current = b.mul(b.stopGradient(logProbabilities), perBatch('onPolicy'));
    const oldLogProbabilities = b.add(perToken('old'), current);
    const sampled = { oldLogProbabilities, advantages: perToken('advantages') };
    const weights = perToken('weights');
    const surrogate = weightedSum(b, clippedSurrogate(b, logProbabilities, sampled, epsilon), weights);
    const kl = weightedSum(b, klEstimate(b, logProbabilities, perToken('reference')), weights);
    const reward = b.reduceSum(perBatch('reward'), [0], false);
    return { loss: b.add(surrogate, b.mul(kl, beta)), metrics: { reward, kl } };
  };
}

/** The log probabilities that the objective is about, without gradients and for any weights. */
export class TokenScorer implements AsyncDisposable {
  readonly #program: Program;
  readonly #weights: readonly string[];

  private constructor(program: Program, weights: readonly string[]) {
    this.#program = program;
    this.#weights = weights;
  }

  static async load(config: LlamaConfig, options: ProgramOptions = {}): Promise<TokenScorer> {
    const b = new GraphBuilder();
    const { weights, weight } = weightInputs(b, llamaWeightShapes(config));
    b.output('logProbabilities', logProbabilitiesOf(b, config, weight));
    return new TokenScorer(await Program.load(b.build(), options), [...weights.keys()]);
  }

  /** ln p [asked] of the tokens under these weights. */
  async score(parameters: Parameters, asked: CommittedTokens): Promise<Float32Array> {
    const weights = Object.fromEntries(this.#weights.map((name) => [name, parameters.get(name)!]));
    const { logProbabilities } = await this.#program.run({ ...asked, ...weights });
    return logProbabilities.data as Float32Array;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
