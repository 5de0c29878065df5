/**
 * Low-rank adapters on the last layers of a published model: SmolLM2 learns to answer additions with the number alone.
 *   npx quickstep train examples/lora.mjs            SmolLM2 (fetched on first use)
 *   LORA_BASE=house-causal npx quickstep train examples/lora.mjs
 */
import {
  AdamW,
  causalBatch,
  constantSchedule,
  defineRecipe,
  isLora,
  loraWeights,
  mergeLora,
  openTrainable,
  sequenceObjective,
  withLora,
} from 'quickstep/train';

export default defineRecipe({
  slug: 'lora-addition',
  title: 'Additions, by LoRA',
  summary:
    'Adapters of rank 8 on the last four layers; the rest of the model is frozen and costs no backward pass.',
  seed: 1,
  prepare: async ({ seed, steps = 50 }) => {
    const model = await openTrainable(process.env.LORA_BASE ?? 'smollm2');
    const first = model.config.layers - 4;
    const lora = {
      rank: 8,
      alpha: 16,
      targets: (name) => Number(/layers\.(\d+)\./.exec(name)?.[1] ?? -1) >= first,
    };
    return {
      plan: {
        parameters: withLora(model.parameters, lora, seed),
        trained: isLora,
        objective: sequenceObjective(model.config, { weights: loraWeights(lora) }),
        batches: (step) => {
          const examples = Array.from({ length: 8 }, (_, i) => {
            const [a, b] = [(step * 37 + i * 11 + seed) % 90, (step * 17 + i * 29) % 90];
            return model.encode({ prompt: `${a} plus ${b}?`, answer: String(a + b) });
          });
          const answerTokens = examples.reduce(
            (sum, { tokens, answerStart }) => sum + tokens.length - answerStart,
            0,
          );
          return [causalBatch(examples, model.pad, answerTokens)];
        },
        steps,
        schedule: constantSchedule(2e-3, 5),
        optimizer: (parameters, trained) => new AdamW(parameters, trained),
        clip: 1,
      },
      save: (folder, parameters) => model.save(folder, mergeLora(parameters, lora)),
    };
  },
});
