/**
 * Whether uint8 × int8 products saturate on this processor. Without VNNI, ONNX Runtime's kernel for them adds pairs of
 * products in 16 bits, and 2 · 255 · 127 does not fit. A session option replaces it by the uint8 × uint8 kernel, which is
 * always exact but takes twice the time for many rows where VNNI or AMX is there (docs/performance.md). So it is tried
 * once, rather than guessed from the processor's name.
 */

import { GraphBuilder } from './builder.ts';
import { compile } from './onnx/compile.ts';
import type { Runtime } from './session.ts';
import { float32, tensor } from './types.ts';

const inner = 64;
const columns = 16;

const known = new WeakMap<Runtime, Promise<boolean>>();

/** Whether the runtime's CPU provider saturates; tried on the first call for a runtime. */
export function saturates(runtime: Runtime): Promise<boolean> {
  let answer = known.get(runtime);
  if (!answer) {
    answer = tryLargestProducts(runtime);
    known.set(runtime, answer);
  }
  return answer;
}

/** One row and many, which have kernels of their own, of the largest codes times the largest weights. */
async function tryLargestProducts(runtime: Runtime): Promise<boolean> {
  const b = new GraphBuilder();
  const q = b.input('q', 'uint8', ['rows', inner]);
  const scale = b.input('scale', 'float32', ['rows', 1]);
  const weights = b.constant(tensor('int8', [inner, columns], new Int8Array(inner * columns).fill(127)));
  const ones = b.constant(float32([columns], new Float32Array(columns).fill(1)));
  b.output('product', b.quantizedMatmul(q, scale, weights, ones));
  const { model, externalData } = compile(b.build());
  const session = await runtime.InferenceSession.create(model, {
    externalData,
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { x64quantprecision: '0' } },
  });
  try {
    for (const rows of [1, 16]) {
      const { product } = await session.run({
        q: new runtime.Tensor('uint8', new Uint8Array(rows * inner).fill(255), [rows, inner]),
        scale: new runtime.Tensor('float32', new Float32Array(rows).fill(1), [rows, 1]),
      });
      if ((product.data as Float32Array).some((value) => value !== 127 * 127 * inner)) return true;
    }
    return false;
  } finally {
    await session.release();
  }
}
