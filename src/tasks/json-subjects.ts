/** What the sentences of the JSON task are about: people, goods and events, and the facts told of each. */

import type { TaskRandom } from './random.ts';
import { joined, people } from './words.ts';

export type Value =
  | string
  | number
  | boolean
  | null
  | readonly string[]
  | { readonly [field: string]: Value };

/** One field with its value and the words that tell it; no words for a field that is missing. */
export interface Fact {
  readonly field: string;
  readonly value: Value;
  readonly text?: string;
  /** Fields of other facts that would tell the same. */
  readonly covers?: readonly string[];
}

type Make = (random: TaskRandom) => Fact;

export interface Subject {
  named(random: TaskRandom): Fact & { readonly text: string };
  readonly plain: readonly Make[];
  readonly lists: readonly Make[];
  readonly flags: readonly Make[];
  readonly nested: readonly Make[];
}

const words = (text: string): readonly string[] => text.split(' ');

const cities = words('Oslo Rome Paris Lima Cairo Tokyo Delhi');
const jobs = words('nurse pilot baker farmer singer');
const colors = words('red blue green white black');
const animals = words('cat dog horse bird');
const petNames = words('Rex Luna Coco Milo');
const foods = words('rice soup bread cheese cake');
const days = words('Monday Tuesday Wednesday Thursday Friday');
const goods = words('lamp chair table bike coat');
const events = words('concert dance film race');
const sports = words('chess golf tennis music');

/** A fact whose value is one of a list; `{}` in the text is the value. */
function oneOf(field: string, values: readonly string[], ...texts: string[]): Make {
  return (random) => {
    const value = random.pick(values);
    return { field, value, text: random.pick(texts).replace('{}', value) };
  };
}

/** A fact whose value is a number from `least` to `most`. */
function number(field: string, [least, most]: readonly [number, number], ...texts: string[]): Make {
  return (random) => {
    const value = random.between(least, most);
    return { field, value, text: random.pick(texts).replace('{}', String(value)) };
  };
}

/** A fact whose value is a list of two or three. */
function several(field: string, values: readonly string[], text: string): Make {
  return (random) => {
    const value = random.sample(values, random.between(2, 3));
    return { field, value, text: text.replace('{}', joined(value)) };
  };
}

function flag(field: string, yes: string, no: string): Make {
  return (random) => {
    const value = random.chance(50);
    return { field, value, text: value ? yes : no };
  };
}

const person: Subject = {
  named(random) {
    const { name } = random.pick(people);
    return { field: 'name', value: name, text: name };
  },
  plain: [
    number('age', [18, 90], 'is {}', 'is {} years old'),
    oneOf('city', cities, 'lives in {}', 'comes from {}'),
    oneOf('job', jobs, 'is a {}', 'works as a {}'),
    oneOf('color', colors, 'loves {}', 'wears {}'),
    oneOf('food', foods, 'eats {}'),
  ],
  lists: [several('hobbies', sports, 'enjoys {}')],
  flags: [flag('married', 'is married', 'is not married')],
  nested: [
    (random) => {
      const [kind, name] = [random.pick(animals), random.pick(petNames)];
      return { field: 'pet', value: { kind, name }, text: `has a ${kind} named ${name}` };
    },
    (random) => {
      const [title, city] = [random.pick(jobs), random.pick(cities)];
      return {
        field: 'work',
        value: { title, city },
        text: `is a ${title} in ${city}`,
        covers: ['job', 'city'],
      };
    },
    (random) => {
      const [kind, age] = [random.pick(animals), random.between(1, 15)];
      return { field: 'pet', value: { kind, age }, text: `has a ${kind} of ${age} years`, covers: ['age'] };
    },
  ],
};

const product: Subject = {
  named(random) {
    const item = random.pick(goods);
    return { field: 'item', value: item, text: random.chance(50) ? `the ${item}` : `this ${item}` };
  },
  plain: [
    number('price', [5, 999], 'costs {} coins', 'sells for {}'),
    oneOf('color', colors, 'is {}'),
    number('weight', [2, 40], 'weighs {} kg'),
    oneOf('city', cities, 'is made in {}', 'comes from {}'),
  ],
  lists: [several('colors', colors, 'comes in {}'), several('shops', cities, 'is sold in {}')],
  flags: [flag('new', 'is new', 'is not new'), flag('sold', 'is sold', 'is not sold')],
  nested: [
    (random) => {
      const [width, height] = [random.between(10, 99), random.between(10, 99)];
      return { field: 'size', value: { width, height }, text: `is ${width} cm wide and ${height} cm high` };
    },
    (random) => {
      const [{ name }, city] = [random.pick(people), random.pick(cities)];
      return {
        field: 'maker',
        value: { name, city },
        text: `is made by ${name} in ${city}`,
        covers: ['city'],
      };
    },
  ],
};

const event: Subject = {
  named(random) {
    const title = random.pick(events);
    return { field: 'event', value: title, text: `the ${title}` };
  },
  plain: [
    oneOf('day', days, 'is on {}', 'starts on {}'),
    number('hour', [8, 22], 'starts at {}'),
    oneOf('city', cities, 'is in {}'),
    number('guests', [10, 500], 'has {} guests', 'is for {} people'),
    number('price', [2, 90], 'costs {} coins'),
  ],
  lists: [several('days', days, 'is open on {}')],
  flags: [flag('free', 'is free', 'is not free')],
  nested: [
    (random) => {
      const [city, room] = [random.pick(cities), random.between(1, 60)];
      return {
        field: 'place',
        value: { city, room },
        text: `is in room ${room} in ${city}`,
        covers: ['city'],
      };
    },
    (random) => {
      const [day, hour] = [random.pick(days), random.between(8, 22)];
      return {
        field: 'start',
        value: { day, hour },
        text: `starts on ${day} at ${hour}`,
        covers: ['day', 'hour'],
      };
    },
  ],
};

export const subjects: readonly Subject[] = [person, product, event];
