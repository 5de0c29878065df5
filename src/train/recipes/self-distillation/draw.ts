/** Which answers a step of training sees: all of them once, in an order of its own for each time round. */

import { uniform } from '../../../decode/random.ts';
import { trainingStreams } from '../../streams.ts';

/** `count` of the given numbers for a step, from 1 on. */
export function drawn(numbers: readonly number[], seed: number, step: number, count: number): number[] {
  const orders = new Map<number, number[]>();
  const orderOf = (round: number): number[] => {
    const known = orders.get(round);
    if (known) return known;
    const keys = numbers.map((_, position) =>
      uniform({ seed, stream: trainingStreams.example, step: round, position }),
    );
    const order = [...numbers.keys()].sort((a, b) => keys[a] - keys[b]);
    orders.set(round, order);
    return order;
  };
  return Array.from({ length: count }, (_, i) => {
    const at = (step - 1) * count + i;
    return numbers[orderOf(Math.floor(at / numbers.length))[at % numbers.length]];
  });
}
