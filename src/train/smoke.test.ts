import { describe, expect, it } from 'vitest';
import { lossChange } from './smoke.ts';

const change = (...losses: number[]) => lossChange(losses.map((loss) => ({ loss })));

describe('lossChange', () => {
  it('compares the first five losses with the last five', () => {
    expect(change(9, 9, 9, 9, 4, 100, 3, 3, 3, 3, 3)).toEqual({ first: 8, last: 3, fell: true });
    expect(change(1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1)).toEqual({ first: 1, last: 1, fell: false });
  });

  it('compares halves of a shorter run', () => {
    expect(change(4, 2, 100, 1, 1)).toEqual({ first: 3, last: 1, fell: true });
  });

  it('sees no fall in one step, or none', () => {
    expect(change(3)).toEqual({ first: 3, last: 3, fell: false });
    expect(change().fell).toBe(false);
  });
});
