/**
 * What tells best where house-causal would write a better step than house-draft: the router that ships, how sure the draft was
 * of its own tokens, which costs nothing, or both. On drafted steps of unseen word problems of all levels:
 *   npx tsx proofs/arbitrage-confidence.ts [--samples 144] [--seed 77] [--threads 1] [--draft house-draft] [--router house-router]
 * It prints the area under the ROC curve, and the share of steps that must be rewritten to catch a share of those that should
 * be; an oracle rewrites only these.
 */

import { parseArgs } from 'node:util';
import { probabilityOf, verdictTokens } from '../src/decode/speculative/step-judge.ts';
import type { Scores } from '../src/models/forward.ts';
import type { LanguageModel } from '../src/models/language-model.ts';
import { load } from '../src/models/load.ts';
import { areaUnderCurve } from '../src/tasks/area-under-curve.ts';
import { problemEncoder } from '../src/tasks/encode.ts';
import { findTask, testProblems } from '../src/tasks/index.ts';
import { verdictsOn } from '../src/train/recipes/arbitrage.ts';
import { chains, type Reasoning } from '../src/train/recipes/arbitrage-data.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '144' },
    seed: { type: 'string', default: '77' },
    threads: { type: 'string', default: '1' },
    draft: { type: 'string', default: 'house-draft' },
    router: { type: 'string', default: 'house-router' },
  },
});
const [samples, seed, threads] = [values.samples, values.seed, values.threads].map(Number);
/** Chains written at once. */
const atOnce = 48;
const caught = [0.5, 0.7, 0.8, 0.9, 0.95];

await using target = await load('house-causal', { threads });
await using draft = await load(values.draft, { threads });
await using router = await load(values.router, { threads });

const encode = problemEncoder(target.tokenizer);
const levels = findTask('word-problems').levels.map(({ level }) =>
  testProblems(findTask('word-problems'), { seed, level }),
);
const reasonings = Array.from({ length: samples }, (_, n): Reasoning => {
  const { tokens, answerStart } = encode(levels[n % levels.length].at(Math.floor(n / levels.length)));
  return { prompt: [...tokens.subarray(0, answerStart)], reference: [...tokens.subarray(answerStart)] };
});

/** Scores of what follows each of the last `count` tokens. */
async function scoresAfter(model: LanguageModel, tokens: readonly number[], count: number): Promise<Scores> {
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const scored = Array.from({ length: count }, (_, i) => tokens.length - count + i);
  const { scores } = await model.forward(cache, [{ sequence, tokens, scored }], { logits: true });
  return scores[0];
}

function logProbability(logits: Float32Array, token: number): number {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return logits[token] - largest - Math.log(sum);
}

interface Step {
  isBetter: boolean;
  /** Logit of the router's verdict. */
  router: number;
  /** -log of the draft's least probability of a token of the step. */
  doubt: number;
}

const steps: Step[] = [];
const signs = verdictTokens(router.tokenizer, 'advantage');
for (let first = 0; first < samples; first += atOnce) {
  const part = reasonings.slice(first, first + atOnce);
  for (const [i, decisions] of (await chains({ draft, target }, part, { first, seed })).entries()) {
    for (const decision of decisions) {
      const { step } = decision;
      const text = [...part[i].prompt, ...decision.before, ...step];
      const yes = probabilityOf(await scoresAfter(router, text, 1), signs);
      const drafted = await scoresAfter(draft, text.slice(0, -1), step.length);
      const doubts = step.map((token, place) => -logProbability(drafted.logits(place), token));
      steps.push({
        isBetter: verdictsOn(decision).advantage,
        router: Math.log(yes / (1 - yes)),
        doubt: Math.max(...doubts),
      });
    }
  }
}

const better = steps.filter(({ isBetter }) => isBetter).length;
const percent = (share: number) => `${(100 * share).toFixed(1)}%`.padStart(8);

/** Share of steps rewritten, the surest first, to have rewritten a share of those that the model writes better. */
function rewritten(score: (step: Step) => number, share: number): number {
  let found = 0;
  const sorted = steps.toSorted((a, b) => score(b) - score(a));
  return (sorted.findIndex(({ isBetter }) => isBetter && ++found >= share * better) + 1) / steps.length;
}

console.log(`${steps.length} drafted steps, ${better} of them written better by ${target.id}`);
console.log(`${'rewritten by'.padEnd(18)}    area${caught.map((share) => percent(share)).join('')}`);
for (const [name, score] of [
  ['router', ({ router }) => router],
  ['doubt of the draft', ({ doubt }) => doubt],
  ['both', ({ router, doubt }) => router + Math.log(doubt + 1e-6)],
] satisfies [string, (step: Step) => number][]) {
  const area = areaUnderCurve(steps.map((step) => ({ score: score(step), right: step.isBetter })));
  const shares = caught.map((share) => percent(rewritten(score, share)));
  console.log(`${name.padEnd(18)}  ${area.toFixed(4)}${shares.join('')}`);
}
console.log(
  `${'oracle'.padEnd(18)}  1.0000${caught.map((s) => percent((s * better) / steps.length)).join('')}`,
);
