/** The bars Quickstep set itself, checked against the medians of one run. */

import type { EngineId } from './engines/index.ts';
import { type Measurement, medianOf, type Results } from './results.ts';

export interface Bar {
  claim: string;
  /** The measured ratio; `undefined` when a figure it needs was not measured. */
  ratio: number | undefined;
  holds: boolean | undefined;
}

/** All bars, in the order of the docs. */
export function bars(results: Results): Bar[] {
  const ours: EngineId = 'quickstep-w8a8';
  const value = (engine: EngineId, name: Measurement['name'], size: number) =>
    medianOf(results, engine, name, size);
  const bar = (
    claim: string,
    above: number | undefined,
    below: number | undefined,
    holds: (ratio: number) => boolean,
  ): Bar => {
    const ratio = above !== undefined && below !== undefined ? above / below : undefined;
    return { claim, ratio, holds: ratio === undefined ? undefined : holds(ratio) };
  };
  const faster = (engine: EngineId, name: 'decode' | 'prefill', size: number) =>
    [value(engine, name, size), value(ours, name, size)] as const;
  return [
    bar(
      'decode at batch 1, context 64: at least 1.5x the speed of llama.cpp Q8_0',
      ...faster('llama-cpp-q8', 'decode', 64),
      (ratio) => ratio >= 1.5,
    ),
    bar(
      'decode at batch 1, context 64: not slower than llama.cpp Q4_0',
      ...faster('llama-cpp-q4', 'decode', 64),
      (ratio) => ratio >= 1,
    ),
    bar(
      '16 rows verified for at most 2.3x one row',
      value(ours, 'rows', 16),
      value(ours, 'rows', 1),
      (ratio) => ratio <= 2.3,
    ),
    bar(
      'prefill of 512 tokens: not slower than llama.cpp Q8_0',
      ...faster('llama-cpp-q8', 'prefill', 512),
      (ratio) => ratio >= 1,
    ),
    bar(
      'prefill of 512 tokens: not slower than llama.cpp Q4_0',
      ...faster('llama-cpp-q4', 'prefill', 512),
      (ratio) => ratio >= 1,
    ),
    bar(
      'decode at context 2048: at least 0.6x the speed at context 64',
      value(ours, 'decode', 64),
      value(ours, 'decode', 2048),
      (ratio) => ratio >= 0.6,
    ),
    bar(
      'batch 16: at least 4x the throughput of batch 1',
      value(ours, 'batch', 16),
      value(ours, 'batch', 1),
      (ratio) => ratio >= 4,
    ),
  ];
}
