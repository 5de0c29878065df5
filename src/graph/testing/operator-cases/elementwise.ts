/** Random cases of elementwise operators. Test support; not part of the package. */

import fc from 'fast-check';
import type { OpKind } from '../../ops.ts';
import type { DType } from '../../types.ts';
import {
  anyType,
  broadcastable,
  type Cases,
  floats,
  numbers,
  positive,
  seed,
  shapes,
} from '../arbitraries.ts';
import type { InputSpec, Random } from '../compare.ts';

const halves = (random: Random) => Math.floor(random() * 20 - 10) / 2;

function unary(
  op: 'neg' | 'abs' | 'exp' | 'tanh' | 'sigmoid' | 'silu' | 'log' | 'sqrt' | 'reciprocal' | 'round',
  element?: InputSpec['element'],
): Cases {
  return fc.record({ shape: shapes(0), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape, element }],
    apply: (b, [x]) => [b[op](x)],
    seed,
  }));
}
type Binary = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'less' | 'equal';
function binary(op: Binary, dtypes = numbers, element?: InputSpec['element']): Cases {
  return fc
    .record({ pair: broadcastable(2), dtype: dtypes, seed })
    .map(({ pair: [left, right], dtype, seed }) => ({
      inputs: [
        { dtype, shape: left },
        { dtype, shape: right, element },
      ],
      apply: (b, [x, y]) => [b[op](x, y)],
      seed,
    }));
}

export const elementwise = {
  neg: unary('neg'),
  abs: unary('abs'),
  exp: unary('exp'),
  log: unary('log', positive),
  sqrt: unary('sqrt', positive),
  reciprocal: unary('reciprocal', positive),
  sigmoid: unary('sigmoid'),
  silu: unary('silu'),
  tanh: unary('tanh'),
  round: unary('round', halves),
  cast: fc
    .record({ shape: shapes(0), from: anyType, to: anyType, seed })
    .map(({ shape, from, to, seed }) => ({
      // Float to integer is defined where the integer exists; integers wrap.
      inputs: [
        { dtype: from, shape, element: from.startsWith('float') ? (random) => random() * 100 : undefined },
      ],
      apply: (b, [x]) => [b.cast(x, to)],
      seed,
    })),
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div', numbers, (random) => 1 + Math.floor(random() * 5)),
  maximum: binary('maximum'),
  less: binary('less'),
  equal: binary('equal', anyType),
  where: fc
    .record({
      triple: broadcastable(3),
      dtype: fc.constantFrom<DType>('float32', 'float64', 'uint8', 'int32', 'int64'),
      seed,
    })
    .map(({ triple: [condition, left, right], dtype, seed }) => ({
      inputs: [
        { dtype: 'bool', shape: condition },
        { dtype, shape: left },
        { dtype, shape: right },
      ],
      apply: (b, [c, x, y]) => [b.where(c, x, y)],
      seed,
    })),
} satisfies Partial<Record<OpKind, Cases>>;
