/**
 * SmolLM2 under JSON schemas: how many of its answers ajv takes, for every way of decoding, and whether prompt lookup
 * writes what greedy decoding writes.
 *
 *   npx tsx proofs/constrained/smollm2-schemas.ts [--prompts 300] [--batch 10] [--threads 1] [--seed 1] \
 *     [--kinds person,recipe]
 */

import { parseArgs } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import { type GenerateOptions, generateBatch, type Result } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';

const { values } = parseArgs({
  options: {
    prompts: { type: 'string', default: '300' },
    batch: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    /** Only the prompts of these schemas, to go on with a run that was stopped. */
    kinds: { type: 'string' },
  },
});
const [count, batch, threads, seed] = [values.prompts, values.batch, values.threads, values.seed].map(Number);

const name = { type: 'string', minLength: 1, maxLength: 24 };
const schemas: Record<string, Record<string, unknown>> = {
  person: {
    type: 'object',
    properties: { name, age: { type: 'integer', minimum: 0, maximum: 120 }, married: { type: 'boolean' } },
    required: ['name', 'age', 'married'],
  },
  recipe: {
    type: 'object',
    properties: {
      title: name,
      minutes: { type: 'integer', exclusiveMinimum: 0, maximum: 600, multipleOf: 5 },
      ingredients: { type: 'array', items: name, minItems: 2, maxItems: 4 },
    },
    required: ['title', 'minutes', 'ingredients'],
  },
  event: {
    type: 'object',
    properties: {
      what: name,
      day: { type: 'string', format: 'date' },
      place: { anyOf: [name, { type: 'null' }] },
    },
    required: ['what', 'day'],
    additionalProperties: false,
  },
  product: {
    type: 'object',
    properties: {
      sku: { type: 'string', pattern: '^[A-Z]{2}-\\d{4}$' },
      price: { type: 'number', minimum: 0, maximum: 999.99 },
      size: { enum: ['S', 'M', 'L', 'XL'] },
    },
    required: ['sku', 'price', 'size'],
  },
  family: {
    $defs: {
      member: {
        type: 'object',
        properties: { name, children: { type: 'array', items: { $ref: '#/$defs/member' }, maxItems: 2 } },
        required: ['name'],
      },
    },
    $ref: '#/$defs/member',
  },
  verdict: {
    oneOf: [
      { type: 'object', properties: { ok: { const: true } }, required: ['ok'] },
      { type: 'object', properties: { ok: { const: false }, reason: name }, required: ['ok', 'reason'] },
    ],
  },
};
const subjects = [
  'a sailor',
  'a small town',
  'the sea',
  'a birthday',
  'a school',
  'winter',
  'a bakery',
  'music',
  'a farm',
  'the moon',
];
const manners = ['Invent', 'Describe', 'Write about', 'Give an example with', 'Think of'];

/** Prompt number `i`: every schema with every subject in every manner. */
function promptOf(i: number) {
  const kinds = Object.keys(schemas);
  const kind = kinds[i % kinds.length];
  const subject = subjects[Math.floor(i / kinds.length) % subjects.length];
  const manner = manners[Math.floor(i / kinds.length / subjects.length) % manners.length];
  return { kind, prompt: [{ role: 'user', content: `${manner} ${subject}: a ${kind} as JSON.` }] as const };
}

const decodings: Record<string, GenerateOptions> = {
  greedy: { method: 'greedy' },
  'prompt-lookup': { method: 'prompt-lookup' },
  sample: { method: 'sample', temperature: 1, seed },
  'beam-search': { method: 'beam-search', methodOptions: { beams: 2 } },
};

await using model = await load('smollm2', { threads });
const ajv = new Ajv2020({ strict: false, ownProperties: true });
formatsPlugin.default(ajv);
const judges = Object.fromEntries(
  Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(schema)]),
);

const totals = Object.fromEntries(
  Object.keys(decodings).map((label) => [label, { valid: 0, tokens: 0, forwards: 0 }]),
);
let [same, asked] = [0, 0];
const started = performance.now();
// Prompts of a batch share a schema.
const kinds = values.kinds?.split(',') ?? Object.keys(schemas);
const wanted = Array.from({ length: count }, (_, i) => promptOf(i)).filter(({ kind }) =>
  kinds.includes(kind),
);
for (const kind of kinds) {
  const all = wanted.filter((asked) => asked.kind === kind);
  for (let first = 0; first < all.length; first += batch) {
    const prompts = all.slice(first, first + batch).map(({ prompt }) => prompt);
    const answers: Record<string, Result[]> = {};
    for (const [label, options] of Object.entries(decodings)) {
      const results = await generateBatch(model, prompts, {
        ...options,
        schema: schemas[kind],
        maxTokens: 160,
      }).result;
      answers[label] = results;
      for (const { text, finish, tokens, forwards } of results) {
        const valid = finish === 'eos' && judges[kind](JSON.parse(text));
        if (!valid) console.log(`${label}, ${kind}: ${text}`);
        totals[label].valid += valid ? 1 : 0;
        totals[label].tokens += tokens.length;
        totals[label].forwards += forwards;
      }
    }
    const equal = (a: string, b: string) =>
      answers[a].filter(({ tokens }, i) => tokens.join() === answers[b][i].tokens.join()).length;
    same += equal('greedy', 'prompt-lookup');
    asked += prompts.length;
    const minutes = ((performance.now() - started) / 60_000) * (wanted.length / asked - 1);
    console.log(
      `${asked} prompts, about ${Math.ceil(minutes)} min left: ${Object.entries(totals)
        .map(([label, { valid }]) => `${label} ${valid} valid`)
        .join(', ')}; prompt lookup the same ${same}`,
    );
  }
}
for (const [label, { tokens, forwards }] of Object.entries(totals))
  console.log(`${label}: ${(tokens / forwards).toFixed(2)} tokens a forward`);
const whole = Object.values(totals).every(({ valid }) => valid === asked) && same === asked;
process.exitCode = whole ? 0 : 1;
