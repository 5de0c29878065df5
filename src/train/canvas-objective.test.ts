/** A canvas model is trained as it is decoded: the loss of a batch is what the decoding program says of its canvases. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { logSoftmaxAt } from '../decode/sampling/softmax.ts';
import { load } from '../models/load.ts';
import { TrainingProgram } from './program.ts';
import { freshWeights, houseModel } from './recipes/house.ts';
import { saveModel } from './save-model.ts';
import { sequenceObjective } from './sequence-model.ts';
import { noisedBatch } from './sequences.ts';

it.each([false, true])('with a prompt that is causal: %s', async (causalPrompt) => {
  const folder = await mkdtemp(join(tmpdir(), 'quickstep-canvas-'));
  try {
    const size = { hiddenSize: 16, intermediateSize: 32, layers: 2, heads: 2 };
    const overrides = { is_causal: false, corruption: 'uniform', causal_prompt: causalPrompt };
    const { file, config, files, encode, eos } = await houseModel(size, overrides);
    const parameters = freshWeights(config, 4);
    await saveModel(folder, parameters, { config: file, tokenizer: files, dtype: 'F32' });

    const examples = [
      { prompt: 'Sort: 5 3', answer: '3 5' },
      { prompt: 'Reverse: 12 7 30', answer: '30 7 12' },
    ].map(encode);
    const noise = { pad: eos, vocabSize: config.vocabSize, causalPrompt, normalizer: 10, extra: 2 };
    const batch = noisedBatch(examples, { ...noise, seed: 1, step: 1, first: 0 });
    const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
    await using program = await TrainingProgram.load(shapes, sequenceObjective(config), undefined, {
      threads: 1,
    });
    const { loss } = await program.run(parameters, batch);

    await using model = await load(folder, { precision: 'fp32', threads: 1 });
    const [ids, targets, weights] = ['ids', 'targets', 'weights'].map((name) =>
      Array.from(batch[name].data, Number),
    );
    const rows = batch.ids.shape[1] as number;
    let expected = 0;
    for (const [n, { answerStart }] of examples.entries()) {
      const of = (values: number[]) => values.slice(n * rows, (n + 1) * rows);
      const cache = model.newCache();
      const sequence = cache.slots.createSequence();
      let from = 0;
      if (causalPrompt) {
        from = answerStart;
        const prompt = of(ids).slice(0, from);
        const { newRows } = await model.forward(cache, [{ sequence, tokens: prompt, scored: [] }]);
        cache.commit(sequence, newRows, [...prompt.keys()]);
      }
      const tokens = of(ids).slice(from);
      const scored = Array.from({ length: rows - answerStart }, (_, i) => answerStart - from + i);
      const group = { sequence, tokens, scored, attention: 'bidirectional' } as const;
      const { scores } = await model.forward(cache, [group], { logits: true, newRows: false });
      for (const [i, row] of scored.entries())
        expected -= of(weights)[from + row] * logSoftmaxAt(scores[0].logits(i), of(targets)[from + row]);
    }
    expect(loss).toBeCloseTo(expected, 4);
  } finally {
    await rm(folder, { recursive: true });
  }
});
