/**
 * Grammar-aligned decoding on SmolLM2: the skewed binary strings of the paper's first experiment, whose distributions are
 * computed exactly, and its program synthesis tasks (bv4 and SLIA, a JSON object a line with `id`, `grammar` and `problem`,
 * asked without worked examples), where the likelihood of what is drawn is compared with that of plain masking.
 *
 *   npx tsx proofs/constrained/grammar-aligned-tasks.ts <file.jsonl ...> [--tasks 6] [--draws 16] [--seed 1] [--threads 1]
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { decodeBatch } from '../../src/decode/batch/batchllm.ts';
import {
  alignedDecoding,
  divergence,
  everyAnswer,
  legalAnswers,
  PrefixTrie,
  type TrieNode,
} from '../../src/decode/constrained/index.ts';
import { constraintOf } from '../../src/decode/constrained/options.ts';
import { AnswerConstraint } from '../../src/decode/constrained/processor.ts';
import { type GenerateOptions, generate, promptTokens } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { nextProbabilities } from '../../src/proofs/teacher-forcing.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string', default: '6' },
    draws: { type: 'string', default: '16' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
});
const [taskCount, draws, seed] = [Number(values.tasks), Number(values.draws), Number(values.seed)];
/** Runs side by side that draw into one trie: what one learns, the others know at once. */
const runs = 8;
/** Longer ones take too long to read on a processor. */
const maxProblem = 1_000;
/** Room for a program; near it, recursion is led to an end. */
const maxTokens = 72;

await using model = await load('smollm2', { threads: Number(values.threads) });

async function binaryStrings(): Promise<void> {
  const grammar = 'root ::= "00000" | "1" [01] [01] [01] [01]';
  const prompt = [{ role: 'user', content: 'Generate a binary string of length 5.' }] as const;
  const tokens = promptTokens(model, prompt);
  const options: GenerateOptions = { grammar, maxTokens: 6, seed };
  const constraint = new AnswerConstraint(constraintOf(model, { grammar })!, 6);
  const isEnd = (answer: readonly number[]) => model.eosIds.includes(answer[answer.length - 1]);
  const every = await everyAnswer(
    (beginning) => nextProbabilities(model, [...tokens, ...beginning]),
    constraint,
    isEnd,
  );
  const trie = new PrefixTrie();
  const method = alignedDecoding(trie);
  const rows: string[] = [];
  for (const stop of [0, 10, 30, 100, 300]) {
    const methodOptions = { draws: stop - trie.draws, tolerance: 0, explore: false };
    if (stop > 0) await generate(model, { tokens }, { ...options, method, methodOptions }).result;
    const kl = divergence(legalAnswers(every, trie));
    rows.push(
      `  ${String(stop).padStart(3)} draws: ${kl.toExponential(2)} nats; not drawn yet ${trie.unseen.toExponential(2)}`,
    );
  }
  console.log(
    `binary strings: ${legalAnswers(every).length} answers, of probability ${every.root.possible.toExponential(2)}`,
  );
  console.log(rows.join('\n'));
}

interface Task {
  id: string;
  grammar: string;
  problem: string;
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

/** Learns nothing: the probabilities of each place are those that masking leaves, and any answer stays possible. */
class Masking extends PrefixTrie {
  override add(parent: TrieNode, choice: TrieNode['choice'], probability: number): TrieNode {
    return super.add(parent, choice, probability / parent.legal!.mass);
  }

  override update(): void {}
}

/** Log likelihoods of draws, in nats; the prompt is read once. */
async function likelihoods({ grammar, problem }: Task, trie: PrefixTrie): Promise<number[]> {
  const prompt = `${problem}\nSolution:\n`;
  const found: number[] = [];
  const method = alignedDecoding(trie, ({ logprob }) => found.push(logprob));
  const methodOptions = { draws: Math.ceil(draws / runs), tolerance: 0, explore: false };
  const options = { grammar, maxTokens, seed, method, methodOptions };
  const requests = Array.from({ length: runs }, () => ({ prompt, options }));
  for await (const outcome of decodeBatch(model, requests)) if ('error' in outcome) throw outcome.error;
  return found;
}

function summary(gains: readonly number[]): string {
  const spread = Math.sqrt(
    mean(gains.map((gain) => (gain - mean(gains)) ** 2)) / Math.max(1, gains.length - 1),
  );
  const notWorse = gains.filter((gain) => gain >= 0).length;
  return `gain so far ${mean(gains).toFixed(2)} nats, standard error ${spread.toFixed(2)}, at least 0 in ${notWorse} of ${gains.length} tasks`;
}

await binaryStrings();
for (const file of positionals) {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const tasks = lines
    .map((line): Task => JSON.parse(line))
    .filter(({ problem }) => problem.length <= maxProblem)
    .slice(0, taskCount);
  const gains: number[] = [];
  console.log(
    `${file}: ${tasks.length} tasks, ${draws} draws each; mean log likelihood of masking and of ASAp`,
  );
  for (const task of tasks) {
    const trie = new PrefixTrie();
    const masked = await likelihoods(task, new Masking());
    const aligned = await likelihoods(task, trie);
    gains.push(mean(aligned) - mean(masked));
    const { possible } = trie.root;
    console.log(
      `  ${task.id}: ${mean(masked).toFixed(2)} ${mean(aligned).toFixed(2)}; legal at most ${possible.toExponential(1)}; ${summary(gains)}`,
    );
  }
}
