/**
 * Grammar-aligned decoding on SmolLM2: the skewed binary strings of the paper's first experiment, whose distributions are
 * computed exactly, and its program synthesis tasks (bv4 and SLIA, a JSON object a line with `id`, `grammar` and `prompt`,
 * worked examples first), where the likelihood of what is drawn is compared with that of plain masking.
 *
 *   npx tsx proofs/constrained/grammar-aligned-tasks.ts <file.jsonl ...> [--tasks 6] [--draws 400] [--examples 3] \
 *     [--seed 1] [--threads 1] [--show]
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { decodeBatch } from '../../src/decode/batch/batchllm.ts';
import {
  alignedDecoding,
  type DrawnAnswer,
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
import type { ChatMessage } from '../../src/text/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string', default: '6' },
    draws: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    examples: { type: 'string', default: '3' },
    show: { type: 'boolean', default: false },
  },
});
const [taskCount, draws, seed, examples] = [values.tasks, values.draws, values.seed, values.examples].map(
  Number,
);
/** Runs side by side that draw into one trie: what one learns, the others know at once. */
const runs = 16;
/** Longer ones take too long to read on a processor. */
const maxPrompt = 7_500;
/** The longest of these prompts, and all runs' programs. */
const maxSlots = 8_192;
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

/** Of the authors: three worked examples, each with its problem, and then the problem itself. */
interface Task {
  id: string;
  grammar: string;
  prompt: string;
}

/** A task as a chat: a worked example is a turn that was answered. */
function turns({ prompt }: Task): ChatMessage[] {
  const [instruction, ...questions] = prompt.split('\nQuestion:\n');
  const asked = questions.slice(-1 - examples).flatMap((question): ChatMessage[] => {
    const [problem, solution] = question.split('\nSolution:\n').map((part) => part.trim());
    const turn: ChatMessage = { role: 'user', content: problem };
    return solution ? [turn, { role: 'assistant', content: solution }] : [turn];
  });
  return [{ role: 'system', content: instruction.trim() }, ...asked];
}

/** Learns nothing: the probabilities of each place are those that masking leaves, and any answer stays possible. */
class Masking extends PrefixTrie {
  override add(parent: TrieNode, choice: TrieNode['choice'], probability: number): TrieNode {
    return super.add(parent, choice, probability / parent.legal!.mass);
  }

  override update(): void {}
}

/** Draws in the order in which they came to their ends; the prompt is read once. */
async function draw(task: Task, trie: PrefixTrie): Promise<DrawnAnswer[]> {
  const drawn: DrawnAnswer[] = [];
  const method = alignedDecoding(trie, (answer) => drawn.push(answer));
  const methodOptions = { draws: Math.ceil(draws / runs), tolerance: 0, explore: false };
  const options = { grammar: task.grammar, maxTokens, seed, method, methodOptions };
  const requests = Array.from({ length: runs }, () => ({ prompt: turns(task), options }));
  for await (const outcome of decodeBatch(model, requests, { maxSlots }))
    if ('error' in outcome) throw outcome.error;
  if (values.show) {
    for (const { tokens, logprob } of drawn)
      console.log(`    ${logprob.toFixed(1)} ${tokens.length} ${model.tokenizer.decode(tokens)}`);
  }
  return drawn;
}

const logLikelihoods = (answers: readonly DrawnAnswer[]) => answers.map(({ logprob }) => logprob);

const mean = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

/** Mean and standard error. */
function average(numbers: readonly number[]): { mean: number; error: number } {
  const centre = mean(numbers);
  const variance =
    mean(numbers.map((value) => (value - centre) ** 2)) * (numbers.length / (numbers.length - 1));
  return { mean: centre, error: Math.sqrt(variance / numbers.length) };
}

function inWords(numbers: readonly number[]): string {
  const { mean, error } = average(numbers);
  return `${mean.toFixed(2)} (${error.toFixed(2)})`;
}

await binaryStrings();
console.log('mean log likelihoods of answers, in nats (standard error)');
for (const file of positionals) {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const tasks = lines
    .map((line): Task => JSON.parse(line))
    .filter(({ prompt }) => prompt.length <= maxPrompt)
    .slice(0, taskCount);
  const gains: number[] = [];
  for (const task of tasks) {
    const trie = new PrefixTrie();
    const masked = logLikelihoods(await draw(task, new Masking()));
    const aligned = logLikelihoods(await draw(task, trie));
    const half = Math.floor(aligned.length / 2);
    const [earlier, later] = [aligned.slice(0, half), aligned.slice(half)];
    gains.push(mean(later) - mean(masked));
    const { possible, seen } = trie.root;
    console.log(
      `  ${task.id}: masking ${inWords(masked)}; ASAp, first half of the draws ${inWords(earlier)}, second half ${inWords(later)}; legal ${seen.toExponential(1)} to ${possible.toExponential(1)}`,
    );
  }
  const notBelow = gains.filter((gain) => gain >= 0).length;
  const gain = gains.length > 1 ? inWords(gains) : gains.map((only) => only.toFixed(2)).join();
  console.log(
    `${file}: gain of the second half ${gain}; not below masking in ${notBelow} of ${gains.length} tasks`,
  );
}
