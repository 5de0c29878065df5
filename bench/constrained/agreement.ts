/**
 * Whether our masks are XGrammar's: its own grammar of each schema of a file (JSONSchemaBench's mask benchmark, a JSON
 * object a line with `id` and `schema`), given to both engines over SmolLM2's vocabulary, along random legal walks. Tokens
 * that XGrammar allows although no UTF-8 goes on so (E0 80, ED A0, F0 80, F4 90) are counted apart.
 *
 *   npx tsx bench/constrained/agreement.ts <file.jsonl> [--schemas 50] [--walks 200] [--steps 24] [--seed 1]
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  allows,
  gbnfLanguage,
  type Mask,
  TokenConstraint,
  type TokenState,
  Vocabulary,
} from '../../src/decode/constrained/index.ts';
import { uniform } from '../../src/decode/random.ts';
import { QuickstepError } from '../../src/errors.ts';
import { load } from '../../src/models/load.ts';
import { type Disposable, gbnfOf, loadXGrammar, oneLine, tokenizerInfo } from './xgrammar.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    schemas: { type: 'string', default: '50' },
    walks: { type: 'string', default: '200' },
    steps: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
  },
});
const [schemas, walks, steps, seed] = [values.schemas, values.walks, values.steps, values.seed].map(Number);

const lines = (await readFile(positionals[0], 'utf8')).trim().split('\n');
await using model = await load('smollm2', { threads: 1 });
const vocabulary = new Vocabulary(model.tokenizer, model.eosIds);

async function startXGrammar() {
  const xgrammar = await loadXGrammar();
  const info = await tokenizerInfo(xgrammar, vocabulary);
  return { xgrammar, compiler: await xgrammar.GrammarCompiler.createGrammarCompiler(info, false) };
}

/** Bits that two masks do not share. */
function differences(ours: Uint32Array, theirs: Int32Array): number[] {
  const found: number[] = [];
  for (const [word, bits] of ours.entries()) {
    const other = bits ^ theirs[word];
    for (let bit = 0; other !== 0 && bit < 32; bit++) if ((other >>> bit) & 1) found.push(word * 32 + bit);
  }
  return found;
}

const known = new WeakMap<Mask, readonly number[]>();

/** The tokens of a mask. */
function members(mask: Mask): readonly number[] {
  let found = known.get(mask);
  if (!found) {
    found = differences(mask.bits, new Int32Array(mask.bits.length));
    known.set(mask, found);
  }
  return found;
}

/** Whether bytes begin a text in UTF-8. */
function isBeginning(tokens: readonly number[]): boolean {
  const bytes = tokens.flatMap((token) => [...model.tokenizer.bytes(token)]);
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes), { stream: true });
    return true;
  } catch {
    return false;
  }
}

let engine = await startXGrammar();
const started = performance.now();
const text = (tokens: readonly number[]) => JSON.stringify(model.tokenizer.decode(tokens));

let [agreed, compared, illFormed] = [0, 0, 0];
for (let row = 0, asked = 0; asked < schemas && row < lines.length; row++) {
  const { id, schema } = JSON.parse(lines[row]);
  let compiled: Disposable;
  let ours: TokenConstraint;
  try {
    const grammar = await engine.xgrammar.Testings._jsonSchemaToEBNF(JSON.stringify(schema), ...oneLine);
    ours = new TokenConstraint(gbnfLanguage(gbnfOf(grammar)), vocabulary);
    compiled = await engine.compiler.compileGrammar(grammar);
  } catch (error) {
    // What either engine says it does not support is not compared.
    console.log(`${id}: ${error instanceof Error ? error.message : error}`);
    // An aborted WebAssembly module is not to be trusted any more.
    if (!QuickstepError.isInstance(error)) engine = await startXGrammar();
    continue;
  }
  asked++;
  const matcher = await engine.xgrammar.GrammarMatcher.createGrammarMatcher(compiled);
  let [differing, example] = [0, ''];
  for (let walk = 0; walk < walks; walk++) {
    matcher.reset();
    let state: TokenState | undefined = ours.start();
    const tokens: number[] = [];
    for (let step = 0; state && step < steps; step++) {
      const mask = state.mask();
      const different = differences(mask.bits, await matcher.getNextTokenBitmask());
      const found = different.filter((token) => allows(mask, token) || isBeginning([...tokens, token]));
      if (different.length > found.length) illFormed++;
      compared++;
      if (found.length > 0) {
        const more = found.filter((token) => !allows(mask, token));
        example ||= `behind ${text(tokens)} XGrammar allows ${more.map((token) => text([token])).join(' ') || 'less'}`;
        differing++;
      }
      const legal = members(mask);
      const draw = uniform({ seed, stream: 16, step: row * walks + walk, position: step });
      const token = legal[Math.floor(draw * legal.length)];
      if (!matcher.acceptToken(token)) {
        example = `behind ${text(tokens)} XGrammar refuses ${text([token])}`;
        break;
      }
      tokens.push(token);
      state = state.advance(token);
    }
  }
  matcher.dispose();
  compiled.dispose();
  if (example) console.log(`${id}: ${differing} masks differ; ${example}`);
  else agreed++;
  const minutes = (performance.now() - started) / 60_000;
  console.log(
    `${agreed} of ${asked} schemas agree, ${compared} masks compared, ${illFormed} of them but for what is no UTF-8; about ${Math.round(minutes * (schemas / asked - 1))} min left`,
  );
}
console.log(`${agreed} schemas agree along ${walks} walks each, ${compared} masks compared`);
console.log(`in ${illFormed} of them XGrammar allows bytes that are no UTF-8`);
