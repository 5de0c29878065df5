/** A model's program and feeds of one forward, for tools that run it under ONNX Runtime themselves. */

import * as ort from 'onnxruntime-node';
import { compile } from '../src/graph/onnx/compile.ts';
import { type LlamaConfig, parseLlamaConfig } from '../src/models/config.ts';
import { buildLlama } from '../src/models/llama.ts';
import { openCheckpoint } from '../src/weights/checkpoint.ts';
import { pull } from '../src/weights/pull.ts';

/** The w8a8 program of a model, compiled. */
export async function compiledModel(id: string) {
  const checkpoint = await openCheckpoint(await pull(id));
  const config = parseLlamaConfig(checkpoint.config);
  const compiled = compile(await buildLlama(config, checkpoint, { precision: 'w8a8' }));
  await checkpoint.close();
  return { config, ...compiled };
}

export interface ForwardSize {
  lanes: number;
  rows: number;
  slots: number;
}

/** Some tokens and cached rows; every new row sees all slots and the new rows before it, and is scored. */
export function forwardFeeds(
  config: LlamaConfig,
  { lanes, rows, slots }: ForwardSize,
): Record<string, ort.Tensor> {
  const total = lanes * rows;
  const fill = (length: number, value: (i: number) => number) =>
    Int32Array.from({ length }, (_, i) => value(i));
  const past = () =>
    new ort.Tensor('float32', new Float32Array(lanes * config.kvHeads * slots * config.headDim).fill(0.01), [
      lanes,
      config.kvHeads,
      slots,
      config.headDim,
    ]);
  const bias = new Float32Array(total * (slots + rows)).map((_, i) => {
    const [row, key] = [Math.floor(i / (slots + rows)) % rows, (i % (slots + rows)) - slots];
    return key <= row ? 0 : -1e9;
  });
  const feeds: Record<string, ort.Tensor> = {
    ids: new ort.Tensor(
      'int32',
      fill(total, (i) => (i * 37) % config.vocabSize),
      [lanes, rows, 1],
    ),
    weights: new ort.Tensor('float32', new Float32Array(total).fill(1), [lanes, rows, 1, 1]),
    positions: new ort.Tensor(
      'int32',
      fill(total, (i) => slots + (i % rows)),
      [lanes, rows],
    ),
    bias: new ort.Tensor('float32', bias, [lanes, 1, rows, slots + rows]),
    headRows: new ort.Tensor(
      'int32',
      fill(total, (i) => i),
      [total],
    ),
  };
  for (let layer = 0; layer < config.layers; layer++) {
    feeds[`pastKey.${layer}`] = past();
    feeds[`pastValue.${layer}`] = past();
  }
  return feeds;
}
