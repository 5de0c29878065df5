import { describe, expect, it } from 'vitest';
import { float32 } from '../graph/types.ts';
import { MovingAverage } from './average.ts';

const parameters = (...values: number[]) => new Map([['w', float32([values.length], values)]]);
const averaged = (average: MovingAverage) => [...average.parameters.get('w')!.data];

describe('MovingAverage', () => {
  it('starts from a copy of the parameters', () => {
    const start = parameters(1, 2);
    const average = new MovingAverage(start, ['w'], 0.9);
    start.get('w')!.data.fill(7);
    expect(averaged(average)).toEqual([1, 2]);
  });

  it('keeps its decay, and less in the first steps', () => {
    const average = new MovingAverage(parameters(0), ['w'], 0.5);
    average.update(parameters(11), 1);
    // Step 1 keeps 2/11 of what was there.
    expect(averaged(average)[0]).toBeCloseTo(9, 5);
    average.update(parameters(0), 100);
    expect(averaged(average)[0]).toBeCloseTo(4.5, 5);
  });

  it('comes to constant parameters', () => {
    const average = new MovingAverage(parameters(5, -5), ['w'], 0.9);
    for (let step = 1; step <= 200; step++) average.update(parameters(1, 2), step);
    expect(averaged(average)[0]).toBeCloseTo(1, 5);
    expect(averaged(average)[1]).toBeCloseTo(2, 5);
  });

  it('leaves out what is not named', () => {
    const both = new Map([...parameters(1), ['frozen', float32([1], [2])] as const]);
    expect([...new MovingAverage(both, ['w'], 0.9).parameters.keys()]).toEqual(['w']);
  });
});
