/**
 * Stories with a given number of steps of calculation: a quantity that changes (`themes.ts`), a chain of comparisons,
 * and shopping. A story that leads to no valid step gives up with undefined, and the caller tries another.
 */

import type { Calculation, Operation } from './calculation.ts';
import { type Theme, themes } from './themes.ts';
import { capital, containers, joined, type Person, people, things } from './words.ts';

/** Tells a story of exactly `steps` equations; its question is about the last one's result. */
type Story = (calculation: Calculation, steps: number) => string | undefined;

const vehicles = ['bus', 'train'];
const animals = ['cows', 'sheep', 'goats'];

interface Numbers {
  n?: number;
  k?: number;
}

/** A text and the numbers in it. */
interface Part {
  text: string;
  numbers: Numbers;
}

type Fill = (text: string, numbers?: Numbers) => string;

/** Replaces {words} with the choices of this story. */
function filler({ random }: Calculation): Fill {
  const [{ name, he }, { name: friend }] = random.sample(people, 2);
  const words: Record<string, string> = {
    name,
    friend,
    he,
    things: random.pick(things),
    bags: random.pick(containers),
    bus: random.pick(vehicles),
    cows: random.pick(animals),
  };
  return (text, numbers = {}) =>
    text.replace(/\{(\w+)\}/g, (_, key: string) =>
      key === 'n' || key === 'k' ? String(numbers[key]) : words[key],
    );
}

const isProduct = (text: string): boolean => text.includes('{n}') && text.includes('{k}');

/** The product a text with {n} and {k} stands for, at most `most`, written down. */
function product(calculation: Calculation, text: string, most: number) {
  const k = calculation.factor();
  const largest = Math.floor(most / k);
  if (largest < 2) return undefined;
  const n = calculation.number(largest);
  const [left, right] = text.indexOf('{k}') < text.indexOf('{n}') ? [k, n] : [n, k];
  return { numbers: { n, k }, value: calculation.record(left, '*', right) };
}

/** How often each change is tried first. */
const changeOrder: readonly Operation[] = ['+', '+', '+', '-', '-', '-', '*', '/'];

/** One change of `value` in at most `steps` steps. */
function change(
  calculation: Calculation,
  theme: Theme,
  value: number,
  steps: number,
): (Part & { value: number }) | undefined {
  const { random, limit } = calculation;
  const operation = random.pick(changeOrder);
  const texts = theme.changes[operation];
  if (!texts) return undefined;
  const text = random.pick(texts);
  if (isProduct(text)) {
    const made =
      steps < 2 ? undefined : product(calculation, text, operation === '+' ? limit - value : value);
    return made && { text, numbers: made.numbers, value: calculation.record(value, operation, made.value) };
  }
  const operand = calculation.operand(value, operation);
  if (operand === undefined) return undefined;
  const numbers = text.includes('{k}') ? { k: operand } : { n: operand };
  return { text, numbers, value: calculation.record(value, operation, operand) };
}

/** The last step where it is a question of its own. */
function ending(calculation: Calculation, theme: Theme, value: number): Part | undefined {
  const { random, limit } = calculation;
  const operation = random.pick(['/', '-'] as const);
  const texts = theme.endings[operation];
  if (!texts) return undefined;
  if (operation === '/') {
    const k = calculation.operand(value, '/');
    if (k === undefined) return undefined;
    calculation.record(value, '/', k);
    return { text: random.pick(texts), numbers: { k } };
  }
  if (value >= limit) return undefined;
  const n = random.between(value + 1, limit);
  calculation.record(n, '-', value);
  return { text: random.pick(texts), numbers: { n } };
}

/** The smallest number a story begins with, so that there is something to take from. */
const leastOpening = 5;

function plainOpening({ random, limit }: Calculation) {
  const n = random.between(leastOpening, limit - leastOpening);
  return { numbers: { n }, value: n };
}

/** The question about the quantity itself. */
function question({ random }: Calculation, { questions }: Theme, changes: number): Part {
  return { text: changes === 0 ? questions[0] : random.pick(questions), numbers: {} };
}

/** After this many changes that do not fit, another story is cheaper. */
const mostTries = 20;

const changing: Story = (calculation, steps) => {
  const { random, lines, limit } = calculation;
  const theme = random.pick(themes);
  const fill = filler(calculation);
  const text = random.pick(theme.openings);
  const start = isProduct(text) ? product(calculation, text, limit) : plainOpening(calculation);
  if (!start) return undefined;
  let { value } = start;
  const endsWithStep = steps > 1 && random.chance(40);
  const stepsOfChanges = endsWithStep ? steps - 1 : steps;
  const changes: string[] = [];
  for (let tries = 0; lines.length < stepsOfChanges; tries++) {
    if (tries > mostTries) return undefined;
    const next = change(calculation, theme, value, stepsOfChanges - lines.length);
    if (!next) continue;
    value = next.value;
    changes.push(fill(next.text, next.numbers));
  }
  const sentences = [fill(text, start.numbers)];
  if (changes.length > 0) sentences.push(`${capital(fill(theme.subject))} ${joined(changes)}.`);
  const last = endsWithStep
    ? ending(calculation, theme, value)
    : question(calculation, theme, changes.length);
  if (!last) return undefined;
  return [...sentences, capital(fill(last.text, last.numbers))].join(' ');
};

/** Ways to compare one number with another, by what it does to the number. */
interface Comparisons {
  first(name: string, value: number): string;
  next: Readonly<Record<'+' | '-' | '*' | '/', string>>;
  question(name: string): string;
  together(a: string, b: string): string;
}

function comparing(thing: string): Comparisons {
  return {
    first: (name, value) => `${name} has ${value} ${thing}.`,
    next: {
      '+': 'has {n} more than',
      '-': 'has {n} fewer than',
      '*': 'has {n} times as many as',
      '/': 'has half as many as',
    },
    question: (name) => `How many ${thing} does ${name} have?`,
    together: (a, b) => `How many ${thing} do ${a} and ${b} have together?`,
  };
}

const ages: Comparisons = {
  first: (name, value) => `${name} is ${value} years old.`,
  next: {
    '+': 'is {n} years older than',
    '-': 'is {n} years younger than',
    '*': 'is {n} times as old as',
    '/': 'is half as old as',
  },
  question: (name) => `How old is ${name}?`,
  together: (a, b) => `How old are ${a} and ${b} together?`,
};

const comparison: Story = (calculation, steps) => {
  const { random, lines, limit } = calculation;
  const words = random.chance(30) ? ages : comparing(random.pick(things));
  const names = random.sample(people, steps + 1).map(({ name }) => name);
  const together = steps > 1 && random.chance(50);
  const values = [calculation.number(limit - 1)];
  const sentences = [words.first(names[0], values[0])];
  while (lines.length < steps - (together ? 1 : 0)) {
    const value = values[values.length - 1];
    const operation = random.pick(changeOrder);
    const operand = operation === '/' ? 2 : calculation.operand(value, operation);
    if (operand === undefined || value < 2 || (operation === '/' && value % 2 === 1)) return undefined;
    const [previous, name] = names.slice(values.length - 1);
    sentences.push(`${name} ${words.next[operation].replace('{n}', String(operand))} ${previous}.`);
    values.push(calculation.record(value, operation, operand));
  }
  const last = values.length - 1;
  if (!together) return [...sentences, words.question(names[last])].join(' ');
  const other = random.below(last);
  if (values[other] + values[last] > limit) return undefined;
  calculation.record(values[other], '+', values[last]);
  return [...sentences, words.together(names[other], names[last])].join(' ');
};

const goods = things.filter((thing) => thing !== 'coins');

/** What each number of steps buys: kinds of goods bought in numbers, one piece more, and whether there is change. */
const shoppingLists: readonly { kinds: number; single: boolean; change: boolean }[][] = [
  [{ kinds: 1, single: false, change: false }],
  [
    { kinds: 1, single: false, change: true },
    { kinds: 1, single: true, change: false },
  ],
  [
    { kinds: 2, single: false, change: false },
    { kinds: 1, single: true, change: true },
  ],
  [
    { kinds: 2, single: false, change: true },
    { kinds: 2, single: true, change: false },
  ],
  [
    { kinds: 3, single: false, change: false },
    { kinds: 2, single: true, change: true },
  ],
];

function pronoun({ he }: Person): string {
  return capital(he);
}

const shopping: Story = (calculation, steps) => {
  const { random, limit } = calculation;
  const { kinds, single, change: paysMore } = random.pick(shoppingLists[steps - 1]);
  const buyer = random.pick(people);
  const costs: number[] = [];
  const items = random.sample(goods, kinds).map((good) => {
    const made = product(calculation, '{k} for {n}', Math.floor(limit / (kinds + 1)));
    if (!made) return '';
    costs.push(made.value);
    return `${made.numbers.k} ${good} for ${made.numbers.n} coins each`;
  });
  if (single) {
    costs.push(calculation.number(Math.floor(limit / (kinds + 1))));
    items.push(`a ${random.pick(['bag', 'box', 'jar'])} for ${costs[kinds]} coins`);
  }
  if (costs.length < items.length) return undefined;
  const total = costs.reduce((sum, cost) => calculation.record(sum, '+', cost));
  const sentence = `${buyer.name} buys ${joined(items)}.`;
  if (!paysMore) return `${sentence} How many coins does ${buyer.he} pay?`;
  const paid = random.between(total + 1, Math.min(limit, total + 100));
  calculation.record(paid, '-', total);
  return `${sentence} ${pronoun(buyer)} pays with ${paid} coins. How many coins are left?`;
};

/** As often as the kinds of story there are of each. */
export const stories: readonly Story[] = [changing, changing, changing, comparison, shopping];
