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
import { answerLine, type TripleNames } from '../../src/decode/constrained/graph/triple-text.ts';
import { checkChain, readGraph, tripleLine, wellFormedChains } from '../../src/decode/constrained/index.ts';
import { generate } from '../../src/decode/generate.ts';
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
const totals = arms.map(() => ({ right: 0, connected: 0, triples: 0, faithful: 0, seconds: 0 }));

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** What has been measured with the first `done` questions. */
function report(done: number): void {
  console.log(`${hops}-hop, seed ${seed}, ${done} questions`);
  for (const [a, { label }] of arms.entries()) {
    const { right, connected, triples, faithful, seconds } = totals[a];
    const { low, high } = wilsonInterval(right, done);
    console.log(
      `${label}: hits@1 ${percent(right / done)} (${percent(low)} to ${percent(high)}), connected ${percent(connected / done)}, faithful ${percent(faithful / Math.max(1, triples))} of ${triples}, ${(seconds / done).toFixed(1)} s`,
    );
  }
}

const started = performance.now();
for (const [n, question] of asked.entries()) {
  for (const [a, { told, method, on }] of arms.entries()) {
    const prompt = [
      { role: 'system', content: system },
      ...shots.flatMap((shot) => {
        const last = shot.answers.find((name) =>
          shot.chain.some(({ head, tail }) => head === name || tail === name),
        )!;
        const content = shot.chain.map(tripleLine).join('') + answerLine([last]);
        return [turn(shot, told, true), { role: 'assistant', content }];
      }),
      turn(question, told, false),
    ];
    const constraint = on ? wellFormedChains(graph, [question.topic], { maxTriples: hops }) : undefined;
    const result = await generate(model, prompt, { constraint, method, maxTokens: 120 }).result;
    const check = checkChain(graph, [question.topic], result.text);
    totals[a].right += Number(question.answers.includes(check.answers[0]));
    totals[a].connected += Number(check.connected);
    totals[a].triples += check.triples;
    totals[a].faithful += check.faithful;
    totals[a].seconds += result.seconds;
  }
  const minutes = ((performance.now() - started) / 60_000) * (asked.length / (n + 1) - 1);
  process.stderr.write(`${n + 1} of ${asked.length}, about ${Math.ceil(minutes)} min left\n`);
  if ((n + 1) % 10 === 0 && n + 1 < asked.length) report(n + 1);
}
report(asked.length);
