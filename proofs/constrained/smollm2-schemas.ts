/**
 * SmolLM2 under JSON schemas: how many of its answers ajv takes, for every way of decoding, and whether lossless drafters
 * write what greedy decoding writes.
 *
 *   npx tsx proofs/constrained/smollm2-schemas.ts [--prompts 300] [--batch 10] [--threads 1] [--seed 1] \
 *     [--kinds person,recipe] [--methods medusa,clover]
 */

import { parseArgs } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import { type GenerateOptions, generateBatch, type Prompt } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';

const { values } = parseArgs({
  options: {
    prompts: { type: 'string', default: '300' },
    batch: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    /** Only the prompts of these schemas, to go on with a run that was stopped. */
    kinds: { type: 'string' },
    /** Only these ways of decoding, beside greedy decoding. */
    methods: { type: 'string' },
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

/** Lossless drafters: their answers must be greedy decoding's. */
const drafters = ['prompt-lookup', 'medusa', 'clover'];
/** Options by method, beside greedy decoding. */
const decodings: Record<string, GenerateOptions> = {
  ...Object.fromEntries(drafters.map((method) => [method, {}])),
  sample: { temperature: 1, seed },
  'beam-search': { methodOptions: { beams: 2 } },
};
const methods = ['greedy', ...(values.methods?.split(',') ?? Object.keys(decodings))];

await using model = await load('smollm2', { threads });
const ajv = new Ajv2020({ strict: false, ownProperties: true });
formatsPlugin.default(ajv);
const judges = Object.fromEntries(
  Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(schema)]),
);

/** What a method has written so far, over all prompts. */
interface Written {
  valid: number;
  /** Answers that are greedy decoding's, token for token. */
  same: number;
  tokens: number;
  forwards: number;
}

const totals = new Map(
  methods.map((method): [string, Written] => [method, { valid: 0, same: 0, tokens: 0, forwards: 0 }]),
);
let asked = 0;

/** Decodes prompts of one schema by one method and counts. */
async function decode(kind: string, prompts: readonly Prompt[], method: string): Promise<string[]> {
  const options = { ...decodings[method], method, schema: schemas[kind], maxTokens: 160 };
  const results = await generateBatch(model, prompts, options).result;
  const written = totals.get(method)!;
  for (const { text, finish, tokens, forwards } of results) {
    const valid = finish === 'eos' && judges[kind](JSON.parse(text));
    if (!valid) console.log(`${method}, ${kind}: ${text}`);
    written.valid += Number(valid);
    written.tokens += tokens.length;
    written.forwards += forwards;
  }
  return results.map(({ tokens }) => tokens.join());
}

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
    let greedy: readonly string[] | undefined;
    for (const [method, written] of totals) {
      const answers = await decode(kind, prompts, method);
      greedy ??= answers;
      written.same += answers.filter((answer, i) => answer === greedy![i]).length;
    }
    asked += prompts.length;
    const minutes = ((performance.now() - started) / 60_000) * (wanted.length / asked - 1);
    const counts = Array.from(totals, ([method, { valid, same }]) =>
      drafters.includes(method)
        ? `${method} ${valid} valid and ${same} the same`
        : `${method} ${valid} valid`,
    );
    console.log(`${asked} prompts, about ${Math.ceil(minutes)} min left: ${counts.join(', ')}`);
  }
}
for (const [method, { tokens, forwards }] of totals)
  console.log(`${method}: ${(tokens / forwards).toFixed(2)} tokens a forward`);
const whole = Array.from(totals).every(
  ([method, { valid, same }]) => valid === asked && (!drafters.includes(method) || same === asked),
);
process.exitCode = whole ? 0 : 1;
