/** What the constrained benchmark asks: schemas that every engine takes, a document of each, and a prompt for it. */

export interface Case {
  name: string;
  schema: Record<string, unknown>;
  /** Valid, in the order of the schema. */
  document: unknown;
  prompt: string;
}

const object = (properties: Record<string, unknown>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const string = { type: 'string' };

export const cases: readonly Case[] = [
  {
    name: 'person',
    schema: object({ name: string, age: { type: 'integer' }, married: { type: 'boolean' }, city: string }),
    document: { name: 'Ada Lovelace', age: 36, married: true, city: 'London' },
    prompt: 'Invent a person. Answer as JSON.',
  },
  {
    name: 'order',
    schema: object({
      customer: object({ name: string, country: { enum: ['Austria', 'Brazil', 'Chad', 'Denmark'] } }),
      lines: {
        type: 'array',
        items: object({ product: string, amount: { type: 'integer' }, price: { type: 'number' } }),
        minItems: 1,
        maxItems: 3,
      },
      paid: { type: 'boolean' },
    }),
    document: {
      customer: { name: 'Grete Olsen', country: 'Denmark' },
      lines: [
        { product: 'a wooden chair', amount: 4, price: 79.5 },
        { product: 'a round table', amount: 1, price: 240 },
      ],
      paid: false,
    },
    prompt: 'Write an order of furniture as JSON.',
  },
  {
    name: 'bounded strings',
    schema: object({
      title: { type: 'string', maxLength: 60 },
      summary: { type: 'string', maxLength: 300 },
      tags: { type: 'array', items: { type: 'string', maxLength: 20 }, maxItems: 5 },
    }),
    document: {
      title: 'How the tides come about',
      summary:
        'The moon pulls at the sea, and the sea follows: twice a day it rises and falls along the coast.',
      tags: ['moon', 'sea', 'tides'],
    },
    prompt: 'Summarize how the tides come about, as JSON with a title, a summary and tags.',
  },
  {
    name: 'long keys',
    schema: object({
      preferredContactMethod: { enum: ['telephone', 'electronic mail', 'letter'] },
      numberOfPreviousComplaints: { type: 'integer' },
      descriptionOfTheProblem: string,
      requiresImmediateAttention: { type: 'boolean' },
    }),
    document: {
      preferredContactMethod: 'electronic mail',
      numberOfPreviousComplaints: 2,
      descriptionOfTheProblem: 'The parcel came open and a cup was broken.',
      requiresImmediateAttention: false,
    },
    prompt: 'A customer got a broken cup. Fill in the complaint form as JSON.',
  },
];
