/** Results with chosen figures on a machine of round numbers, for tests. */

import type { EngineId } from '../engines/index.ts';
import type { Measurement, Results } from '../results.ts';

export type Figure = [engine: EngineId, name: Measurement['name'], size: number, values: number[]];

const unitOf = (name: Measurement['name']): Measurement['unit'] =>
  name === 'batch' ? 'tokens/s' : name === 'memory' ? 'bytes' : 'ms';

export function resultsWith(figures: readonly Figure[]): Results {
  return {
    date: '2026-01-02T03:04:05.000Z',
    quick: false,
    machine: {
      processor: 'a processor',
      cores: 2,
      memory: 8 * 2 ** 30,
      platform: 'linux x64',
      node: 'v20.0.0',
      load: [0, 2],
      bandwidth: 40e9,
      fp32: 130e9,
      int8: 290e9,
    },
    model: {
      id: 'model.gguf',
      layers: 30,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
      layerWeights: 107e6,
      headWeights: 28e6,
    },
    settings: { threads: 2, rounds: 1, tokens: 32, rowsContext: 512 },
    versions: { 'onnxruntime-node': '1.0.0' },
    measurements: figures.map(([engine, name, size, values]) => ({
      engine,
      name,
      size,
      unit: unitOf(name),
      values,
    })),
  };
}
