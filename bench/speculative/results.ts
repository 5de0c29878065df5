/** The results file of the speculative benchmark, and the figures that are read from it. */

import { z } from 'zod';
import { machineSchema } from '../this-machine.ts';

const levels = z.array(z.int().min(0));

const answerSchema = z.strictObject({
  seconds: z.number().positive().describe('wall time, the prompt included'),
  first: z.number().positive().describe('seconds until the first token'),
  tokens: z.int().positive(),
  digest: z.int().min(0).describe('tells answers apart'),
  forwards: z.int().positive().optional().describe("forwards of the model, the prompt's too"),
  drafted: levels.describe('[level] times that a place was drafted whose places before were right'),
  accepted: levels.describe('[level] times that it was right'),
});

export const speculativeResultsFile = z.strictObject({
  date: z.iso.datetime(),
  machine: machineSchema,
  threads: z.int().positive(),
  model: z.string(),
  maxTokens: z.int().positive(),
  seed: z.int(),
  note: z.string().max(300).optional().describe('what tells this run from others, added by hand'),
  versions: z.record(z.string(), z.string()),
  systems: z
    .array(z.strictObject({ label: z.string(), lossless: z.boolean() }))
    .min(1)
    .describe('the first is the baseline'),
  questions: z
    .array(
      z.strictObject({
        id: z.int(),
        task: z.string(),
        promptTokens: z.int().positive(),
        answers: z.array(answerSchema).describe('in the order of the systems'),
      }),
    )
    .min(1),
});

export type SpeculativeResults = z.output<typeof speculativeResultsFile>;
export type AnswerResult = z.output<typeof answerSchema>;

/** An engine's numbers as an answer. */
export function answerResult(numbers: Readonly<Record<string, number>>): AnswerResult {
  const { seconds, first, tokens, digest, forwards } = numbers;
  const byLevel = (name: string) => {
    const counts: number[] = [];
    for (let level = 1; numbers[`drafted.${level}`] !== undefined; level++)
      counts.push(numbers[`${name}.${level}`] ?? 0);
    return counts;
  };
  return answerSchema.parse({
    ...{ seconds, first, tokens, digest, forwards },
    ...{ drafted: byLevel('drafted'), accepted: byLevel('accepted') },
  });
}

/** What one system did on some questions. */
export interface Summary {
  /** Mean over the questions of tokens per second, as Spec-Bench has it. */
  rate: number;
  /** The same without the time to the first token. */
  decodeRate: number;
  /** Tokens for each forward but that of the prompt; undefined where forwards are not known. */
  tokensPerForward: number | undefined;
  /** Answers that are the baseline's, token for token. */
  same: number;
  /** [level] Share of the drafted places that were right, those before them being so. */
  acceptance: readonly number[];
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function summarize(questions: SpeculativeResults['questions'], system: number): Summary {
  const answers = questions.map((question) => question.answers[system]);
  const decoded = answers.filter(({ tokens }) => tokens > 1);
  const forwards = answers.map(({ forwards }) => forwards);
  const total = (of: (answer: AnswerResult) => number) =>
    answers.reduce((sum, answer) => sum + of(answer), 0);
  const levelsSeen = Math.max(0, ...answers.map(({ drafted }) => drafted.length));
  return {
    rate: mean(answers.map(({ tokens, seconds }) => tokens / seconds)),
    decodeRate: mean(decoded.map(({ tokens, seconds, first }) => (tokens - 1) / (seconds - first))),
    tokensPerForward: forwards.includes(undefined)
      ? undefined
      : total(({ tokens }) => tokens - 1) / total((answer) => answer.forwards! - 1),
    same: questions.filter(({ answers }) => answers[system].digest === answers[0].digest).length,
    acceptance: Array.from({ length: levelsSeen }, (_, level) => {
      const drafted = total((answer) => answer.drafted[level] ?? 0);
      return total((answer) => answer.accepted[level] ?? 0) / drafted;
    }),
  };
}

/** Tasks in the order they come. */
export const tasksOf = ({ questions }: Pick<SpeculativeResults, 'questions'>): string[] => [
  ...new Set(questions.map(({ task }) => task)),
];
