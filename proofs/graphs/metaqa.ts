/**
 * Decoding on graphs with SmolLM2 on MetaQA's test questions, over its whole graph of movies:
 *   npx tsx proofs/graphs/metaqa.ts <folder of MetaQA> [--hops 1] [--samples 20] [--seed 1] [--facts 12] [--threads 1]
 * Two solved questions and, where the label says so, some facts near the topic are in the prompt. Prints the share of right
 * first answers (hits@1), of connected chains, and of facts that the graph has.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeBatch } from '../../src/decode/batch/batchllm.ts';
import { answerLine, type TripleNames } from '../../src/decode/constrained/graph/triple-text.ts';
import { checkChain, readGraph, tripleLine, wellFormedChains } from '../../src/decode/constrained/index.ts';
import { load } from '../../src/models/load.ts';
import { TaskRandom } from '../../src/tasks/random.ts';
import { wilsonInterval } from '../../src/tasks/wilson.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hops: { type: 'string', default: '1' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    facts: { type: 'string', default: '12' },
    threads: { type: 'string' },
    model: { type: 'string', default: 'smollm2' },
  },
});
const [folder] = positionals;
const [hops, samples, seed, most] = [values.hops, values.samples, values.seed, values.facts].map(Number);
const path = (name: string) => join(folder, name);

// Ids count the lines, but in one line another id stands.
const temporary = await mkdtemp(join(tmpdir(), 'metaqa-'));
const names = join(temporary, 'names.txt');
const entities = (await readFile(path('entity2text.txt'), 'utf8')).trimEnd().split('\n');
await writeFile(names, entities.map((line, id) => `${id}\t${line.split('\t')[1]}`).join('\n'));
const graph = await readGraph(['train.tsv', 'dev.tsv', 'test.tsv'].map(path), {
  names: [names, path('relation2text.txt')],
});
await rm(temporary, { recursive: true });
console.log(`${graph.size} triples, ${graph.entities.count} entities`);

interface Question {
  readonly text: string;
  readonly topic: string;
  readonly answers: readonly string[];
  /** Triples from the topic to an answer. */
  readonly chain: readonly TripleNames[];
}

const other = (fact: TripleNames, name: string) => (fact.head === name ? fact.tail : fact.head);
const around = (name: string) => graph.near([name], 1);

/** The shortest chain of `hops` triples from the topic to one of the answers. */
function chainTo(topic: string, answers: readonly string[]): TripleNames[] | undefined {
  const first = around(topic);
  if (hops === 1) {
    const found = first.find((fact) => answers.includes(other(fact, topic)));
    return found && [found];
  }
  for (const fact of first) {
    const between = other(fact, topic);
    const next = around(between).find((one) => one !== fact && answers.includes(other(one, between)));
    if (next) return [fact, next];
  }
  return undefined;
}

function parse(line: string): Question | undefined {
  const [text, gold] = line.split('\t');
  const topic = /\[(.*)\]/.exec(text)?.[1];
  if (topic === undefined || graph.entities.find(topic) === undefined) return undefined;
  const answers = gold.split('|');
  const chain = chainTo(topic, answers);
  return chain && { text: text.replace(/[[\]]/g, ''), topic, answers, chain };
}

const lines = (await readFile(path(`${hops}-hop.test.txt`), 'utf8'))
  .split('\n')
  .filter((line) => line !== '');
const random = new TaskRandom(seed, hops);
random.reset(0, 0);
const questions: Question[] = [];
for (const line of random.sample(lines, Math.min(lines.length, 3 * samples + 20))) {
  const question = parse(line);
  if (question && questions.length < samples + 2) questions.push(question);
}
const [shots, asked] = [questions.slice(0, 2), questions.slice(2)];

const system =
  'Answer the question with facts of a graph, one a line, each connected to what was asked or to a fact before it. Then give the answer.';

/** A user's turn; facts nearest to the topic, the question's own among them when it is an example. */
function turn({ text, topic, chain }: Question, told: boolean, isShot: boolean) {
  const near = told ? graph.near([topic], hops, most) : [];
  const facts = isShot && told ? [...chain, ...near.slice(0, most - chain.length)] : near;
  const content = `${facts.map(tripleLine).join('')}Question: ${text}?`;
  return { role: 'user', content };
}

await using model = await load(values.model, {
  threads: values.threads ? Number(values.threads) : undefined,
});

const arms = [
  { label: 'free, facts in the prompt', told: true, method: 'greedy', on: false },
  { label: 'DoG, greedy, facts in the prompt', told: true, method: 'greedy', on: true },
  { label: 'DoG, 3 beams, facts in the prompt', told: true, method: 'decoding-on-graphs', on: true },
  { label: 'free, question alone', told: false, method: 'greedy', on: false },
  { label: 'DoG, greedy, question alone', told: false, method: 'greedy', on: true },
];
const totals = arms.map(() => ({ asked: 0, right: 0, connected: 0, triples: 0, faithful: 0 }));

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** What has been measured so far. */
function report(): void {
  console.log(`${hops}-hop, seed ${seed}`);
  for (const [a, { label }] of arms.entries()) {
    const { asked: done, right, connected, triples, faithful } = totals[a];
    const { low, high } = wilsonInterval(right, done);
    console.log(
      `${label}: hits@1 ${right} of ${done} (${percent(low)} to ${percent(high)}), connected ${connected}, ${faithful} of ${triples} facts faithful`,
    );
  }
}

// All arms of all questions as one batch: the examples are read once, and each question's facts.
const requests = asked.flatMap((question) => {
  const constraint = wellFormedChains(graph, [question.topic], { maxTriples: hops });
  return arms.map(({ told, method, on }) => {
    const examples = shots.flatMap((shot) => {
      const last = shot.answers.find((name) =>
        shot.chain.some(({ head, tail }) => head === name || tail === name),
      )!;
      const content = shot.chain.map(tripleLine).join('') + answerLine([last]);
      return [turn(shot, told, true), { role: 'assistant', content }];
    });
    const prompt = [{ role: 'system', content: system }, ...examples, turn(question, told, false)];
    return { prompt, options: { constraint: on ? constraint : undefined, method, maxTokens: 120 } };
  });
});
const started = performance.now();
let finished = 0;
for await (const outcome of decodeBatch(model, requests, { sharing: 'recent', order: 'given' })) {
  if ('error' in outcome) throw outcome.error;
  const question = asked[Math.floor(outcome.index / arms.length)];
  const total = totals[outcome.index % arms.length];
  const check = checkChain(graph, [question.topic], outcome.result.text);
  total.asked++;
  total.right += Number(question.answers.includes(check.answers[0]));
  total.connected += Number(check.connected);
  total.triples += check.triples;
  total.faithful += check.faithful;
  finished++;
  const minutes = ((performance.now() - started) / 60_000) * (requests.length / finished - 1);
  if (finished % 10 === 0)
    process.stderr.write(`${finished} of ${requests.length}, about ${Math.ceil(minutes)} min left\n`);
  if (finished % 50 === 0 && finished < requests.length) report();
}
report();
