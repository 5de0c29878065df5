/**
 * Grammar-aligned decoding (2024): the distribution that answers are drawn from comes nearer to the model's own over legal
 * answers with every draw. Ours are random languages small enough to list, so that both distributions, and the divergence
 * of one from the other, are computed and not estimated.
 */

import {
  alignedDecoding,
  divergence,
  everyAnswer,
  type LegalAnswer,
  legalAnswers,
  PrefixTrie,
  stringSet,
} from '../decode/constrained/index.ts';
import { constraintOf } from '../decode/constrained/options.ts';
import { AnswerConstraint } from '../decode/constrained/processor.ts';
import { generate } from '../decode/generate.ts';
import { uniform } from '../decode/random.ts';
import { taskProblems } from '../tasks/problem-set.ts';
import { findTask } from '../tasks/registry.ts';
import { json, sorting, wordProblems } from './house-tasks.ts';
import type { Condition, Proof, ProofContext } from './proof.ts';
import { nextProbabilities } from './teacher-forcing.ts';

/**
 * Draws behind which the distributions are compared; 0 is plain masking. A single draw tells of one branch alone how little
 * it is worth, and makes too much of the others: behind it the divergence may be larger.
 */
const stops = [0, 1, 10, 30, 100] as const;
/** More draws than any of the languages has answers. */
const all = 100_000;
const alphabet = [...'0123456789abcdefghij, .'];
const maxLength = 4;

/** The texts of a random tree: some beginnings have one continuation, others many, as in the paper's skewed grammar. */
function randomTexts(seed: number): string[] {
  let drawn = 0;
  const random = (count: number) =>
    Math.floor(uniform({ seed, stream: 16, step: 0, position: drawn++ }) * count);
  const grow = (text: string): string[] => {
    if (text.length === maxLength) return [text];
    const branches = text === '' ? 3 : 1 + random(3);
    const next = new Set(Array.from({ length: branches }, () => alphabet[random(alphabet.length)]));
    const longer = [...next].flatMap((character) => grow(text + character));
    return text !== '' && random(4) === 0 ? [text, ...longer] : longer;
  };
  return grow('');
}

const distance = (answers: readonly LegalAnswer[]) =>
  answers.reduce((sum, { exact, drawn }) => sum + Math.abs(exact - drawn), 0) / 2;

/** What came out on one problem. */
interface Outcome {
  /** Divergence at each of `stops`, and with everything known. */
  readonly asap: readonly number[];
  readonly exploring: readonly number[];
  readonly full: number;
  /** Draws until everything is known. */
  readonly draws: number;
  readonly answers: number;
  /** The model's probability of legal answers. */
  readonly legal: number;
  /** Whether the unseen share bounded the distance at each stop. */
  readonly bounded: boolean;
}

async function outcomeOf({ model, signal }: ProofContext, prompt: string, seed: number): Promise<Outcome> {
  const constraint = stringSet(randomTexts(seed));
  const tokens = model.tokenizer.encode(prompt);
  const maxTokens = maxLength * 4 + 1;
  const every = await everyAnswer(
    (beginning) => nextProbabilities(model, [...tokens, ...beginning], signal),
    new AnswerConstraint(constraintOf(model, { constraint })!, maxTokens),
    (answer) => model.eosIds.includes(answer[answer.length - 1]),
  );
  let bounded = true;
  const learn = async (explore: boolean) => {
    const trie = new PrefixTrie();
    const method = alignedDecoding(trie);
    const drawTo = async (draws: number) => {
      if (draws === trie.draws) return;
      const methodOptions = { draws: draws - trie.draws, tolerance: 0, explore };
      await generate(model, { tokens }, { constraint, maxTokens, method, methodOptions, seed, signal })
        .result;
    };
    const divergences: number[] = [];
    for (const draws of stops) {
      await drawTo(draws);
      const answers = legalAnswers(every, trie);
      divergences.push(divergence(answers));
      bounded &&= distance(answers) <= trie.unseen + 1e-6;
    }
    return { trie, drawTo, divergences };
  };
  const asap = await learn(false);
  const exploring = await learn(true);
  await exploring.drawTo(all);
  const answers = legalAnswers(every, exploring.trie);
  return {
    asap: asap.divergences,
    exploring: exploring.divergences,
    full: divergence(answers),
    draws: exploring.trie.draws,
    answers: answers.length,
    legal: every.root.possible,
    bounded,
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export const grammarAlignedDecoding: Proof = {
  slug: 'grammar-aligned-decoding',
  claim:
    "Behind 100 draws the divergence from the model's own distribution over legal answers is under half of plain masking's, and below 1e-6 nats once every answer was drawn.",
  threshold: 2,
  gain: "times plain masking's divergence over that behind 100 draws",
  model: 'house-causal',
  tasks: [wordProblems, json, sorting],
  decoding: { label: 'ASAp', method: 'grammar-aligned-decoding' },
  settings:
    'draws as in the paper, temperature 1; a random language of texts up to four characters for each problem',
  async run(context) {
    const { tasks, seed, samples, split, onProgress } = context;
    const outcomes: Outcome[] = [];
    for (const { task, level } of tasks) {
      const problems = taskProblems(findTask(task), { seed, level, split });
      for (let i = 0; i < samples; i++) {
        onProgress?.(outcomes.length, samples * tasks.length, task);
        outcomes.push(await outcomeOf(context, problems.at(i).prompt, seed * 1_000_003 + outcomes.length));
      }
    }
    const at = (stop: number, kind: 'asap' | 'exploring' = 'asap') =>
      mean(outcomes.map((outcome) => outcome[kind][stop]));
    const worst = Math.max(...outcomes.map(({ full }) => full));
    const before = (stop: number) => (stop === 2 ? 0 : stop - 1);
    const conditions: Condition[] = [
      ...[2, 3, 4].map((stop) => ({
        text: `mean divergence behind ${stops[stop]} draws, against that behind ${stops[before(stop)]}`,
        unit: 'nats' as const,
        value: at(stop),
        bar: at(before(stop)),
        holds: at(stop) <= at(before(stop)),
      })),
      {
        text: 'largest divergence once every answer was drawn',
        unit: 'nats',
        value: worst,
        bar: 1e-6,
        holds: worst < 1e-6,
      },
      {
        text: 'problems whose distance from the exact distribution was at most the share that was reported',
        unit: 'answers',
        value: outcomes.filter(({ bounded }) => bounded).length,
        bar: outcomes.length,
        holds: outcomes.every(({ bounded }) => bounded),
      },
    ];
    return {
      measured: at(4),
      baseline: at(0),
      conditions,
      controls: [],
      figures: [
        {
          title: 'Mean divergence from the exact distribution, in nats',
          head: ['draws', 'as in the paper', 'exploring'],
          rows: stops.map((draws, stop) => [
            String(draws),
            at(stop).toPrecision(3),
            at(stop, 'exploring').toPrecision(3),
          ]),
        },
        {
          title: 'The languages',
          head: ['', 'mean', 'largest'],
          rows: [
            [
              'answers',
              mean(outcomes.map(({ answers }) => answers)),
              Math.max(...outcomes.map(({ answers }) => answers)),
            ],
            [
              'exploring draws until all is known',
              mean(outcomes.map(({ draws }) => draws)),
              Math.max(...outcomes.map(({ draws }) => draws)),
            ],
            [
              "the model's probability of a legal answer",
              mean(outcomes.map(({ legal }) => legal)).toPrecision(3),
              Math.max(...outcomes.map(({ legal }) => legal)).toPrecision(3),
            ],
          ],
        },
      ],
      measurements: [],
    };
  },
};
