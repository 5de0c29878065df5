/**
 * A recipe of one's own: house-causal learns a new task, counting a letter in a word.
 *   npx quickstep train examples/finetune.mjs
 *   npx quickstep generate "Count e: tree" --model runs/letter-count/model
 */
import {
  AdamW,
  byLength,
  causalBatch,
  cosineSchedule,
  defineRecipe,
  openTrainable,
  sequenceObjective,
} from 'quickstep/train';

const words =
  'apple banana tree letter summer winter river mountain little seven eleven coffee butter cheese'.split(' ');

/** Problem number i; any function of i will do. */
function problem(i) {
  const word = words[i % words.length] + words[(i * 7 + 3) % words.length];
  const letter = word[(i * 5) % word.length];
  return { prompt: `Count ${letter}: ${word}`, answer: String([...word].filter((x) => x === letter).length) };
}

export default defineRecipe({
  slug: 'letter-count',
  title: 'Letter count',
  summary: 'Fine-tunes house-causal to count a letter in a word.',
  seed: 1,
  prepare: async ({ seed, steps = 200 }) => {
    const model = await openTrainable('house-causal');
    return {
      plan: {
        parameters: model.parameters,
        objective: sequenceObjective(model.config),
        batches: (step) => {
          const examples = Array.from({ length: 64 }, (_, i) => model.encode(problem(seed + step * 64 + i)));
          const answerTokens = examples.reduce(
            (sum, { tokens, answerStart }) => sum + tokens.length - answerStart,
            0,
          );
          return byLength(examples, 1).map((part) => causalBatch(part, model.pad, answerTokens));
        },
        steps,
        schedule: cosineSchedule(1e-3, steps, 20),
        optimizer: (parameters, trained) => new AdamW(parameters, trained),
        clip: 1,
      },
      save: model.save,
    };
  },
});
