import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindDim, bindInputs } from './bindings.ts';
import { GraphBuilder } from './builder.ts';
import { addDims, type Dim, type Shape, zeros } from './types.ts';

/** Binds float32 inputs of declared shapes to concrete ones. */
function bind(declared: readonly Shape[], actual: readonly (readonly number[])[]) {
  const b = new GraphBuilder();
  const inputs = new Map(declared.map((shape, i) => [`x${i}`, b.input(`x${i}`, 'float32', shape)]));
  return bindInputs(inputs, Object.fromEntries(actual.map((shape, i) => [`x${i}`, zeros('float32', shape)])));
}

describe('bindInputs', () => {
  it('binds plain symbols before sums, whatever the order of the inputs', () => {
    const bindings = bind([['rows+slots'], ['slots'], ['rows']], [[5], [2], [3]]);
    expect(Object.fromEntries(bindings)).toEqual({ rows: 3, slots: 2 });
  });

  it('solves a sum or a multiple for its one unknown symbol', () => {
    expect(Object.fromEntries(bind([['rows', 'rows+slots+1']], [[3, 10]]))).toEqual({ rows: 3, slots: 6 });
    expect(Object.fromEntries(bind([['3*rows']], [[12]]))).toEqual({ rows: 4 });
  });

  it.each<[string, Shape, number[]]>([
    ['a multiple that does not divide', ['3*rows'], [13]],
    ['a sum below its known part', ['rows', 'rows+slots'], [3, 2]],
    ['a sum that contradicts', ['rows', 'rows+2'], [3, 4]],
    ['one symbol with two sizes', ['rows', 'rows'], [3, 4]],
  ])('refuses %s', (_, declared, actual) => {
    expect(() => bind([declared], [actual])).toThrow(/Input x0 is float32/);
  });

  it('gives every size back as it was passed', () => {
    const symbol = fc.constantFrom<Dim>('a', 'b', 'c', '2*a', 4, 0);
    const size = fc.oneof(
      symbol,
      fc.tuple(symbol, symbol).map(([x, y]) => addDims(x, y)),
    );
    const sizes = fc.record({ a: fc.nat(9), b: fc.nat(9), c: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(size, { maxLength: 5 }), sizes, (rest, numbers) => {
        const shape: Shape = ['a', 'b', 'c', ...rest];
        const truth = new Map(Object.entries(numbers));
        const actual = shape.map((dim) => bindDim(dim, truth));
        const bindings = bind([shape.toReversed()], [actual.toReversed()]);
        expect(Object.fromEntries(bindings)).toEqual(numbers);
      }),
    );
  });
});

describe('bindDim', () => {
  it('refuses a symbol that no input has', () => {
    expect(() => bindDim('rows+slots', new Map([['rows', 1]]))).toThrow('slots is not bound');
  });
});
