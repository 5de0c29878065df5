import { describe, expect, it } from 'vitest';
import { parseLlamaConfig } from '../models/config.ts';
import { llamaWeightShapes } from '../models/llama-training.ts';
import { dropoutMasks } from './dropout.ts';
import { isLora, type LoraOptions, loraWeights, mergeLora, withLora } from './lora.ts';
import { initialize, type Parameters, residualInitializer } from './parameters.ts';
import { type Batch, TrainingProgram } from './program.ts';
import { type SequenceObjectiveOptions, sequenceObjective } from './sequence-model.ts';
import { causalBatch } from './sequences.ts';

const config = parseLlamaConfig({
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 32,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
});
const shapes = llamaWeightShapes(config);
const base = initialize(shapes, residualInitializer(config.layers, 0.2), 1);
const lora: LoraOptions = {
  rank: 2,
  alpha: 4,
  targets: (name) => /layers\.2\..*(q_proj|down_proj)/.test(name),
};
const batch = causalBatch(
  [
    { tokens: Int32Array.of(1, 2, 3, 4, 0), answerStart: 2 },
    { tokens: Int32Array.of(5, 6, 7, 0), answerStart: 1 },
  ],
  0,
  6,
);

async function run(
  parameters: Parameters,
  options: SequenceObjectiveOptions = {},
  trained?: (name: string) => boolean,
  input: Batch = batch,
) {
  const shapesOf = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  await using program = await TrainingProgram.load(shapesOf, sequenceObjective(config, options), trained, {
    threads: 1,
  });
  return {
    ...(await program.run(parameters, input)),
    nodes: program.graph.nodes.length,
    trained: program.trained,
  };
}

/** Adapters as training would leave them: B is not zero any more. */
function trainedAdapters() {
  const parameters = withLora(base, lora, 3);
  for (const [name, { data }] of parameters) if (name.includes('lora_B')) data.fill(0.1);
  return parameters;
}

describe('lora', () => {
  it('starts from the frozen model and trains only adapters', async () => {
    const plain = await run(base);
    const adapted = await run(withLora(base, lora, 3), { weights: loraWeights(lora) }, isLora);
    expect(adapted.loss).toBe(plain.loss);
    expect(adapted.trained).toHaveLength(4);
    expect(adapted.trained.every(isLora)).toBe(true);
    // Layers below the adapters and frozen weights cost no backward nodes.
    expect(adapted.nodes).toBeLessThan(plain.nodes * 0.75);
  });

  it('merges into weights that compute the same', async () => {
    const parameters = trainedAdapters();
    const adapted = await run(parameters, { weights: loraWeights(lora) }, isLora);
    const merged = mergeLora(parameters, lora);
    expect([...merged.keys()]).toEqual([...base.keys()]);
    expect((await run(merged)).loss).toBeCloseTo(adapted.loss, 5);
    expect((await run(base)).loss).not.toBeCloseTo(adapted.loss, 3);
  });
});

describe('dropout', () => {
  const masked = (step: number, rate = 0.25) => dropoutMasks(batch, config, { rate, seed: 1, step });

  it('is a function of seed and step, and drops the share it says', () => {
    expect(masked(1)).toEqual(masked(1));
    expect(masked(1)['dropout.0']).not.toEqual(masked(2)['dropout.0']);
    const bits = Array.from({ length: 50 }, (_, step) => Object.entries(masked(step)))
      .flat()
      .filter(([name]) => name.startsWith('dropout.'))
      .flatMap(([, { data }]) => [...(data as Uint8Array)]);
    const kept = bits.filter((bit) => bit === 1).length / bits.length;
    expect(Math.abs(kept - 0.75)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / bits.length));
  });

  it('changes the loss in training, and not when nothing is dropped', async () => {
    const dropped = await run(base, { dropout: 0.25 }, undefined, masked(1));
    const plain = await run(base);
    expect(dropped.loss).not.toBe(plain.loss);
    const all = masked(1);
    for (const [name, { data }] of Object.entries(all))
      if (name.startsWith('dropout.')) (data as Uint8Array).fill(1);
    // A rate that rounds to nothing: masks of ones, scale 1.
    expect((await run(base, { dropout: 1e-6 }, undefined, all)).loss).toBe(plain.loss);
  });

  it.each([1, 1.5, -0.1, Number.NaN])('refuses the rate %s', (rate) => {
    expect(() => masked(1, rate)).toThrow(expect.objectContaining({ code: 'bad-option' }));
  });
});
