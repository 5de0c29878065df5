import { describe, expect, it } from 'vitest';
import { trainingGolden } from '../../test/golden/train/golden.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { differentiate } from '../graph/differentiate.ts';
import { Program } from '../graph/session.ts';
import { float32, tensor, type Value } from '../graph/types.ts';
import {
  advantageTotalVariationRows,
  crossEntropyRows,
  entropyRows,
  klRows,
  policyGradientRows,
  squaredErrorRows,
  totalVariationRows,
  weightedSum,
} from './losses.ts';

const golden = trainingGolden('losses');
const { rows, vocab } = golden;

interface Inputs {
  logits: Value;
  other: Value;
  tokens: Value;
  advantages: Value;
  oldLogProbabilities: Value;
}

const losses: Record<string, (b: GraphBuilder, inputs: Inputs) => Value> = {
  crossEntropy: (b, { logits, tokens }) => crossEntropyRows(b, logits, tokens),
  forwardKl: (b, { logits, other }) => klRows(b, other, logits),
  reverseKl: (b, { logits, other }) => klRows(b, logits, other),
  totalVariation: (b, { logits, other }) => totalVariationRows(b, logits, other),
  entropy: (b, { logits }) => entropyRows(b, logits),
  squaredError: (b, { logits, other }) => squaredErrorRows(b, logits, other),
  policyGradient: (b, { logits, ...rest }) => policyGradientRows(b, logits, rest),
};

/** Terms of each row, their weighted sum, and its gradient with respect to the logits. */
async function run(name: string) {
  const b = new GraphBuilder();
  const inputs = {
    logits: b.input('logits', 'float32', ['rows', vocab]),
    other: b.input('other', 'float32', ['rows', vocab]),
    tokens: b.input('tokens', 'int32', ['rows']),
    advantages: b.input('advantages', 'float32', ['rows']),
    oldLogProbabilities: b.input('oldLogProbabilities', 'float32', ['rows']),
  };
  const terms = losses[name](b, inputs);
  const loss = weightedSum(b, terms, b.input('weights', 'float32', ['rows']));
  b.output('terms', terms);
  b.output('loss', loss);
  b.output('gradient', differentiate(b, loss, [inputs.logits])[0]);
  const graph = b.build();
  await using program = await Program.load(graph, { threads: 1 });
  const feeds = {
    logits: float32([rows, vocab], golden.logits),
    other: float32([rows, vocab], golden.other),
    tokens: tensor('int32', [rows], Int32Array.from(golden.tokens)),
    advantages: float32([rows], golden.advantages),
    oldLogProbabilities: float32([rows], golden.oldLogProbabilities),
    weights: float32([rows], golden.weights),
  };
  const read = Object.entries(feeds).filter(([input]) => graph.inputs.has(input));
  return await program.run(Object.fromEntries(read));
}

/** Largest difference, relative to the largest expected value. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i] - value))) / largest;
}

describe('losses and their gradients are those of PyTorch', () => {
  it('for every loss', () => {
    expect(Object.keys(losses)).toEqual(Object.keys(golden.losses));
  });

  it.each(Object.keys(losses))('%s', async (name) => {
    const { terms, loss, gradient } = await run(name);
    const expected = golden.losses[name];
    expect(relativeError(terms.data as Float32Array, expected.terms)).toBeLessThan(1e-5);
    expect(relativeError(loss.data as Float32Array, [expected.loss])).toBeLessThan(1e-5);
    expect(relativeError(gradient.data as Float32Array, expected.gradient)).toBeLessThan(1e-4);
  });

  it('with no gradient where the surrogate is clipped', () => {
    const { gradient } = golden.losses.policyGradient;
    const isFlat = Array.from({ length: rows }, (_, row) =>
      gradient.slice(row * vocab, (row + 1) * vocab).every((value) => value === 0),
    );
    // The golden rows must lie on both sides for the comparison above to mean something.
    expect(new Set(isFlat)).toEqual(new Set([true, false]));
  });
});

describe('TVD++', () => {
  /** Gradients with respect to the logits of one loss over random rows, and what it is a function of. */
  async function gradientOf(loss: (b: GraphBuilder, logits: Value, target: Value, weights: Value) => Value) {
    const b = new GraphBuilder();
    const logits = b.input('logits', 'float32', [rows, vocab]);
    const target = b.input('target', 'float32', [rows, vocab]);
    const weights = b.input('weights', 'float32', [rows]);
    const value = weightedSum(b, loss(b, logits, target, weights), weights);
    b.output('loss', value);
    b.output('gradient', differentiate(b, value, [logits])[0]);
    await using program = await Program.load(b.build(), { threads: 1 });
    const outputs = await program.run({
      logits: float32([rows, vocab], golden.logits),
      target: float32([rows, vocab], golden.other),
      weights: float32([rows], golden.weights),
    });
    return Array.from(outputs.gradient.data as Float32Array);
  }
  const row = (values: readonly number[], n: number) => values.slice(n * vocab, (n + 1) * vocab);
  const softmax = (logits: readonly number[]) => {
    const weights = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  };
  const [p, q] = [golden.logits, golden.other].map((values) =>
    Array.from({ length: rows }, (_, n) => softmax(row(Array.from(values), n))),
  );

  /** σ of the reward, by its definition over weighted rows and p. */
  function deviation(): number {
    let [mean, square, total] = [0, 0, 0];
    for (let n = 0; n < rows; n++)
      for (let x = 0; x < vocab; x++) {
        const weight = golden.weights[n] * p[n][x];
        const reward = q[n][x] > p[n][x] ? 1 : 0;
        mean += weight * reward;
        square += weight * reward * reward;
        total += weight;
      }
    return Math.sqrt(square / total - (mean / total) ** 2);
  }

  it('has the gradient of total variation over the deviation of the reward', async () => {
    const actual = await gradientOf(advantageTotalVariationRows);
    const plain = await gradientOf((b, logits, target) => totalVariationRows(b, logits, target));
    const expected = plain.map((value) => value / (deviation() + 1e-6));
    expect(relativeError(actual, expected)).toBeLessThan(1e-4);
  });

  it('which central differences of ½ Σ |p - q| agree with', async () => {
    const actual = await gradientOf(advantageTotalVariationRows);
    const variation = (logits: readonly number[], n: number) =>
      softmax(logits).reduce((sum, value, x) => sum + Math.abs(value - q[n][x]) / 2, 0);
    const step = 1e-4;
    const expected = Array.from({ length: rows * vocab }, (_, at) => {
      const n = Math.floor(at / vocab);
      const [up, down] = [step, -step].map((by) => {
        const moved = row(Array.from(golden.logits), n);
        moved[at % vocab] += by;
        return variation(moved, n);
      });
      return (golden.weights[n] * (up - down)) / (2 * step) / deviation();
    });
    expect(relativeError(actual, expected)).toBeLessThan(1e-3);
  });
});
