/**
 * Decoding on graphs (2024): chains of facts that the graph has, connected to what was asked, and more right answers than the
 * same model gives without the graph behind it. Ours are questions over graphs of people whose names house-graph has never
 * seen, with the facts in the prompt, and without.
 */

import { answerLine, type TripleNames, tripleLine } from '../decode/constrained/graph/triple-text.ts';
import { chainWalk, type Place } from '../decode/constrained/graph/well-formed-chains.ts';
import { checkChain, KnowledgeGraph, stringSet, walks } from '../decode/constrained/index.ts';
import type { Language } from '../decode/constrained/language.ts';
import { type TrieNode, trieOf } from '../decode/constrained/string-set.ts';
import { readGraphQuestion } from '../tasks/graph-questions.ts';
import { totalsOf } from '../tasks/measure.ts';
import { type Arm, type Asked, measureArms } from './arms.ts';
import { controlOf } from './checks.ts';
import type { Condition, Measurement, Proof, ProofContext, TaskLevel } from './proof.ts';

const hops = [1, 2, 3];
const tasks: readonly TaskLevel[] = hops.map((level) => ({ task: 'graph-questions', level, maxTokens: 64 }));
/** Problems whose facts are mixed in as distractors. */
const distractors = 3;
/** Triples of a chain, and of the paths that are listed beforehand. */
const maxTriples = 3;

/** A way of answering questions about graphs. */
interface GraphArm extends Arm {
  /** Whether the facts are in the prompt. */
  readonly told: boolean;
  /** What keeps the answer to the graph, if anything. */
  readonly constraint?: 'chains' | 'paths';
  /** Facts of other problems are among those of the graph. */
  readonly crowded?: boolean;
}

const free: GraphArm = { label: 'free, facts in the prompt', method: 'greedy', told: true };
const ours: GraphArm = {
  label: 'DoG, 3 beams, facts in the prompt',
  method: 'decoding-on-graphs',
  told: true,
  constraint: 'chains',
};
const greedy: GraphArm = {
  label: 'DoG, greedy, facts in the prompt',
  method: 'greedy',
  told: true,
  constraint: 'chains',
};
const paths: GraphArm = {
  ...greedy,
  label: 'all paths listed, greedy, facts in the prompt',
  constraint: 'paths',
};
const legal: GraphArm = {
  ...ours,
  label: 'DoG, 3 beams by legal probabilities',
  options: { score: 'legal' },
};
const untold: GraphArm = { ...free, label: 'free, question alone', told: false };
const blind: GraphArm = { ...ours, label: 'DoG, 3 beams, question alone', told: false };
const blindGreedy: GraphArm = { ...greedy, label: 'DoG, greedy, question alone', told: false };
const crowdedFree: GraphArm = { ...free, label: 'free, four times the facts', crowded: true };
const crowdedOurs: GraphArm = { ...ours, label: 'DoG, 3 beams, four times the facts', crowded: true };
const crowdedBlind: GraphArm = {
  ...blind,
  label: 'DoG, 3 beams, question alone, four times the facts',
  crowded: true,
};
const arms = [
  free,
  ours,
  greedy,
  paths,
  legal,
  untold,
  blind,
  blindGreedy,
  crowdedFree,
  crowdedOurs,
  crowdedBlind,
];

/** A question with the graph that it is asked about, and with a larger one. */
interface Question {
  readonly prompt: string;
  readonly topic: string;
  readonly facts: readonly TripleNames[];
  readonly crowd: readonly TripleNames[];
}

/** A problem's question; what others say of the same people and relations is left out of the crowd. */
function questionOf({ problem, spare }: Asked, index: number): Question {
  const { facts, question, topic } = readGraphQuestion(problem.prompt);
  const others = Array.from({ length: distractors }, (_, n) => spare(distractors * index + n).prompt);
  const crowd = [...facts];
  for (const fact of others.flatMap((prompt) => readGraphQuestion(prompt).facts))
    if (crowd.every(({ head, relation }) => head !== fact.head || relation !== fact.relation))
      crowd.push(fact);
  // In the order of their text, which has nothing to do with where they come from.
  crowd.sort((a, b) => (tripleLine(a) < tripleLine(b) ? -1 : 1));
  return { prompt: question, topic, facts, crowd };
}

const nodesOf = ({ children }: TrieNode): number =>
  [...children.values()].reduce((sum, child) => sum + nodesOf(child), 1);

/** All chains of triples that lead from one entity to the next without coming back, each with its last entity as answer. */
function simplePaths(facts: readonly TripleNames[], topic: string): string[] {
  const found: string[] = [];
  const extend = (text: string, visited: readonly string[]) => {
    const here = visited[visited.length - 1];
    for (const fact of facts) {
      const next = fact.head === here ? fact.tail : fact.tail === here ? fact.head : here;
      if (visited.includes(next)) continue;
      const longer = text + tripleLine(fact);
      found.push(longer + answerLine([next]));
      if (visited.length < maxTriples) extend(longer, [...visited, next]);
    }
  };
  extend('', [topic]);
  return found;
}

/** The chains of a graph, which count the nodes of the tries that decoding asks for. */
function countedChains(graph: KnowledgeGraph, topic: string): { language: Language; nodes: () => number } {
  let nodes = 0;
  const language = walks<Place>('The graph', (canWrite) => {
    const walk = chainWalk(graph, new Set(graph.entityIds([topic])), { maxTriples, maxAnswers: 1 }, canWrite);
    return {
      ...walk,
      next(place) {
        const texts = [...walk.next(place)];
        nodes += nodesOf(
          trieOf(
            texts.map(([text]) => text),
            () => 0,
          ),
        );
        return texts;
      },
    };
  });
  return { language, nodes: () => nodes };
}

/** What an arm has written, summed over questions. */
interface Written {
  chains: number;
  connected: number;
  triples: number;
  faithful: number;
  /** Trie nodes. */
  nodes: number;
}

/** Every arm on every question. */
async function answerAll(context: ProofContext) {
  const written = arms.map((): Written => ({ chains: 0, connected: 0, triples: 0, faithful: 0, nodes: 0 }));
  const measurements = await measureArms(context, arms, (arm, asked, index) => {
    const { told, constraint: kind, crowded } = arm;
    const { prompt, topic, facts, crowd } = questionOf(asked, index);
    const known = crowded ? crowd : facts;
    const graph = KnowledgeGraph.of(known);
    const chains = countedChains(graph, topic);
    const listed = kind === 'paths' ? simplePaths(known, topic) : [];
    const constraint = kind && (kind === 'chains' ? chains.language : stringSet(listed));
    const content = (told ? known.map(tripleLine).join('') : '') + prompt;
    return {
      prompt: [{ role: 'user', content }],
      options: { constraint },
      observe({ text }) {
        const sum = written[arms.indexOf(arm)];
        const check = checkChain(graph, [topic], text);
        sum.chains++;
        sum.connected += Number(check.connected);
        sum.triples += check.triples;
        sum.faithful += check.faithful;
        sum.nodes += kind === 'paths' ? nodesOf(trieOf(listed, () => 0)) : kind ? chains.nodes() : 0;
      },
    };
  });
  return { measurements, written };
}

/** Share of wrong answers, by Laplace's rule of succession: never 0. */
function wrongShare({ tasks: measured }: Measurement): number {
  const { samples, correct } = totalsOf(measured);
  return (samples - correct + 1) / (samples + 2);
}

export const decodingOnGraphs: Proof = {
  slug: 'decoding-on-graphs',
  claim:
    "On graphs of people never seen, every chain is connected and every fact in it is the graph's, and at most half as many answers are wrong as without the graph behind the decoding.",
  threshold: 2,
  gain: 'times fewer wrong answers than free generation with the same facts in the prompt',
  model: 'house-graph',
  tasks,
  decoding: { label: ours.label, method: ours.method },
  settings:
    "three beams and their vote; ranked by the model's own probabilities, which was better on training problems",
  async run(context) {
    const { measurements, written } = await answerAll(context);
    const of = (arm: GraphArm) => measurements[arms.indexOf(arm)];
    const kept = arms.flatMap((arm, a) => (arm.constraint === 'chains' ? [written[a]] : []));
    const sum = (key: keyof Written) => kept.reduce((total, one) => total + one[key], 0);
    const all = (text: string, value: number, bar: number): Condition => ({
      text,
      unit: 'answers',
      value,
      bar,
      holds: value === bar,
    });
    const gain = controlOf(of(ours), of(free));
    const bare = controlOf(of(blind), of(untold));
    return {
      measured: wrongShare(of(ours)),
      baseline: wrongShare(of(free)),
      conditions: [
        all('connected chains with an answer, of all that DoG wrote', sum('connected'), sum('chains')),
        all('facts that the graph has, of all that DoG wrote', sum('faithful'), sum('triples')),
        {
          text: 'lower end of the 95% interval of the gain, with the facts in the prompt',
          unit: 'points',
          value: gain.low,
          bar: 0,
          holds: gain.low > 0,
        },
        {
          text: 'the same with the question alone in the prompt',
          unit: 'points',
          value: bare.low,
          bar: 0,
          holds: bare.low > 0,
        },
      ],
      controls: [free, greedy, paths, legal, untold, blind, crowdedFree].map((arm) =>
        controlOf(of(ours), of(arm)),
      ),
      figures: [
        {
          title:
            'What was written: share of connected chains, and of facts that the graph has; trie nodes a question',
          head: ['', 'connected', 'faithful', 'trie nodes'],
          rows: arms.map(({ label }, a) => {
            const { chains, connected, triples, faithful, nodes } = written[a];
            return [
              label,
              (connected / chains).toFixed(3),
              (faithful / Math.max(1, triples)).toFixed(3),
              Math.round(nodes / chains).toString(),
            ];
          }),
        },
        {
          title: 'Points lost when the facts are four times as many',
          head: ['', 'points'],
          rows: [
            ['free, facts in the prompt', lost(of(free), of(crowdedFree))],
            ['DoG, 3 beams, facts in the prompt', lost(of(ours), of(crowdedOurs))],
            ['DoG, 3 beams, question alone', lost(of(blind), of(crowdedBlind))],
          ],
        },
      ],
      measurements,
    };
  },
};

const lost = (few: Measurement, many: Measurement): string =>
  (100 * (totalsOf(few.tasks).accuracy - totalsOf(many.tasks).accuracy)).toFixed(1);
