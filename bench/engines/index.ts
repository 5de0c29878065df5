/** The engines of the benchmark: how to start each, and what its weights and cache weigh. */

import type { Engine, EngineOptions } from './engine.ts';

/** Which prepared weights an engine reads, see prepare.ts. */
export type WeightsKind = 'checkpoint' | 'Q8_0' | 'Q4_0' | 'onnx';

export interface EngineEntry {
  /** Name in tables. */
  label: string;
  weights: WeightsKind;
  /** Bits of one weight of the matrices, scales included; the roofline counts the bytes a step must read. */
  bitsPerWeight: number;
  /** Bytes of one cached key or value. */
  bytesPerCached: number;
  /** Which measured GEMM peak bounds its products. */
  products: 'fp32' | 'int8';
  create(options: EngineOptions): Promise<Engine>;
}

const quickstep = async (precision: 'w8a8' | 'w4' | 'fp32', options: EngineOptions) =>
  (await import('./quickstep.ts')).createQuickstep(precision, options);
const llamaCpp = async (options: EngineOptions) => (await import('./llama-cpp.ts')).createLlamaCpp(options);
const transformersJs = async (dtype: 'q8' | 'fp32', options: EngineOptions) =>
  (await import('./transformers-js.ts')).createTransformersJs(dtype, options);

export const engines = {
  'quickstep-w8a8': {
    label: 'Quickstep w8a8',
    weights: 'checkpoint',
    bitsPerWeight: 8,
    bytesPerCached: 4,
    products: 'int8',
    create: (options) => quickstep('w8a8', options),
  },
  'quickstep-w4': {
    label: 'Quickstep w4',
    weights: 'checkpoint',
    bitsPerWeight: 5,
    bytesPerCached: 4,
    products: 'int8',
    create: (options) => quickstep('w4', options),
  },
  'quickstep-fp32': {
    label: 'Quickstep fp32',
    weights: 'checkpoint',
    bitsPerWeight: 32,
    bytesPerCached: 4,
    products: 'fp32',
    create: (options) => quickstep('fp32', options),
  },
  'llama-cpp-q8': {
    label: 'llama.cpp Q8_0',
    weights: 'Q8_0',
    bitsPerWeight: 8.5,
    bytesPerCached: 2,
    products: 'int8',
    create: llamaCpp,
  },
  'llama-cpp-q4': {
    label: 'llama.cpp Q4_0',
    weights: 'Q4_0',
    bitsPerWeight: 4.5,
    bytesPerCached: 2,
    products: 'int8',
    create: llamaCpp,
  },
  'transformers-js-q8': {
    label: 'transformers.js q8',
    weights: 'onnx',
    bitsPerWeight: 8,
    bytesPerCached: 4,
    products: 'int8',
    create: (options) => transformersJs('q8', options),
  },
  'transformers-js-fp32': {
    label: 'transformers.js fp32',
    weights: 'onnx',
    bitsPerWeight: 32,
    bytesPerCached: 4,
    products: 'fp32',
    create: (options) => transformersJs('fp32', options),
  },
} as const satisfies Record<string, EngineEntry>;

export type EngineId = keyof typeof engines;
export const engineIds = Object.keys(engines) as EngineId[];
