/**
 * Decodes random logits under every schema of a file in the form of JSONSchemaBench's mask benchmark (a JSON object a
 * line: `id`, `schema`, `tests` of `data` and `valid`), and lets ajv judge. Reports how many schemas are supported, what
 * keeps the others out, how long compiling takes, and whether any document was wrong.
 *
 *   npx tsx proofs/constrained/json-schema-bench.ts <file.jsonl> [documents for each schema, 12]
 */

import { readFileSync } from 'node:fs';
import { Ajv, type AnySchema } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import { jsonSchemaLanguage, TokenConstraint, Vocabulary } from '../../src/decode/constrained/index.ts';
import { randomAnswer } from '../../src/decode/constrained/testing/random-text.ts';
import { QuickstepError } from '../../src/errors.ts';
import { load } from '../../src/models/index.ts';

interface Row {
  id: string;
  schema: Record<string, unknown>;
  tests: { data: unknown; valid: boolean }[];
}

const [file, perSchema = '12'] = process.argv.slice(2);
const rows: Row[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
await using model = await load('house-causal');
const vocabulary = new Vocabulary(model.tokenizer, model.eosIds);

/** The judge of a schema; undefined for schemas that ajv does not take. */
function judge({
  $schema = '',
  ...schema
}: Record<string, unknown>): ((document: unknown) => boolean) | undefined {
  const draft = /2019/.test(String($schema)) ? Ajv2019 : /2020/.test(String($schema)) ? Ajv2020 : Ajv;
  const ajv = new draft({ strict: false, ownProperties: true, logger: false });
  formatsPlugin.default(ajv);
  try {
    const validate = ajv.compile(schema as AnySchema);
    return (document) => validate(document) === true;
  } catch {
    return undefined;
  }
}

const written = (constraint: TokenConstraint, document: unknown): boolean => {
  let state: ReturnType<TokenConstraint['start']> | undefined = constraint.start();
  for (const token of model.tokenizer.encode(JSON.stringify(document), { addSpecialTokens: false })) {
    state = state?.advance(token);
  }
  return state?.accepts === true;
};

const times: number[] = [];
const refused = new Map<string, number>();
const counts = {
  supported: 0,
  unjudged: 0,
  documents: 0,
  wrong: 0,
  validTests: 0,
  validWritten: 0,
  invalidTests: 0,
  invalidWritten: 0,
};
for (const { id, schema, tests } of rows) {
  const started = performance.now();
  let constraint: TokenConstraint;
  try {
    constraint = new TokenConstraint(jsonSchemaLanguage(schema), vocabulary);
  } catch (error) {
    if (!QuickstepError.isInstance(error)) throw error;
    const reason = error.message.replace(/ at #\S*/, '').replace(/ See docs.*/, '');
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    continue;
  } finally {
    times.push(performance.now() - started);
  }
  counts.supported++;
  for (const { data, valid } of tests) {
    const accepted = written(constraint, data);
    counts[valid ? 'validTests' : 'invalidTests']++;
    if (accepted) counts[valid ? 'validWritten' : 'invalidWritten']++;
  }
  const isValid = judge(schema);
  if (!isValid) counts.unjudged++;
  for (let seed = 0; isValid && seed < Number(perSchema); seed++) {
    const shortest = constraint.start().tokensToEnd;
    const text = randomAnswer(constraint, seed, shortest + 2 + 20 * (seed + 1));
    counts.documents++;
    if (isValid(JSON.parse(text))) continue;
    counts.wrong++;
    console.log(`${id}: ${text.slice(0, 200)}`);
  }
}
times.sort((a, b) => a - b);
const at = (share: number) => times[Math.floor(share * (times.length - 1))].toFixed(1);
console.log(
  `${counts.supported} of ${rows.length} schemas supported; compiled in ${at(0.5)} ms (median), ${at(0.95)} ms (95%), ${at(1)} ms (slowest)`,
);
console.log(
  `${counts.documents} random documents, ${counts.wrong} of them invalid (${counts.unjudged} schemas are not judged: ajv does not take them)`,
);
console.log(
  `${counts.validWritten} of ${counts.validTests} valid test documents can be written, ${counts.invalidWritten} of ${counts.invalidTests} invalid ones`,
);
for (const [reason, count] of [...refused].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(4)}  ${reason}`);
process.exitCode = counts.wrong + counts.invalidWritten > 0 ? 1 : 0;
