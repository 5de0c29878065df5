/**
 * learn2pd: the filter of Learn2PD (2025) for a masked-diffusion model, trained on what the oracle sees on its way to
 * the model's own answers. The model itself is not changed.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ConfidenceFilter,
  type FilterFacts,
  filterShapes,
} from '../../decode/masked-diffusion/confidence-filter.ts';
import { saveFilter } from '../../decode/masked-diffusion/confidence-filter-disk.ts';
import { QuickstepError } from '../../errors.ts';
import { float32 } from '../../graph/types.ts';
import { areaUnderCurve, type Judged } from '../../tasks/area-under-curve.ts';
import { binaryCrossEntropy } from '../losses.ts';
import { openTrainable } from '../open-trainable.ts';
import { AdamW } from '../optimizers/adamw.ts';
import { initialize, type Parameters } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { constantSchedule } from '../schedule.ts';
import { acceptance, barFor, falseShare } from './filter-quality.ts';
import {
  blockLength,
  type Trajectory,
  trajectories,
  trajectorySchema,
  type Vectors,
  vectorsOf,
} from './learn2pd-data.ts';
import { lessons } from './teacher.ts';

const hiddenSize = blockLength;
/** Of the accepted predictions of masked positions at most this share may be wrong, on validation data. */
const mostWrong = 0.01;
/** 1,200 for 100 updates. More updates on as many learn the training problems by heart. */
const problemsPerStep = 12;

/**
 * A bar on each confidence alone, z = 8c - 4, and a little noise: what the neighbours tell is then learned on top of it.
 * From random weights 3,000 updates do not find back to what the confidence alone tells.
 */
function startingFilter(shapes: ReadonlyMap<string, readonly number[]>, seed: number): Parameters {
  const start = (name: string, [, columns]: readonly number[]) =>
    columns === undefined ? { constant: name === 'output.bias' ? -4 : 0 } : { deviation: 0.02 };
  const parameters = initialize(shapes, start, seed);
  for (const [name, diagonal] of [
    ['hidden.weight', 1],
    ['output.weight', 8],
  ] as const)
    for (let place = 0; place < blockLength; place++)
      parameters.get(name)!.data[place * (blockLength + 1)] += diagonal;
  return parameters;
}

/** Mean binary cross entropy of the filter's logits, over all positions. */
export const filterObjective: Objective = (b, weight) => {
  const confidence = b.input('confidence', 'float32', ['vectors', blockLength]);
  const right = b.input('right', 'float32', ['vectors', blockLength]);
  const layer = (x: typeof confidence, name: string) =>
    b.add(b.matmul(x, weight(`${name}.weight`), { transposeB: true }), weight(`${name}.bias`));
  const hidden = b.maximum(layer(confidence, 'hidden'), 0);
  return { loss: b.reduceMean(binaryCrossEntropy(b, layer(hidden, 'output'), right), [0, 1], false) };
};

const batchOf = ({ count, confidence, right }: Vectors): Batch => ({
  confidence: float32([count, blockLength], confidence),
  right: float32([count, blockLength], right),
});

/** Masked positions, scored by the filter and by their confidence alone. */
function judge(filter: ConfidenceFilter, { count, confidence, right, masked }: Vectors) {
  const [byFilter, byConfidence]: [Judged[], Judged[]] = [[], []];
  for (let row = 0; row < count; row++) {
    const at = row * blockLength;
    const scores = filter.probabilities(confidence.subarray(at, at + blockLength));
    for (let place = 0; place < blockLength; place++) {
      if (masked[at + place] === 0) continue;
      const isRight = right[at + place] === 1;
      byFilter.push({ score: scores[place], right: isRight });
      byConfidence.push({ score: confidence[at + place], right: isRight });
    }
  }
  return { byFilter, byConfidence };
}

const percent = (share: number) => `${(100 * share).toFixed(2)}%`;

/** The filter with its bars set on validation data, and its card with what test data say. */
function finished(
  facts: Omit<FilterFacts, 'tau' | 'confidence'>,
  parameters: Parameters,
  { validation, test, problems }: { validation: Vectors; test: Vectors; problems: number },
) {
  const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
  const untuned = new ConfidenceFilter({ ...facts, tau: 1, confidence: 1 }, weights);
  const tuning = judge(untuned, validation);
  const [tau, confidence] = [tuning.byFilter, tuning.byConfidence].map((judged) => barFor(judged, mostWrong));
  const row = (name: string, bar: number, judged: readonly Judged[]) => {
    const decided = acceptance(judged, bar);
    const accepted = percent(decided.accepted / Math.max(1, judged.length));
    const area = areaUnderCurve(judged).toFixed(4);
    return `| ${name} | ${bar.toFixed(4)} | ${accepted} | ${percent(falseShare(decided))} | ${area} |`;
  };
  const { byFilter, byConfidence } = judge(untuned, test);
  const card = `---
license: apache-2.0
library_name: quickstep
---
# Filter of Learn2PD for ${facts.model}

Says which predictions of a block of ${blockLength} are final, from their confidences alone. Made by \`quickstep train
learn2pd\` from ${problems} training problems, eight of ten for training, one for validation, one for the test below. It
belongs to the weights of ${facts.model} that it was made with. Used by \`--method learn2pd\`.

Predictions of masked positions on the way of the oracle (${test.count} steps of the test problems); both bars are those
at which ${percent(mostWrong)} of the accepted were wrong on the validation problems.

| accepted by | above | accepted | of those wrong | area under the ROC curve |
|---|---|---|---|---|
${row('the filter', tau, byFilter)}
${row('confidence', confidence, byConfidence)}
`;
  return { filter: new ConfidenceFilter({ ...facts, tau, confidence }, weights), card };
}

/** A recipe of a filter for some model. */
export function learn2pdRecipe(teacher: string): Recipe {
  return defineRecipe({
    slug: 'learn2pd',
    title: 'Filter of Learn2PD',
    summary: `Two layers on the confidences of a block, which say what ${teacher} need not think over; for the method learn2pd.`,
    // Not the seed of the models: other problems than they were trained on.
    seed: 2,
    smokeSteps: 8,
    prepare: async (options) => {
      const { seed, steps = 100 } = options;
      const trainable = await openTrainable(teacher);
      const { maskTokenId, shiftLogits } = trainable.config;
      if (maskTokenId === undefined)
        throw new QuickstepError(
          'unsupported',
          `${teacher} has no mask token.`,
          'Name a masked-diffusion model.',
        );
      const problems = Math.max(20, steps * problemsPerStep);
      const learned = await lessons(
        {
          teacher,
          trainable,
          file: 'trajectories.jsonl',
          count: problems,
          schema: trajectorySchema,
          make: (model, assignments) => trajectories(model, assignments, options.signal),
        },
        options,
      );
      // Whole problems, or the test would see steps of answers that were trained on.
      const part = (isIn: (remainder: number) => boolean) =>
        vectorsOf(learned.flatMap(({ lesson }, n): Trajectory[] => (isIn(n % 10) ? [lesson] : [])));
      const [training, validation, test] = [
        part((remainder) => remainder < 8),
        part((remainder) => remainder === 8),
        part((remainder) => remainder === 9),
      ];
      const batch = batchOf(training);
      const facts = { model: teacher, blockLength, hiddenSize, maskTokenId, shiftLogits };
      return {
        plan: {
          parameters: startingFilter(filterShapes(facts), seed),
          objective: filterObjective,
          batches: () => [batch],
          steps,
          schedule: constantSchedule(3e-4),
          optimizer: (parameters, trained) => new AdamW(parameters, trained),
        },
        save: async (folder, parameters) => {
          const { filter, card } = finished(facts, parameters, { validation, test, problems });
          await saveFilter(folder, filter);
          await writeFile(join(folder, 'README.md'), card);
        },
      };
    },
  });
}

export const learn2pd = learn2pdRecipe('house-diffusion');
