import * as web from 'onnxruntime-web';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../graph/index.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { locate } from '../weights/pull.ts';
import type { LanguageModel } from './language-model.ts';
import { type CheckpointOptions, loadCheckpoint } from './load-checkpoint.ts';

/** The program a page runs is the one Node.js runs: onnxruntime-web, here outside a browser. */
async function loadOn(options: CheckpointOptions): Promise<LanguageModel> {
  const checkpoint = await openCheckpoint((await locate('stories260k'))!);
  try {
    return await loadCheckpoint(checkpoint, options);
  } finally {
    await checkpoint.close();
  }
}

/** Greedy tokens after BOS, and the logits of the last step. */
async function greedy(model: LanguageModel, length: number) {
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const tokens = [1];
  let logits = new Float32Array();
  while (tokens.length < length) {
    const group = { sequence, tokens: tokens.slice(sequence.length), scored: [0] };
    const { scores, newRows } = await model.forward(cache, [group], { logits: true });
    cache.commit(sequence, newRows, [0]);
    logits = scores[0].logits(0).slice();
    tokens.push(scores[0].topToken(0));
  }
  return { tokens, logits };
}

describe.each(['fp32', 'w8a8', 'w4'] as const)('%s on onnxruntime-web', (precision) => {
  beforeAll(() => {
    web.env.wasm.numThreads = 1;
  });

  it('decodes what onnxruntime-node decodes', async () => {
    const options = { precision } as const;
    const [node, wasm] = await Promise.all([
      loadOn(options),
      loadOn({ ...options, runtime: web as unknown as Runtime, providers: ['wasm'] }),
    ]);
    const [expected, actual] = [await greedy(node, 40), await greedy(wasm, 40)];
    expect(actual.tokens).toEqual(expected.tokens);
    const difference = Math.max(...actual.logits.map((value, i) => Math.abs(value - expected.logits[i])));
    expect(difference).toBeLessThan(precision === 'fp32' ? 1e-4 : 0.5);
    await Promise.all([node[Symbol.asyncDispose](), wasm[Symbol.asyncDispose]()]);
  });
});
