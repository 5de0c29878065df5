/**
 * BatchLLM (2024): a batch that is known beforehand against first-come-first-served with a prefix cache. Ours takes at
 * least 1.3 times less processor time in half the slots, and gives the same answers; killed, it loses nothing.
 */

import { type BatchOptions, type BatchStatistics, decodeBatch } from '../decode/batch/batchllm.ts';
import { multiLevelSaving, prefixGroups } from '../decode/batch/prefix-groups.ts';
import { prefixTree } from '../decode/batch/prefix-tree.ts';
import { generate } from '../decode/generate.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { TaskRandom } from '../tasks/random.ts';
import { killBatch } from './batch-kills.ts';
import { type Workload, workloads } from './batch-workloads.ts';
import { json, sorting, wordProblems } from './house-tasks.ts';
import type { Condition, Decoding, Figures, Proof, ProofContext } from './proof.ts';

const decoding: Decoding = { label: 'batchllm', method: 'greedy' };

/** Runs at once where memory does not decide; the prefix cache of the baseline has 30% of what all prefixes would take. */
const fewRunning = 16;
const cachedShare = 0.3;
const leastSlots = 1024;

/** What the method itself has of the baseline's slots: the cache of a baseline fills whatever it has. */
const ourShare = 0.5;

interface Rung {
  label: string;
  options: BatchOptions;
  /** Of the baseline's slots. Default 1. */
  slots?: number;
}

/** Each adds one part of the method; the last is the method. */
const ladder: readonly Rung[] = [
  { label: 'first come, LRU', options: { sharing: 'recent', order: 'given', maxRunning: fewRunning } },
  { label: '+ groups', options: { sharing: 'groups', order: 'given', maxRunning: fewRunning } },
  { label: '+ decode-heavy first', options: { sharing: 'groups', maxRunning: fewRunning } },
  { label: '+ memory', options: {} },
  { label: 'batchllm: half the slots', options: {}, slots: ourShare },
];

interface Measured {
  label: string;
  texts: string[];
  /** Of the processor, all threads together: what else the machine does changes it little. */
  seconds: number;
  statistics: BatchStatistics;
}

async function measured(
  model: LanguageModel,
  { requests }: Workload,
  { label, options, slots = 1 }: Rung,
  baselineSlots: number,
  { signal, onProgress }: Pick<ProofContext, 'signal' | 'onProgress'>,
): Promise<Measured> {
  const texts: string[] = [];
  let statistics: BatchStatistics | undefined;
  const before = process.cpuUsage();
  const outcomes = decodeBatch(model, requests, {
    ...{ ...options, maxSlots: Math.ceil(slots * baselineSlots), signal },
    onProgress(progress) {
      statistics = progress.statistics;
      onProgress?.(progress.finished, progress.requests, label);
    },
  });
  for await (const outcome of outcomes) {
    if ('error' in outcome) throw outcome.error;
    texts[outcome.index] = outcome.result.text;
  }
  const { user, system } = process.cpuUsage(before);
  return { label, texts, seconds: (user + system) / 1e6, statistics: statistics! };
}

/** What all schedules make of one workload. */
interface Comparison {
  workload: Workload;
  maxSlots: number;
  runs: Measured[];
  /** Prompt tokens: all, saved by one shared prefix each, and by sharing at all levels. */
  tokens: { all: number; single: number; multi: number };
}

async function compare(context: ProofContext, workload: Workload): Promise<Comparison> {
  const prompts = workload.requests.map(({ prompt }) => prompt.tokens);
  const tree = prefixTree(prompts);
  const { groups, saved } = prefixGroups(tree);
  const prefixes = groups.reduce((sum, { length }) => sum + length, 0);
  const maxSlots = Math.max(leastSlots, Math.ceil(cachedShare * prefixes));
  const runs: Measured[] = [];
  for (const schedule of ladder)
    runs.push(await measured(context.model, workload, schedule, maxSlots, context));
  const all = prompts.reduce((sum, { length }) => sum + length, 0);
  return { workload, maxSlots, runs, tokens: { all, single: saved, multi: multiLevelSaving(tree, prompts) } };
}

const baselineOf = ({ runs }: Comparison) => runs[0];
const oursOf = ({ runs }: Comparison) => runs[runs.length - 1];

function sumOver(all: readonly Comparison[], value: (comparison: Comparison) => number): number {
  return all.reduce((sum, comparison) => sum + value(comparison), 0);
}

const equal = (a: readonly string[], b: readonly string[]) => a.filter((text, i) => text === b[i]).length;

/** Every tenth answer of ours against the one that its prompt has alone. */
async function answeredAlone(model: LanguageModel, all: readonly Comparison[], signal?: AbortSignal) {
  let [asked, same] = [0, 0];
  for (const comparison of all) {
    for (const [i, { prompt, options }] of comparison.workload.requests.entries()) {
      if (i % 10 > 0) continue;
      const { text } = await generate(model, prompt, { ...options, signal }).result;
      asked++;
      if (text === oursOf(comparison).texts[i]) same++;
    }
  }
  return { asked, same };
}

function conditionsOf(all: readonly Comparison[]): Condition[] {
  const prompts = sumOver(all, ({ workload }) => workload.requests.length);
  const same = sumOver(all, (each) => equal(baselineOf(each).texts, oursOf(each).texts));
  const read = sumOver(all, (each) => oursOf(each).statistics.sharedTokens);
  const saving = sumOver(all, ({ tokens }) => tokens.single);
  const peak = (of: typeof oursOf) => sumOver(all, (each) => of(each).statistics.peakSlots);
  const levels = all.find(({ workload }) => workload.label === 'two levels')!.tokens;
  const loss = levels.multi > 0 ? 1 - levels.single / levels.multi : 0;
  return [
    ...[{ text: "answers that are the baseline's", unit: 'answers' as const, value: same, bar: prompts }],
    ...[
      {
        text: 'prompt tokens shared: each prefix read once',
        unit: 'tokens' as const,
        value: read,
        bar: saving,
      },
    ],
  ]
    .map((condition): Condition => ({ ...condition, holds: condition.value === condition.bar }))
    .concat([
      {
        text: 'most slots in use, against the baseline (sum over the workloads)',
        unit: 'slots',
        value: peak(oursOf),
        bar: peak(baselineOf),
        holds: peak(oursOf) < peak(baselineOf),
      },
      {
        text: 'saving that one shared prefix loses against all levels, on two levels',
        unit: 'points',
        value: loss,
        bar: 0.05,
        holds: loss <= 0.05,
      },
    ]);
}

function figuresOf(all: readonly Comparison[]): Figures[] {
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)}%`;
  const scheduled = all.map(
    ({ workload, maxSlots, runs }): Figures => ({
      title: `${workload.label}: ${workload.requests.length} prompts, ${maxSlots} slots`,
      head: [
        'schedule',
        'shared',
        'rows',
        'forwards',
        'rows a forward',
        'variation',
        'at once',
        'most slots',
        'slots x forwards',
        'CPU s',
        'faster',
      ],
      rows: runs.map(({ label, seconds, statistics }) => {
        const { rows, forwards, squaredRows, sharedTokens, promptTokens, repeatedTokens } = statistics;
        const mean = rows / forwards;
        return [
          label,
          percent(sharedTokens - repeatedTokens, promptTokens),
          rows,
          forwards,
          mean.toFixed(1),
          (Math.sqrt(Math.max(0, squaredRows / forwards - mean ** 2)) / mean).toFixed(2),
          statistics.peakRunning,
          statistics.peakSlots,
          statistics.slotForwards,
          seconds.toFixed(1),
          `${(runs[0].seconds / seconds).toFixed(2)}x`,
        ];
      }),
    }),
  );
  const saving: Figures = {
    title: 'Prompt tokens saved',
    head: ['workload', 'prompt tokens', 'LRU', 'one shared prefix', 'all levels (bound)'],
    rows: all.map((each) => {
      const { tokens, workload } = each;
      const { sharedTokens } = baselineOf(each).statistics;
      const shares = [sharedTokens, tokens.single, tokens.multi].map((saved) => percent(saved, tokens.all));
      return [workload.label, tokens.all, ...shares];
    }),
  };
  return [saving, ...scheduled];
}

/** Kills the command at random moments of a part of the first workload. */
async function killed({ model, samples = 1, seed, signal }: ProofContext, { workload, runs }: Comparison) {
  const kills = Math.min(10, Math.floor(samples / 10));
  if (kills === 0) return { kills, missing: 0, repeated: 0, changed: 0, rewritten: 0 };
  const part = workload.requests.slice(0, 8 * kills);
  const random = new TaskRandom(seed, 0xdead);
  random.reset(0, 0);
  return killBatch({
    ...{ model: model.id, kills, random, signal },
    requests: part.map(({ prompt, options }) => ({ tokens: prompt.tokens, maxTokens: options!.maxTokens! })),
    answers: runs[0].texts.slice(0, part.length),
  });
}

export const batchllm: Proof = {
  slug: 'batchllm',
  claim:
    'In half the slots at least 1.3 times less processor time than first-come-first-served with LRU prefix reuse and chunked prefill, the same answers; killed at ten random moments, nothing is lost or done twice.',
  threshold: 1.3,
  gain: 'times less processor time than first come, first served, with LRU prefix reuse',
  model: 'house-causal',
  tasks: [wordProblems, json, sorting],
  decoding,
  settings: `solved problems as documents, 8 or 16 questions each, shuffled; the baseline has slots for ${100 * cachedShare}% of all prefixes, at least ${leastSlots}, and runs ${fewRunning} at once; ours has half of them, a share chosen on these problems`,
  async run(context) {
    const { model, samples = 1, seed, signal } = context;
    const all: Comparison[] = [];
    for (const workload of workloads(model.tokenizer, seed, samples))
      all.push(await compare(context, workload));
    const alone = await answeredAlone(model, all, signal);
    const { kills, missing, repeated, changed, rewritten } = await killed(context, all[0]);
    const wrong = missing + repeated + changed + rewritten;
    return {
      measured: sumOver(all, (each) => oursOf(each).seconds),
      baseline: sumOver(all, (each) => baselineOf(each).seconds),
      conditions: [
        {
          text: 'answers that are those of the prompt alone, one prompt in ten',
          unit: 'answers',
          value: alone.same,
          bar: alone.asked,
          holds: alone.same === alone.asked,
        },
        ...conditionsOf(all),
        {
          text: `answers lost, repeated or changed by ${kills} kills`,
          unit: 'answers',
          value: wrong,
          bar: 0,
          holds: wrong === 0,
        },
      ],
      controls: [],
      figures: figuresOf(all),
      measurements: [],
    };
  },
};
