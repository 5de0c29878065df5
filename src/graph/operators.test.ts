import fc from 'fast-check';
import * as web from 'onnxruntime-web';
import { describe, it } from 'vitest';
import type { OpKind } from './ops.ts';
import type { ProgramOptions, Runtime } from './session.ts';
import { compareWithReference } from './testing/compare.ts';
import { operatorCases } from './testing/operator-cases/index.ts';

web.env.wasm.numThreads = 1;

const runtimes: { name: string; options: ProgramOptions; numRuns: number }[] = [
  { name: 'onnxruntime-node on cpu', options: { providers: ['cpu'], threads: 1 }, numRuns: 30 },
  {
    name: 'onnxruntime-web on wasm',
    options: { providers: ['wasm'], runtime: web as unknown as Runtime },
    numRuns: 6,
  },
];

describe.each(runtimes)('every operator agrees with its reference on $name', ({ options, numRuns }) => {
  it.each(Object.keys(operatorCases) as OpKind[])('%s', async (op) => {
    const property = fc.asyncProperty(operatorCases[op], (test) => compareWithReference(test, options));
    await fc.assert(property, { numRuns, seed: 1 });
  });
});
