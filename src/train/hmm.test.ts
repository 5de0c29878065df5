/** Expectation maximization against its definition, by sums over all paths of hidden states. */

import { describe, expect, it } from 'vitest';
import { Hmm, hmmShapes } from '../decode/constrained/hmm/hmm.ts';
import { pathProbability, randomHmm } from '../decode/constrained/hmm/testing/small-hmm.ts';
import { uniform } from '../decode/random.ts';
import { float32 } from '../graph/types.ts';
import { contextHmm, ExpectationMaximization, hmmBatch, hmmObjective } from './hmm.ts';
import { constantSchedule } from './schedule.ts';
import { train } from './trainer.ts';

const facts = { states: 3, vocabulary: 4 };
const length = 4;
const draw = (seed: number, position: number, count: number) =>
  Math.floor(count * uniform({ seed, stream: 22, step: 0, position }));
const randomAnswers = (seed: number, count: number) =>
  Array.from({ length: count }, (_, n) =>
    Array.from({ length: 1 + draw(seed, 10 * n, length) }, (_, t) =>
      draw(seed, 10 * n + t + 1, facts.vocabulary),
    ),
  );

/** Runs some rounds, in two batches; the parameters are changed. */
async function maximize(start: Hmm, answers: number[][], rounds: number, pseudocount = 0) {
  const exact = { initial: start.initial, transition: start.transition, emission: start.emission };
  const parameters = new Map(
    [...hmmShapes(facts)].map(([name, shape]) => [
      name,
      float32(shape, Float32Array.from(exact[name as keyof typeof exact], Math.log)),
    ]),
  );
  const tokens = answers.reduce((sum, answer) => sum + answer.length, 0);
  const half = Math.ceil(answers.length / 2);
  const batches = [answers.slice(0, half), answers.slice(half)].map((part) =>
    hmmBatch(part, length, 0, tokens),
  );
  const losses: number[] = [];
  const plan = {
    parameters,
    objective: hmmObjective(length),
    batches: () => batches,
    steps: rounds,
    schedule: constantSchedule(1),
    optimizer: () => new ExpectationMaximization(tokens, pseudocount),
  };
  for await (const { loss } of train(plan, { identity: { recipe: 'hmm', seed: 1 } }))
    losses.push(loss * tokens);
  const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
  return { hmm: new Hmm({ model: 'random', ...facts }, weights), losses };
}

/** One round by definition: how often each path uses each probability, weighted by how likely the path is. */
function round(hmm: Hmm, answers: readonly (readonly number[])[]) {
  const { states, vocabulary } = facts;
  const counts = {
    initial: new Float64Array(states),
    transition: new Float64Array(states * states),
    emission: new Float64Array(vocabulary * states),
  };
  for (const answer of answers) {
    const total = pathProbability(hmm, answer);
    for (let code = 0; code < states ** answer.length; code++) {
      const path = answer.map((_, t) => Math.floor(code / states ** t) % states);
      let probability = hmm.initial[path[0]];
      for (const [t, state] of path.entries()) {
        probability *= hmm.emission[answer[t] * states + state];
        if (t > 0) probability *= hmm.transition[path[t - 1] * states + state];
      }
      const weight = probability / total;
      counts.initial[path[0]] += weight;
      for (const [t, state] of path.entries()) {
        counts.emission[answer[t] * states + state] += weight;
        if (t > 0) counts.transition[path[t - 1] * states + state] += weight;
      }
    }
  }
  const shares = (values: Float64Array, groupOf: (i: number) => number) => {
    const sums = new Map<number, number>();
    for (const [i, value] of values.entries()) sums.set(groupOf(i), (sums.get(groupOf(i)) ?? 0) + value);
    return values.map((value, i) => value / sums.get(groupOf(i))!);
  };
  return {
    initial: shares(counts.initial, () => 0),
    transition: shares(counts.transition, (i) => Math.floor(i / states)),
    emission: shares(counts.emission, (i) => i % states),
  };
}

describe('expectation maximization', () => {
  it.each([1, 2, 3])('does what its definition says: seed %i', async (seed) => {
    const [start, answers] = [randomHmm(facts, seed), randomAnswers(seed, 9)];
    const { hmm, losses } = await maximize(start, answers, 1);
    const exact = answers.reduce((sum, answer) => sum - Math.log(pathProbability(start, answer)), 0);
    expect(losses[0]).toBeCloseTo(exact, 3);
    const expected = round(start, answers);
    for (const name of ['initial', 'transition', 'emission'] as const)
      for (const [i, value] of expected[name].entries()) expect(hmm[name][i]).toBeCloseTo(value, 5);
  });

  it('never makes answers less probable', async () => {
    for (const seed of [4, 5]) {
      const { losses } = await maximize(randomHmm(facts, seed), randomAnswers(seed, 30), 25);
      for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThan(losses[i - 1] + 1e-3);
      expect(losses.at(-1)).toBeLessThan(losses[0] - 1);
    }
  });

  it('leaves possible what was never seen', async () => {
    const { hmm } = await maximize(randomHmm(facts, 6), [[0, 1], [1]], 5, 0.01);
    for (const probability of hmm.emission) expect(probability).toBeGreaterThan(1e-5);
    expect(hmm.logProbability([3, 3])).toBeGreaterThan(-30);
  });
});

describe('the first model', () => {
  it('knows what follows which two tokens, where it has a hidden state for each pair', () => {
    // Behind 0 0 comes 1, behind 1 0 comes 2.
    const answers = [
      [0, 0, 1, 3],
      [1, 0, 2, 3],
    ];
    const size = { states: 16, vocabulary: 4 };
    const parameters = contextHmm(answers, size, 1e-9);
    const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
    const hmm = new Hmm({ model: 'x', ...size }, weights);
    for (const answer of answers) expect(hmm.logProbability(answer)).toBeCloseTo(Math.log(0.5), 4);
    expect(hmm.logProbability([0, 0, 2, 3])).toBeLessThan(-10);
  });
});
