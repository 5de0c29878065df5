/** The chain of thought of a word problem: equations written down as a story comes to them. */

import type { TaskRandom } from './random.ts';

export type Operation = '+' | '-' | '*' | '/';

const smallest = 2;
const largestFactor = 9;

/** Equations over non-negative integers up to `limit`, and random operands that keep to it. */
export class Calculation {
  readonly lines: string[] = [];
  readonly random: TaskRandom;
  readonly limit: number;

  constructor(random: TaskRandom, limit: number) {
    this.random = random;
    this.limit = limit;
  }

  /** Writes an equation down and returns its result. */
  record(left: number, operation: Operation, right: number): number {
    const value = evaluate(left, operation, right);
    if (!(Number.isInteger(value) && value >= 0 && value <= this.limit)) {
      throw new Error(`no step of a word problem: ${left}${operation}${right}=${value}`);
    }
    this.lines.push(`${left}${operation}${right}=${value}`);
    return value;
  }

  /** A factor from 2 to 9. */
  factor(): number {
    return this.random.between(smallest, largestFactor);
  }

  /** A number from 2 to `most`, as often below 20 as anywhere. */
  number(most: number): number {
    return this.random.between(smallest, this.random.chance(50) ? Math.min(most, 20) : most);
  }

  /** Right operands that keep the result in range: to add, to take away, to multiply or divide by. */
  operand(value: number, operation: Operation): number | undefined {
    switch (operation) {
      case '+':
        return value + smallest > this.limit ? undefined : this.number(this.limit - value);
      case '-':
        return value < smallest ? undefined : this.number(value);
      case '*': {
        const most = Math.min(largestFactor, Math.floor(this.limit / Math.max(value, 1)));
        return value === 0 || most < smallest ? undefined : this.random.between(smallest, most);
      }
      case '/': {
        const divisors = factors.filter((factor) => value > 0 && value % factor === 0);
        return divisors.length > 0 ? this.random.pick(divisors) : undefined;
      }
    }
  }
}

const factors = Array.from({ length: largestFactor - smallest + 1 }, (_, i) => smallest + i);

function evaluate(left: number, operation: Operation, right: number): number {
  switch (operation) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
  }
}
